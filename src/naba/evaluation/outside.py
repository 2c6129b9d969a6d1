"""Scoring what another system predicted: one file of ids and labels joins the comparison."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from naba import files
from naba.data.own_files import is_missing
from naba.data.rows import TABLES, ReadingOptions, looks_like_row, read_bytes, rows_error
from naba.errors import UserError, unknown_name
from naba.evaluation.predictions import (
    ANSWERED,
    NO_ANSWER,
    OUTCOMES,
    PREFIX,
    Predictions,
    align,
    objects,
    off_one,
    some,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.data.dataset import Dataset
    from naba.data.rows import Table
    from naba.evaluation.metrics import FloatArray
    from naba.evaluation.predictions import IntArray

LABEL_COLUMNS = ("label", "predicted", "prediction", "predicted_label")
TIE = 1e-6
"""Probabilities closer than this are equal: files round them."""

NEEDED = "predictions need the columns id and label; --id COLUMN and --label COLUMN say what they are called"


@dataclass(frozen=True)
class PredictionsFile:
    """A file of predictions, how it is read, and what its columns are called.

    Attributes:
        label: None for the one of LABEL_COLUMNS that is there.
    """

    path: Path
    reading: ReadingOptions = field(default_factory=lambda: ReadingOptions(spelling="--"))
    id: str = "id"
    label: str | None = None

    def table(self) -> Table:
        """Its rows.

        Raises:
            UserError: there is no such file, or it cannot be read.
        """
        if not self.path.is_file():
            raise UserError(f"there is no predictions file {self.path}")
        kind = self.reading.format_of(str(self.path))
        if kind == "lines":
            raise UserError(f"{self.path}: predictions are a table", f"known endings: {', '.join(TABLES)}")
        return read_bytes(self.path.read_bytes(), str(self.path), replace(self.reading, format=kind))

    def sha256(self) -> str:
        """Digest of the file; nothing where there is none."""
        return files.sha256(self.path) if self.path.is_file() else ""


def read_predictions(
    file: PredictionsFile | Path,
    dataset: Dataset,
    split: str = "test",
    indices: IntArray | None = None,
    *,
    labels_decide: bool = False,
    unanswered: bool = False,
) -> Predictions:
    """Predictions from a CSV, TSV, JSON Lines, Parquet or Excel file, aligned by id with a split of a data set.

    Columns: `id`; `label` (or `predicted`, `prediction`, `predicted_label`); and, if it has probabilities, one column
    a label called `probability_<label>` or as the label. Without them the answer gets probability 1. A label is
    written as its id or, as in a file of one's own, as its name. Further columns are ignored, but for `gold` and
    `fingerprint`, which must be those of the data set, and `outcome`, where it says of each row how it ended
    (`naba.evaluation.predictions.OUTCOMES`): rows that are not `answered` have no label and are never filled.

    Args:
        indices: the rows of the split, where it is not the one the data set gives.
        labels_decide: take labels that are not the most probable ones, as thresholds or decision weights give them.
        unanswered: rows without a label were not answered; otherwise they are an error, unless `outcome` says so.
    Raises:
        UserError: the file or a column is missing; several columns may hold the labels; ids are missing, unknown or
            given twice; a label is unknown; a probability is no number, is outside [0, 1], or a row's do not sum to 1;
            a label is not the most probable one; the file was made for another version of the data.
    """
    file = file if isinstance(file, PredictionsFile) else PredictionsFile(Path(file))
    path = file.path
    table = file.table()
    indices = dataset.indices(split) if indices is None else indices
    if not len(indices):
        raise UserError(f"dataset '{dataset.name}' has no {split} rows")
    ids = [str(value) for value in _column(file, table, file.id)]
    wanted = [str(name) for name in dataset.ids(indices)]
    _check_data(path, table, dataset)
    outcomes = _outcomes(file, table, unanswered=unanswered)
    predicted = _labels(file, table, dataset, outcomes)
    order = align(ids, wanted, f"{path}, scored on {dataset.name} {split},")
    probabilities = _probabilities(path, table, dataset, predicted)
    # naba's own models may decide by other means than corrected probabilities; their files say whose they are.
    if not labels_decide and not _parquet_fingerprint(path):
        _check_most_probable(table, dataset.labels, predicted, probabilities)
    groups = dataset.column("group", indices)
    found = Predictions(
        ids=dataset.ids(indices),
        gold=dataset.gold(indices),
        predicted=objects([predicted[row] for row in order]),
        probabilities=probabilities[order],
        labels=dataset.labels,
        groups=groups if any(groups) else None,
        fingerprint=dataset.fingerprint,
        outcomes=None if outcomes is None else objects([outcomes[row] for row in order]),
    )
    _check_gold(path, table, found, order)
    return found


def _check_data(path: Path, table: Table, dataset: Dataset) -> None:
    stated = {str(value) for value in table.columns.get("fingerprint", []) if value}
    stated |= _parquet_fingerprint(path)
    other = sorted(stated - {dataset.fingerprint})
    if other:
        raise UserError(
            f"{path} was made for data with the fingerprint {other[0][:16]}…; {dataset.name} has "
            f"{dataset.fingerprint[:16]}…",
            "predict again on this version of the data, or score on the data set it was made for",
        )


def _parquet_fingerprint(path: Path) -> set[str]:
    """The fingerprint in the schema of naba's own predictions; none in any other file."""
    import json

    import pyarrow.parquet as pq

    if path.suffix.lower() != ".parquet":
        return set()
    about = (pq.read_schema(str(path)).metadata or {}).get(b"naba")
    found = json.loads(about).get("fingerprint", "") if about else ""
    return {found} if found else set()


