"""What `naba data …` and `naba check` do with the sets of the catalogue; nothing here prints."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import re
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from naba import config as configuration
from naba import files as paths
from naba.arabic.normalise import NEWS, normalise_all
from naba.config.schema import DataConfig
from naba.data import own_files, sources
from naba.data.checks import rows
from naba.data.dataset import SPLITS, Dataset, load_named
from naba.data.rows import ReadingOptions
from naba.errors import Problems, UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from naba.config.schema import DatasetConfig, SourceConfig
    from naba.data.checks.findings import Report
    from naba.data.dataset import ObjectArray
    from naba.data.sources import Fetched

logger = logging.getLogger(__name__)
TEMPLATES = frozenset({"file", "hub"})


def names() -> list[str]:
    """The data sets of the catalogue (and of your own `conf/dataset`), without the templates for own data."""
    return [name for name in configuration.names("dataset") if name not in TEMPLATES]


def chosen(wanted: Sequence[str], command: str, *, everything: bool = False) -> list[str]:
    """The data sets that a command line names, or all of them.

    Raises:
        UserError: none is named, or one that is not in the catalogue.
    """
    known = names()
    for name in wanted:
        if name not in known:
            raise UserError(unknown_name("dataset", name, known))
    if not wanted and not everything:
        raise UserError(f"naba data {command}: name a data set, or --all", "naba list datasets")
    return known if everything else list(wanted)


def here(data: DataConfig | None = None) -> list[str]:
    """The data sets that can be loaded without a network; a note names those whose YAML is broken."""
    found = []
    for name in names():
        try:
            found += [name] if is_here(name, data) else []
        except UserError as error:
            logger.warning("%s: %s", name, error)
    return found


TO_PREDICT = ("id", "split", "text", "target")


def rows_to_predict(name: str, split: str | None = None, data: DataConfig | None = None) -> Iterator[tuple[str, ...]]:
    """What another system needs to predict a data set: the columns `TO_PREDICT` of the rows of a split, or of all."""
    dataset = load_named(name, data)
    columns = [dataset.column_values(column) for column in TO_PREDICT]
    return (row for row in zip(*columns, strict=True) if split in {None, row[1]})


def config_sources(config: DatasetConfig, data: DataConfig) -> Iterator[SourceConfig]:
    """The sources of a data set; those of its parts if it is a union."""
    if config.union:
        for name in config.union.values():
            yield from config_sources(configuration.dataset_config(name), data)
    else:
        yield own_files.resolved(config, data).source


@dataclass(frozen=True)
class FetchedSet:
    """A data set whose files are on this machine and verified."""

    name: str
    files: tuple[Fetched, ...]

    def __str__(self) -> str:
        said = [f"{self.name}: {len(self.files)} files, {self.bytes / 1e6:.1f} MB, verified"]
        said += [f"  {path}: sha256 {digest} (not in the YAML: naba data pin {self.name})"
                 for path, digest in self.unpinned.items()]  # fmt: skip
        return "\n".join(said)

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(file.path.stat().st_size for file in self.files)

    @property
    def unpinned(self) -> dict[str, str]:
        """Path -> sha256 of files whose hash the config does not know; `pin` writes it down."""
        return {file.config.path: file.sha256 for file in sources.unpinned(self.files)}


def fetch(name: str, data: DataConfig | None = None) -> FetchedSet:
    """Bring the files of a data set to this machine, verified.

    Raises:
        UserError: as `naba.data.sources.fetch_files`.
    """
    data = data or DataConfig()
    found = config_sources(configuration.dataset_config(name), data)
    return FetchedSet(name, tuple(itertools.chain.from_iterable(sources.fetch_files(each, data) for each in found)))


def is_here(name: str, data: DataConfig | None = None) -> bool:
    """Are all files of the set in the cache, in a mirror folder, or shipped, so that no network is needed?"""
    data = data or DataConfig()
    mirror = sources.mirror_of(data)
    roots = [sources.cache_of(data), *([Path(mirror).expanduser()] if mirror and "://" not in mirror else [])]
    for source in config_sources(configuration.dataset_config(name), data):
        for file in sources.listed(source):
            if source.folder is not None:
                here = (sources.local_folder(source.folder) / file.path).is_file()
            else:
                here = any((root / sources.relative_path(source, file)).is_file() for root in roots)
            if not here:
                return False
    return True


def mirror(folder: Path, wanted: Sequence[str], data: DataConfig | None = None) -> list[Path]:
    """Copy the files of data sets into a mirror for a machine without a network.

    Args:
        folder: made if need be; files already there are verified, not copied again.
    Returns:
        The files of the mirror that belong to the sets; sets that naba ships or that are local have none.
    Raises:
        UserError: a file that cannot be had, or one in the mirror with other bytes (nothing is deleted).
    """
    data = data or DataConfig()
    written = []
    for name in wanted:
        for source in config_sources(configuration.dataset_config(name), data):
            if source.folder is not None:
                continue
            for file in sources.fetch_files(source, data):
                target = folder / sources.relative_path(source, file.config)
                _copy(file.path, target, file.sha256)
                written.append(target)
    return written


def _copy(source: Path, target: Path, sha256: str) -> None:
    if target.is_file():
        actual = hashlib.sha256(target.read_bytes()).hexdigest()
        if actual != sha256:
            raise UserError(f"{target}: its sha256 is {actual}, that of {source} is {sha256}", "Nothing was deleted.")
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as part:
            with source.open("rb") as content:
                shutil.copyfileobj(content, part)
            copied = Path(part.name)
        copied.chmod(0o644)
        copied.replace(target)
    except OSError as error:
        raise UserError(f"cannot write the mirror: {error}") from error


@dataclass(frozen=True)
class Pinned:
    """A dataset YAML with hashes written into it."""

    path: Path
    hashes: dict[str, str]

    def __str__(self) -> str:
        return f"{self.path}: " + (f"{len(self.hashes)} hashes written" if self.hashes else "all files are pinned")


def pin(name: str, data: DataConfig | None = None) -> Pinned:
    """Fetch the files of a set and write the sha256 of those that have none into its YAML; comments stay.

    Raises:
        UserError: a file that cannot be had, or a YAML whose lines do not show where the hash belongs.
    """
    data = data or DataConfig()
    path = configuration.yaml_path("dataset", name)
    hashes = fetch(name, data).unpinned
    text = path.read_text(encoding="utf-8")
    for file, digest in hashes.items():
        text = _with_hash(text, file, digest, path)
    if hashes:
        paths.write_text(path, text)
    return Pinned(path, hashes)


def _with_hash(text: str, file: str, digest: str, path: Path) -> str:
    if not re.search("[a-df]", digest):
        digest = f"'{digest}'"  # YAML would read it as a number.
    quoted = rf"""["']?{re.escape(file)}["']?"""
    block = re.compile(rf"^(?P<indent>\s*)- path: {quoted}[ \t]*(#.*)?$", re.MULTILINE)
    inline = re.compile(rf"(- \{{path: {quoted})(?=[,}}])")
    if len(block.findall(text)) == 1:
        return block.sub(lambda match: f"{match.group()}\n{match['indent']}  sha256: {digest}", text)
    if len(inline.findall(text)) == 1:
        return inline.sub(lambda match: f"{match.group()}, sha256: {digest}", text)
    raise UserError(f"{path}: cannot see where the hash of {file} belongs", f"Write `sha256: {digest}` there yourself.")


@dataclass(frozen=True)
class Changes:
    """What a command line says about a data set beside its name.

    Attributes:
        overrides: `dataset.…=…`, as for `naba train`.
        reading: how its files are read.
        drop_unlabelled: leave rows without a label out.
    """

    overrides: tuple[str, ...] = ()
    reading: ReadingOptions = field(default_factory=ReadingOptions)
    drop_unlabelled: bool = False

    @property
    def any(self) -> bool:
        """Is anything said?"""
        return bool(self.overrides or self.reading.given() or self.drop_unlabelled)

    def applied(self, name: str) -> DatasetConfig:
        """The configuration of a data set with these changes.

        Raises:
            UserError: an override or an option that the data set does not have, all at once.
        """
        if self.overrides:
            from naba.config import overrides

            plan = overrides.plan([f"dataset={name}", "model=majority", *self.overrides], multirun=False)
            config = configuration.check(overrides.compose(plan.overrides)).dataset
        else:
            config = configuration.dataset_config(name)
        config.options = config.options | self.reading.given()
        config.drop_unlabelled |= self.drop_unlabelled
        if problems := configuration.check_dataset(config):
            raise Problems(problems, f"{name} has")
        return config


def check(name: str, data: DataConfig | None = None, slow: bool = True, changes: Changes | None = None) -> Report:
    """The report of one data set; one that cannot be read gives a report of that error.

    Raises:
        UserError: `changes` that the data set cannot take.
    """
    changes = changes or Changes()
    try:
        config = changes.applied(name)
    except UserError as error:
        if changes.any:
            raise
        return rows.unreadable(name, error)
    return rows.run_config(config, data, slow)


def overlaps(datasets: Sequence[Dataset]) -> list[tuple[str, str, int, int, int]]:
    """Texts (targets included) that two data sets share after normalisation.

    Returns:
        (one, other, shared, distinct texts of one, of other) for each pair that shares any, most first: a model
        trained on one set is not tested on new text by the other.
    """
    texts: dict[str, set[str]] = {}
    for dataset in datasets:
        values = dict.fromkeys([*dataset.column_values("text"), *dataset.column_values("target")])
        texts[dataset.name] = set(normalise_all(list(values), NEWS)) - {""}
    found = [
        (one, other, len(texts[one] & texts[other]), len(texts[one]), len(texts[other]))
        for one, other in itertools.combinations(texts, 2)
    ]
    return sorted((row for row in found if row[2]), key=lambda row: (-row[2], row[0], row[1]))


QUALITY_HEADING = """# What the data checks find

Written by `naba check --all --markdown experiments/data_quality.md` (with `NABA_MIRROR` set); no text of a data set is
shown, because licences differ: `naba check NAME` prints examples. Errors stop a training, warnings are logged with
every run, notes are for the reader. A published set is used as it was published; what is found here says how far its
scores can be trusted.
"""


def quality_report(wanted: Sequence[str], data: DataConfig | None = None) -> str:
    """The reports of data sets as one Markdown page, without example texts (their licences differ)."""
    reports = [check(name, data) for name in wanted]
    datasets = [load_named(report.dataset, data) for report in reports if report.rows]
    lines = [QUALITY_HEADING, *(report.to_markdown(examples=False) for report in reports)]
    shared = overlaps(datasets)
    if shared:
        lines += ["## Texts shared by two sets\n", "| sets | shared texts | of | and |", "|---|---|---|---|"]
        lines += [f"| {one}, {other} | {count} | {a} | {b} |" for one, other, count, a, b in shared]
    return "\n".join(lines) + "\n"


def statistics_of(dataset: Dataset) -> dict[str, Any]:
    """Rows, labels, lengths in words and fingerprint of a data set, as plain values for JSON.

    Lengths are numbers of parts between spaces: smallest, median, 95th percentile, largest.
    """
    given = {split: dataset.indices(split) for split in SPLITS}
    parts = {split: rows for split, rows in given.items() if len(rows)} or {"all": np.arange(len(dataset))}
    groups = set(dataset.column_values("group")) - {""}
    content: dict[str, Any] = {
        "fingerprint": dataset.fingerprint,
        "task": dataset.task,
        "pair": dataset.pair,
        "rows": {split: len(rows) for split, rows in parts.items()},
        "labels": {split: _labels(dataset, dataset.gold(rows)) for split, rows in parts.items()},
        "groups": len(groups),
        "text_words": _lengths(dataset.column_values("text")),
    }
    if dataset.pair:
        content["target_words"] = _lengths(dataset.column_values("target"))
        content["targets"] = len(set(dataset.column_values("target")))
    return content


def _labels(dataset: Dataset, labels: ObjectArray) -> dict[str, int]:
    counts = Counter(labels)
    return {label: counts[label] for label in dataset.labels}


def _lengths(texts: ObjectArray) -> list[int]:
    words = np.array([len(text.split()) for text in texts])
    return [int(value) for value in np.percentile(words, [0, 50, 95, 100], method="lower")]


def committed_statistics() -> dict[str, Any]:
    """What `data/statistics.json` says, by data set."""
    path = statistics_path()
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return content


def statistics_path() -> Path:
    """Where the committed statistics are."""
    return paths.shipped("data") / "statistics.json"


def updated_statistics(datasets: Iterable[Dataset]) -> dict[str, Any]:
    """The committed statistics with those of `datasets` in place of theirs; sets not given keep what they had."""
    content = committed_statistics() | {dataset.name: statistics_of(dataset) for dataset in datasets}
    return dict(sorted(content.items()))


def statistics_changes(dataset: Dataset) -> list[str]:
    """How a data set differs from the committed statistics: `key: before -> now`; none if it is the same or new."""
    before = committed_statistics().get(dataset.name)
    now = statistics_of(dataset)
    if before is None:
        return []
    return [f"{key}: {before.get(key)} -> {now[key]}" for key in now if before.get(key) != now[key]]


def statistics_line(dataset: Dataset) -> tuple[str, str, str, str]:
    """Name, rows of each split, labels and the beginning of the fingerprint, for a table."""
    rows = " / ".join(str(count) for count in statistics_of(dataset)["rows"].values())
    return dataset.name, rows, ", ".join(dataset.labels), dataset.fingerprint[:12]


def write_statistics(content: dict[str, Any]) -> Path:
    """Write the statistics file, one data set a line group, and return its path."""
    path = statistics_path()
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path
