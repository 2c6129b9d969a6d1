"""A user's own files: where they are, which splits they hold, and which labels occur.

A label has a value in the file, an id and the name it is shown by, one to one.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import logging
import re
import unicodedata
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from naba.arabic.normalise import normalise
from naba.arabic.profile import Profile
from naba.config.schema import FileConfig, SourceConfig
from naba.data import sources
from naba.data.rows import SPLIT_NAMES, TABLES
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from naba.config.schema import DataConfig, DatasetConfig
    from naba.data.rows import Table

logger = logging.getLogger(__name__)
MISSING = "???"
_ID = re.compile(r"(?=.{1,80}$)[A-Za-z0-9_.\-]*[A-Za-z0-9][A-Za-z0-9_.\-]*")
"""As `naba.config.schema.Label` has it: an id is a part of the names of metrics and columns."""
_BETWEEN = re.compile(r"[\s/]+")
_UNSEEN = frozenset(("Cc", "Cf", "Mn", "Zl", "Zp", "Zs"))
_FORMS = Profile(
    "forms", alef_forms=True, alef_maksura=True, ta_marbuta=True, letter_variants=True, digits=True, punctuation=True
)
LISTING = ".files.json"
"""In the cache, beside the files of a Hub data set: the names of all of them."""
MOST_LABELS = 100
READABLE = {*TABLES, ".zip"}


def resolved(config: DatasetConfig, data: DataConfig) -> DatasetConfig:
    """The config with `path` or `repo_id` turned into a source; one without either is returned as it is.

    Raises:
        UserError: no such file, no data files in a folder, or a Hub data set whose files cannot be listed.
    """
    if config.path == MISSING and config.repo_id is None:
        raise UserError(
            f"dataset={config.name} needs a file", f"For example: dataset={config.name} dataset.path=my.csv"
        )
    if MISSING in (config.repo_id, config.revision):
        raise UserError(
            f"dataset={config.name} needs the name and the commit of a data set on the Hub",
            f"For example: dataset={config.name} dataset.repo_id=owner/name dataset.revision=COMMIT",
        )
    if config.repo_id is not None:
        source = _hub_source(config, data)
    elif config.path is not None:
        source = _local_source(Path(config.path).expanduser())
    else:
        return config
    grouped = config.protocol == "stratified" and config.columns.group is not None
    return dataclasses.replace(config, source=source, protocol="grouped" if grouped else config.protocol)


def _local_source(path: Path) -> SourceConfig:
    path = path.resolve()
    if path.is_file():
        return SourceConfig(folder=str(path.parent), files=[FileConfig(path=path.name)])
    if not path.is_dir():
        near = sorted(entry.name for entry in path.parent.iterdir()) if path.parent.is_dir() else []
        raise UserError(f"no such file: {path}", f"{path.parent} holds: {', '.join(near[:20]) or 'nothing'}")
    found = by_split(entry.name for entry in path.iterdir() if entry.is_file())
    if not found:
        raise UserError(f"{path} holds no data files", f"Known are {', '.join(sorted(READABLE))}.")
    return SourceConfig(folder=str(path), files=found)


def by_split(names: Iterable[str]) -> list[FileConfig]:
    """Data files among `names` with the split their names tell; if any tells one, the others are left out."""
    data_files = sorted(name for name in names if _suffix(name) in READABLE and _is_data(PurePosixPath(name).name))
    files = [FileConfig(path=name, split=split_of(name)) for name in data_files]
    known = [file for file in files if file.split is not None]
    order = {"train": 0, "validation": 1, "test": 2}
    return sorted(known, key=lambda file: (order[file.split or ""], file.path)) or files


def split_of(name: str) -> Literal["train", "validation", "test"] | None:
    """`data/train-00000.parquet` -> train, `my_dev.csv` -> validation, `claims.csv` -> None."""
    words = re.split(r"[^a-z]+", PurePosixPath(name).stem.lower())
    found = {SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES}
    return found.pop() if len(found) == 1 else None


def _is_data(name: str) -> bool:
    return not name.startswith(".") and name != "dataset_infos.json"


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _hub_source(config: DatasetConfig, data: DataConfig) -> SourceConfig:
    source = SourceConfig(repo_id=config.repo_id, revision=config.revision)
    within = (config.path or "").strip("/")
    if _suffix(within) in READABLE:
        source.files = [FileConfig(path=within)]
        return source
    names = _local_listing(source, data) or _hub_listing(source, data)
    source.files = by_split(name for name in names if not within or name.startswith(f"{within}/"))
    if not source.files:
        raise UserError(
            f"the Hub data set {config.repo_id} holds no data files at {within or 'its root'}",
            f"It holds: {', '.join(sorted(names)[:20]) or 'nothing'}",
        )
    return source


def _local_listing(source: SourceConfig, data: DataConfig) -> list[str]:
    """What an earlier listing said, else what a mirror folder holds; the cache alone may hold only some files."""
    earlier = sources.cache_of(data) / sources.relative_path(source, FileConfig(path=LISTING))
    if earlier.is_file():
        return [str(name) for name in json.loads(earlier.read_text(encoding="utf-8"))]
    mirror = sources.mirror_of(data)
    if mirror is None or "://" in mirror:
        return []
    folder = Path(mirror).expanduser() / sources.relative_path(source, FileConfig(path="."))
    return [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]


def _hub_listing(source: SourceConfig, data: DataConfig) -> list[str]:
    if sources.is_offline(data):
        raise UserError(
            f"the files of the Hub data set {source.repo_id} are neither in the cache nor in a mirror",
            sources.OFFLINE_HINT,
        )
    address = f"{sources.HUB_API}/{quote(f'{source.repo_id}/tree/{source.revision}')}?recursive=true"
    try:
        entries = sources.json_list(address, timeout=data.timeout, retries=data.retries)
    except UserError as error:
        raise UserError(error.message, sources.OFFLINE_HINT) from error
    names = [str(entry["path"]) for entry in entries if entry.get("type") == "file"]
    listing = sources.cache_of(data) / sources.relative_path(source, FileConfig(path=LISTING))
    sources.write_text(listing, json.dumps(names))
    return names


def with_labels(config: DatasetConfig, raw: Table) -> DatasetConfig:
    """The config with the labels that occur, where it lists none; see `label_ids`. They are logged.

    Raises:
        UserError: too many different values for labels, or none.
    """
    if config.labels or config.columns.label is None:
        return config
    found = [
        value for value in raw.column(config.columns.label, "label") if value is not None and not is_missing(value)
    ]
    values, file = sorted(set(found)), raw.file
    if not values:
        raise UserError(f"{file}: no row has a label (column '{config.columns.label}')")
    if len(values) > MOST_LABELS:
        raise UserError(
            f"{file}: the column '{config.columns.label}' has {len(values)} different values, too many "
            "for labels", "Name the label column: dataset.columns.label=NAME. It has: " + ", ".join(raw.columns),
        )  # fmt: skip
    ids = label_ids(values)
    logger.warning("%s: labels (value in the file = id): %s", file, described(ids, found))
    for one, other in alike(values):
        logger.warning(
            "%s: the labels %r and %r differ only in case, width, spaces or diacritics (or forms of a letter or a "
            "digit), and are two labels; if they are one, correct the file, or map both to one id (label_values in "
            "the YAML of naba data new)",
            file, one, other,
        )  # fmt: skip
    return dataclasses.replace(
        config,
        labels={label: value for value, label in ids.items()},
        label_values={value: label for value, label in ids.items() if value != label},
    )


def is_missing(value: str | None) -> bool:
    """Is this no value, of a label or a group: null, nothing, or only what nobody sees (white space, marks)?"""
    return value is None or all(unicodedata.category(each) in _UNSEEN for each in value)


def label_ids(values: Sequence[str]) -> dict[str, str]:
    """Value in the file -> id: ASCII, because metrics are named after it, and no two values share one.

    A value that can be an id is its own (`agree`, `-1`, `None`). In others white space and slashes become `_`, where
    that gives an id nobody has (`not entail` -> not_entail); the rest are numbered (`مع` -> label_1).
    """
    ids = {value: value for value in values if _ID.fullmatch(value)}
    taken = set(ids)
    for number, value in enumerate(values, start=1):
        if value in ids:
            continue
        joined = _BETWEEN.sub("_", value)
        choices = itertools.chain([joined], (f"label_{further}" for further in itertools.count(number)))
        ids[value] = next(choice for choice in choices if _ID.fullmatch(choice) and choice not in taken)
        taken.add(ids[value])
    return {value: ids[value] for value in values}


def folded(value: str) -> str:
    """The value without what readers overlook: case, width, white space, diacritics, tatweel, joining `_` and `-`.

    Forms of one letter or digit are one too: ة and ه, ى and ي, the Persian ک, ١ and 1.
    """
    return re.sub(r"(?<=\w)-(?=\w)|[\s_]+", "", normalise(without_marks(value), _FORMS).casefold())


def without_marks(value: str) -> str:
    """Letters in their plain form: no diacritics (hamza on its carrier is one), invisible marks or tatweel."""
    letters = unicodedata.normalize("NFKD", value)
    return "".join(each for each in letters if unicodedata.category(each) not in {"Mn", "Cf"} and each != "\u0640")


def alike(values: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of values that `folded` cannot tell apart: probably one label, written in two ways."""
    return [pair for pair in itertools.combinations(values, 2) if folded(pair[0]) == folded(pair[1])]


def described(ids: Mapping[str, str], values: Iterable[str]) -> str:
    """`agree (12), مع = label_2 (8)`: what stands in the file, the id if it is another, and in how many rows."""
    counts = Counter(values)
    shown = {value: value if value == value.strip() and value.isprintable() else repr(value) for value in ids}
    return ", ".join(
        f"{shown[value]}{'' if label == value else f' = {label}'} ({counts[value]})" for value, label in ids.items()
    )
