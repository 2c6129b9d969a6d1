"""From rows as read to a `Dataset`: columns chosen, labels checked, ids made or checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba.data import own_files
from naba.data.corpora import readers
from naba.data.dataset import COLUMNS, Dataset
from naba.data.rows.tables import SPLIT_NAMES, Place, RawTable, rows_error
from naba.errors import UserError, nearest, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.config.schema import DatasetConfig
    from naba.data.sources import Fetched


def from_files(config: DatasetConfig, files: Sequence[Fetched]) -> Dataset:
    """Read verified files as the config says. Raises UserError with file and row for anything amiss."""
    read = [readers.SourceFile(file.path, _shown(file), file.config) for file in files]
    raw = readers.read(config.reader, read, config.options)
    return from_table(own_files.with_labels(config, raw), raw)


def _shown(file: Fetched) -> str:
    return str(file.path) if file.origin in {"folder", "mirror"} else file.config.path


def from_table(config: DatasetConfig, raw: RawTable) -> Dataset:
    """Choose and check columns; every problem is an error that names file and row."""
    chosen = config.columns
    columns: dict[str, list[str]] = {}
    splits = _splits(config, raw)
    columns["id"] = _ids(config, raw, splits)
    columns["text"] = _required(raw, chosen.text, "text")
    target = _required(raw, chosen.target, "target") if chosen.target else [""] * len(raw)
    if config.pair and chosen.target is None:
        raise UserError(f"dataset {config.name} is a pair task but names no target column", "Set columns.target.")
    if chosen.target is not None and not config.pair:
        raise UserError(f"dataset {config.name} names a target column but pair is false", "Set dataset.pair=true.")
    columns["target"] = target
    columns["label"] = _labels(config, raw)
    columns["group"] = _optional(raw, chosen.group, "group")
    columns["split"] = splits
    for name, source in (chosen.slices | chosen.keep).items():
        if name in columns:
            raise UserError(f"dataset.columns.slices: '{name}' is a column every data set has; choose another name")
        columns[name] = _optional(raw, source, "slices")
    return assemble(config, columns, tuple(chosen.slices))


def assemble(config: DatasetConfig, columns: dict[str, list[str]], slices: tuple[str, ...]) -> Dataset:
    """A `Dataset` of checked columns of strings."""
    import datasets

    features = datasets.Features({name: datasets.Value("string") for name in columns})
    return Dataset(
        name=config.name,
        task=config.task,
        pair=config.pair,
        table=datasets.Dataset.from_dict(columns, features=features),
        labels=tuple(config.labels),
        display_names=dict(config.labels),
        primary_metric=config.primary_metric,
        metrics=tuple(config.metrics),
        slices=slices,
        label_map=dict(config.label_map),
        title=config.title,
        description=config.description,
        licence=config.licence,
        citation=config.citation,
        homepage=config.homepage,
        label_source=config.label_source,
        protocol=config.protocol,
    )


def union(config: DatasetConfig, parts: Mapping[str, Dataset]) -> Dataset:
    """Data sets with one label scheme below one another; ids become `part:id`, a slice `corpus` names the part."""
    columns: dict[str, list[str]] = {name: [] for name in (*COLUMNS, "split", "corpus")}
    for part, dataset in parts.items():
        foreign = [label for label in dataset.labels if label not in config.labels]
        if foreign:
            raise UserError(f"{config.name}: {dataset.name} has labels the union does not know: {', '.join(foreign)}")
        rows = range(len(dataset))
        for name in ("text", "target", "label", "split"):
            columns[name].extend(dataset.column(name, rows))
        columns["id"].extend(f"{part}:{each}" for each in dataset.ids(rows))
        columns["group"].extend(f"{part}:{each}" if each else "" for each in dataset.column("group", rows))
        columns["corpus"].extend([part] * len(dataset))
    return assemble(config, columns, ("corpus",))


def _required(raw: RawTable, name: str, role: str) -> list[str]:
    values = raw.column(name, role)
    missing = [place for value, place in zip(values, raw.places, strict=True) if value is None]
    if missing:
        raise rows_error(f"the {role} (column '{name}') is missing", missing, "Null and empty Excel cells are missing.")
    return [value for value in values if value is not None]


def _optional(raw: RawTable, name: str | None, role: str) -> list[str]:
    return [""] * len(raw) if name is None else [value or "" for value in raw.column(name, role)]


def _splits(config: DatasetConfig, raw: RawTable) -> list[str]:
    name = config.columns.split
    if name is None:
        return raw.splits or [""] * len(raw)
    values = _required(raw, name, "split")
    wrong = [index for index, value in enumerate(values) if value.strip().lower() not in SPLIT_NAMES]
    if wrong:
        problem = unknown_name("split", values[wrong[0]], SPLIT_NAMES)
        raise rows_error(problem, [raw.places[index] for index in wrong])
    return [SPLIT_NAMES[value.strip().lower()] for value in values]


def _ids(config: DatasetConfig, raw: RawTable, splits: Sequence[str]) -> list[str]:
    name = config.columns.id
    if name is None:
        counts: dict[str, int] = {}
        made = []
        for split in splits:
            counts[split] = counts.get(split, 0) + 1
            made.append(f"{split or 'row'}-{counts[split]:06d}")
        return made
    values = _required(raw, name, "id")
    first: dict[str, Place] = {}
    repeated: list[tuple[str, Place]] = []
    for value, place in zip(values, raw.places, strict=True):
        if value in first:
            repeated.append((value, place))
        first.setdefault(value, place)
    if repeated:
        value, place = repeated[0]
        raise rows_error(
            f"the id '{value}' (column '{name}') is already that of {first[value]}",
            [place for _, place in repeated],
            "Ids must be unique: predictions are joined by them. Without columns.id, naba makes ids.",
        )
    return values


def _labels(config: DatasetConfig, raw: RawTable) -> list[str]:
    name = config.columns.label
    if name is None:
        return [""] * len(raw)
    values = _required(raw, name, "label")
    known = {label: label for label in config.labels} | dict(config.label_values)
    for label in known.values():
        if label not in config.labels:
            raise UserError(f"dataset.label_values: {unknown_name('label', label, config.labels)}")
    unknown: dict[str, list[Place]] = {}
    found = []
    for value, place in zip(values, raw.places, strict=True):
        label = known.get(value, "")
        if not label:
            unknown.setdefault(value, []).append(place)
        found.append(label)
    if unknown:
        raise _unknown_labels(name, unknown, known)
    return found


def _unknown_labels(name: str, unknown: Mapping[str, list[Place]], known: Mapping[str, str]) -> UserError:
    value, places = next(iter(unknown.items()))
    guess = nearest(value, known)
    suggestion = f"; did you mean '{guess}'?" if guess else ""
    problem = f"unknown label '{value}' (column '{name}'){suggestion} The config knows {', '.join(known)}"
    others = [each for each in unknown if each != value]
    if others:
        problem += f" (also unknown: {', '.join(repr(each) for each in others[:5])})"
    return rows_error(problem, places, "Correct the file, or map the value to a label with label_values in the YAML.")
