"""Tracking off: the same log items as files in a folder, with no server and no database."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from naba import files
from naba.cli import console
from naba.errors import UserError
from naba.experiment import report
from naba.experiment.result import Found
from naba.tracking.claims import TakenError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from filelock import FileLock

    from naba.config.schema import TrackingConfig, TrainConfig


def write_files(items: Sequence[report.Item], folder: Path) -> None:
    """Write texts, tables, figures and files below `folder`."""
    for item in items:
        if not isinstance(item, (report.Text, report.Table, report.Figure, report.File)):
            continue
        path = folder / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(item, report.Text):
            path.write_text(item.content, encoding="utf-8")
        elif isinstance(item, report.Table):
            path.write_text(
                item.frame.to_json(orient="split", force_ascii=False, index=False, indent=1) or "", encoding="utf-8"
            )
        elif isinstance(item, report.Figure):
            item.figure.savefig(path, dpi=110)
        else:
            item.write(path)


class FolderTracker:
    """Results in folders `<dataset>/<model>-<seed>-<identity>`; a folder that has `run.json` is finished."""

    def __init__(self, config: TrackingConfig) -> None:
        self.folder = Path(config.folder).expanduser().resolve() if config.folder else files.home() / "results"

    @property
    def where(self) -> str:
        """The folder."""
        return str(self.folder)

    def finished(self, identity: str, evaluation: str, *, model: bool) -> Found | None:
        """The finished result of this identity that was scored in this way (and kept its model), or None."""
        for path in sorted(self.folder.glob(f"*/*-{identity}/run.json")):
            content = json.loads(path.read_text(encoding="utf-8"))
            found = Found(identity, content["name"], content["metrics"], content["tags"], str(path.parent))
            if found.matches(evaluation, model=model):
                return found
        return None

    def wait(self, identity: str) -> None:
        """Until no other process trains this identity."""
        with self._lock(identity):
            pass

    def _lock(self, identity: str) -> FileLock:
        from filelock import FileLock

        (self.folder / ".locks").mkdir(parents=True, exist_ok=True)
        return FileLock(str(self.folder / ".locks" / identity))

    @contextmanager
    def run(self, name: str, settings: TrainConfig, identity: str, evaluation: str) -> Iterator[FolderRun]:
        """A folder that gets its final name only when everything is written; a failure leaves none.

        Raises:
            TakenError: another process trains this identity, or has finished it meanwhile.
        """
        from filelock import Timeout

        try:
            held = self._lock(identity).acquire(timeout=0)
        except Timeout as error:
            raise TakenError("another process") from error
        with held:
            if not settings.force and self.finished(identity, evaluation, model=settings.tracking.log_model):
                raise TakenError("a process that has just finished it")
            final = self.folder / settings.dataset.name / f"{settings.model['name']}-{settings.seed}-{identity}"
            with self._unfinished(final) as folder:
                yield FolderRun(folder, identity, name)

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


class FolderRun:
    """One folder being written."""

    def __init__(self, folder: Path, identity: str, name: str) -> None:
        self.folder = folder
        self.id = identity
        self.name = name
        self.items: list[report.Item] = []

    def log(self, items: Sequence[report.Item]) -> None:
        """Write all items; numbers, params and tags together in `run.json`."""
        from naba.classifier import folder as directory

        self.items += items
        write_files(items, self.folder)
        for item in items:
            if isinstance(item, report.Model):
                try:
                    directory.save(item.model, self.folder / "model", item.description)
                except UserError as error:
                    console.note(f"the model is not kept: {error.message}")
                    self.items.append(report.Tag("naba.model_kept", "false"))
        items = self.items
        content = {
            "name": self.name,
            "metrics": {i.name: i.value for i in items if isinstance(i, report.Metric)},
            "params": {i.name: i.value for i in items if isinstance(i, report.Param)},
            "tags": {i.name: i.value for i in items if isinstance(i, report.Tag)},
        }
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (self.folder / "run.json").write_text(text, encoding="utf-8")