def _check_gold(path: Path, table: Table, found: Predictions, order: IntArray) -> None:
    if "gold" not in table.columns:
        return
    given = table.columns["gold"]
    differing = [str(name) for name, gold, row in zip(found.ids, found.gold, order, strict=True) if given[row] != gold]
    if differing:
        raise UserError(
            f"{path} holds other gold labels than the data set for {len(differing)} ids ({some(differing)}): "
            "it was made for another version of the data"
        )


def _column(file: PredictionsFile, table: Table, name: str) -> Sequence[str | None]:
    if name not in table.columns:
        hint = f"{NEEDED}; --no-header says that the first line is a row" if looks_like_row(table.columns) else NEEDED
        raise UserError(f"{file.path}: {unknown_name('column', name, table.columns)}", hint)
    return table.columns[name]


def _label_column(file: PredictionsFile, table: Table) -> Sequence[str | None]:
    found = [name for name in LABEL_COLUMNS if name in table.columns]
    if file.label is None and len(found) > 1:
        raise UserError(
            f"{file.path} has the columns {' and '.join(map(repr, found))}: either may hold the predictions",
            "--label COLUMN says which one does",
        )
    return _column(file, table, file.label or (found or ["label"])[0])


def _outcomes(file: PredictionsFile, table: Table, *, unanswered: bool) -> list[str] | None:
    """How each row ended; None where all are answered, for all that the file says."""
    values = _label_column(file, table)
    said = [str(value) for value in table.columns.get("outcome", ())]
    if said and set(said) <= set(OUTCOMES):
        return said
    if unanswered and any(is_missing(value) for value in values):
        return ["empty" if is_missing(value) else ANSWERED for value in values]
    return None


def _labels(file: PredictionsFile, table: Table, dataset: Dataset, outcomes: Sequence[str] | None) -> list[str]:
    values = _label_column(file, table)
    silent = {row for row, outcome in enumerate(outcomes or ()) if outcome != ANSWERED}
    if talking := [row for row in silent if not is_missing(values[row])]:
        raise rows_error(
            "there is a label, and `outcome` says that there was no answer", [table.places[row] for row in talking]
        )
    ids = {name: label for label, name in dataset.display_names.items()} | {label: label for label in dataset.labels}
    wrong = [row for row, value in enumerate(values) if value not in ids and row not in silent]
    if empty := [row for row in wrong if is_missing(values[row])]:
        raise rows_error(
            "there is no label", [table.places[row] for row in empty],
            "each row needs a prediction; --unanswered counts those without one as wrong, as a column outcome does",
        )  # fmt: skip
    if wrong:
        raise rows_error(
            unknown_name("label", str(values[wrong[0]] or ""), dataset.labels), [table.places[row] for row in wrong]
        )
    return [NO_ANSWER if row in silent else ids[str(value)] for row, value in enumerate(values)]


def _probabilities(path: Path, table: Table, dataset: Dataset, predicted: Sequence[str]) -> FloatArray:
    labels = dataset.labels
    called = [(label, *({dataset.display_names.get(label, label)} - set(labels))) for label in labels]
    columns = [next((n for each in names for n in (PREFIX + each, each) if n in table.columns), None)
               for names in called]  # fmt: skip
    named = [column for column in columns if column is not None]
    silent = np.array([label == NO_ANSWER for label in predicted])
    if not named:
        return np.where(silent[:, None], 1 / len(labels), np.eye(len(labels))[_places(labels, predicted)])
    if len(named) < len(labels):
        missing = [PREFIX + label for label, column in zip(labels, columns, strict=True) if column is None]
        raise UserError(f"{path} has probabilities for {', '.join(named)} but not {', '.join(missing)}")
    given = np.array([[_number(value) for value in table.columns[column]] for column in named]).T
    given[silent] = 1 / len(labels)  # whatever stands there: such a row has no answer
    for bad, what in (
        (np.isnan(given).any(axis=1), "a probability is not a number"),
        (((given < 0) | (given > 1)).any(axis=1), "a probability is outside [0, 1]"),
        (off_one(given), "probabilities do not sum to 1, even if each was rounded to two digits"),
    ):
        if bad.any():
            raise rows_error(what, [table.places[row] for row in np.flatnonzero(bad)])
    return given


def _places(labels: Sequence[str], predicted: Sequence[str]) -> list[int]:
    """The column of each label; any for a row without an answer, whose probabilities are equal."""
    return [0 if label == NO_ANSWER else list(labels).index(label) for label in predicted]


def _check_most_probable(
    table: Table, labels: Sequence[str], predicted: Sequence[str], probabilities: FloatArray
) -> None:
    own = probabilities[np.arange(len(predicted)), _places(labels, predicted)]
    wrong = np.flatnonzero(own < probabilities.max(axis=1) - TIE)
    if not len(wrong):
        return
    pairs = Counter((predicted[row], labels[int(probabilities[row].argmax())]) for row in wrong.tolist())
    (said, probable), count = pairs.most_common(1)[0]
    raise UserError(
        f"{table.places[int(wrong[0])]}: {len(wrong)} of {len(predicted)} labels are not the most probable ones; "
        f"{count} rows say '{said}' where '{probable}' is the most probable: are two columns exchanged?",
        "--labels-decide scores the labels as they are, where thresholds or weights chose them",
    )


def _number(value: str | None) -> float:
    try:
        found = float(value or "nan")
    except ValueError:
        return math.nan
    return found if math.isfinite(found) else math.nan
