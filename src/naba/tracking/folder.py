"""Tracking off: the same log items as files in a folder, with no server and no database."""

from __future__ import annotations

import json
import logging
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from naba import files
from naba.errors import UserError
from naba.tracking.claims import TakenError
from naba.tracking.facts import Facts, Metric, Model, Param, Table, Tag, check_known, write_files
from naba.tracking.run import DIGEST, predictions_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from filelock import FileLock

    from naba.config.schema import TrackingConfig
    from naba.tracking.facts import Item, Wanted

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptFolder:
    """A finished result in a folder."""

    id: str
    name: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    folder: Path

    @cached_property
    def facts(self) -> Facts:
        """What the run is."""
        return Facts.from_tags(self.tags)

    @classmethod
    def read(cls, identity: str, file: Path) -> KeptFolder:
        """What `run.json` says.

        Raises:
            ValueError: it is not as naba wrote it.
        """
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            return cls(identity, content["name"], dict(content["tags"]), dict(content["metrics"]), file.parent)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

    def has_predictions(self) -> bool:
        """Are the predictions of all its sections there, as the run wrote them?"""
        return all(
            (self.folder / path).is_file() and self.tags.get(DIGEST + path) in {None, files.sha256(self.folder / path)}
            for path in map(predictions_path, self.facts.sections)
        )


class FolderTracker:
    """Results in folders `<dataset>/<model>-<seed>-<identity>`; a folder that has `run.json` is finished."""

    def __init__(self, config: TrackingConfig) -> None:
        self.folder = Path(config.folder).expanduser().resolve() if config.folder else files.home() / "results"

    @property
    def where(self) -> str:
        """The folder."""
        return str(self.folder)

    def finished(self, wanted: Wanted) -> KeptFolder | None:
        """The finished result that is what is wanted, or None; one that is damaged is named, and is none."""
        for path in sorted(self.folder.glob(f"*/*-{wanted.identity}/run.json")):
            try:
                found = KeptFolder.read(wanted.identity, path)
            except (OSError, ValueError) as error:
                logger.warning("%s cannot be read: %s", path, error)
                continue
            if not wanted.served_by(found.facts):
                continue
            if found.has_predictions():
                return found
            logger.warning("%s: its predictions are damaged or gone", path.parent)
        return None

    def extendable(self, wanted: Wanted) -> None:
        """None: a folder keeps no model that could be scored on further data sets."""

    def forget(self, identity: str) -> None:
        """Nothing: a folder is read whenever it is asked for."""

    def wait(self, identity: str) -> None:
        """Until no other process trains this identity."""
        with self._lock(identity):
            pass

    def _lock(self, identity: str) -> FileLock:
        from filelock import FileLock

        (self.folder / ".locks").mkdir(parents=True, exist_ok=True)
        return FileLock(str(self.folder / ".locks" / identity))

    @contextmanager
    def run(self, wanted: Wanted) -> Iterator[ActiveFolder]:
        """A folder that gets its final name only when everything is written; a failure leaves none.

        Raises:
            TakenError: another process trains this identity, or has finished it meanwhile.
        """
        from filelock import Timeout

        try:
            held = self._lock(wanted.identity).acquire(timeout=0)
        except Timeout as error:
            raise TakenError("another process") from error
        with held:
            if not wanted.force and self.finished(wanted):
                raise TakenError("a process that has just finished it")
            facts = wanted.facts
            final = self.folder / facts.dataset / f"{facts.model}-{facts.seed}-{wanted.identity}"
            with self._unfinished(final) as folder:
                yield ActiveFolder(folder, wanted.identity, wanted.name)

    @contextmanager
    def _unfinished(self, final: Path) -> Iterator[Path]:
        unfinished = final.with_name(final.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            yield unfinished
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        shutil.rmtree(final, ignore_errors=True)
        unfinished.replace(final)


class ActiveFolder:
    """One folder being written."""

    def __init__(self, folder: Path, identity: str, name: str) -> None:
        self.folder = folder
        self.id = identity
        self.name = name
        self.items: list[Item] = []

    def log(self, items: Sequence[Item]) -> None:
        """Write all items; numbers, params and tags together in `run.json`."""
        check_known(items)
        digests = write_files(items, self.folder)
        self.items += [*items, *(Tag(DIGEST + path, digest) for path, digest in digests.items())]
        for item in items:
            if isinstance(item, Table):
                path = self.folder / item.path
                path.parent.mkdir(parents=True, exist_ok=True)
                written = item.frame.to_json(orient="split", force_ascii=False, index=False, indent=1)
                with files.writing(path):
                    path.write_text(written or "", encoding="utf-8")
            elif isinstance(item, Model):
                self._keep(item)
        content = {
            "name": self.name,
            "metrics": {i.name: i.value for i in self.items if isinstance(i, Metric)},
            "params": {i.name: i.value for i in self.items if isinstance(i, Param)},
            "tags": {i.name: i.value for i in self.items if isinstance(i, Tag)},
        }
        text = json.dumps(content, ensure_ascii=False, indent=1)
        with files.writing(self.folder / "run.json"):
            (self.folder / "run.json").write_text(text, encoding="utf-8")

    def _keep(self, item: Model) -> None:
        from naba.classifier import folder as directory

        try:
            with files.writing(self.folder / "model"):
                directory.save(item.model, self.folder / "model", item.description)
        except UserError as error:
            logger.warning("the model is not kept: %s", error.message)
            shutil.rmtree(self.folder / "model", ignore_errors=True)
            self.items.append(Tag("naba.model_kept", f"no: {error.message}"))
