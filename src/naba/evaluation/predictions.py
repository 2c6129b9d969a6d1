"""`Predictions`: what a classifier said about which rows, and nothing else.

Everything after training (metrics, intervals, tests, calibration, plots, tables) is a function of this one value.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import pyarrow as pa

    from naba.data.dataset import Dataset

ObjectArray = npt.NDArray[np.object_]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

ROUNDING = 0.005
"""By how much a probability may be off: files are often rounded to two or three digits, and .33 .33 .33 sums to .99."""

FORMAT = 1
PREFIX = "probability_"

NO_ANSWER = ""
"""Predicted where a system gave no label: it counts as wrong for the gold label, and as a mistake of no other."""
ANSWERED = "answered"
OUTCOMES = (ANSWERED, "unparsed", "refused", "truncated", "empty", "error")
"""How a request to a language model ended; each but the first is `NO_ANSWER`."""


def objects(values: Sequence[Any] | npt.NDArray[Any]) -> ObjectArray:
    """A one-dimensional object array; numpy's own constructor would make fixed-width strings."""
    if isinstance(values, np.ndarray) and values.dtype == object:
        return values.copy() if values.flags.writeable else values
    array = np.empty(len(values), dtype=object)
    array[:] = list(values)
    return array


def some(values: Sequence[object], shown: int = 3) -> str:
    """The first few values for a message, with the count of the rest."""
    listed = ", ".join(f"'{value}'" for value in values[:shown])
    return listed + (f" and {len(values) - shown} more" if len(values) > shown else "")


@dataclass(frozen=True, eq=False)
class Predictions:
    """A classifier's answers on n rows over k labels.

    Attributes:
        ids: (n,) object array of unique strings.
        gold: (n,) object array of label ids.
        predicted: (n,) object array of label ids; `NO_ANSWER` where `outcomes` says that there is none.
        probabilities: (n, k) float64, one column a label in the order of `labels`, rows summing to 1.
        labels: the k label ids, in the order in which they are always shown.
        groups: (n,) object array of what rows share (claim, topic, target), or None.
        fingerprint: of the data set the rows are from, or "" if nobody knows.
        outcomes: (n,) object array, one of `OUTCOMES` a row; None for a system that always answers.
    Raises:
        UserError: lengths differ, ids repeat, a label is unknown, a probability is not a number in [0, 1], or
            a row's probabilities do not sum to 1 within k times `ROUNDING`.
    """

    ids: ObjectArray
    gold: ObjectArray
    predicted: ObjectArray
    probabilities: FloatArray
    labels: tuple[str, ...]
    groups: ObjectArray | None = None
    fingerprint: str = ""
    outcomes: ObjectArray | None = None

    def __post_init__(self) -> None:
        for name in ("ids", "gold", "predicted", "groups", "outcomes"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, objects(getattr(self, name)))
        object.__setattr__(self, "probabilities", np.asarray(self.probabilities, dtype=np.float64))
        object.__setattr__(self, "labels", tuple(self.labels))
        self._check_shapes()
        self._check_labels()
        check_probabilities(self.probabilities, self.ids)

    def _check_shapes(self) -> None:
        rows = len(self.ids)
        lengths = {"gold": len(self.gold), "predicted": len(self.predicted)}
        if self.groups is not None:
            lengths["groups"] = len(self.groups)
        if self.outcomes is not None:
            lengths["outcomes"] = len(self.outcomes)
        wrong = {name: length for name, length in lengths.items() if length != rows}
        if wrong:
            raise UserError(f"predictions have {rows} ids but " + ", ".join(f"{n} {name}" for name, n in wrong.items()))
        if self.probabilities.shape != (rows, len(self.labels)):
            raise UserError(
                f"predictions for {rows} rows and {len(self.labels)} labels need probabilities of shape "
                f"{(rows, len(self.labels))}; these have {self.probabilities.shape}"
            )
        if len(set(self.ids)) != rows:
            repeated = [name for name, count in Counter(self.ids).items() if count > 1]
            raise UserError(f"predictions have {len(repeated)} ids more than once: {some(repeated)}")

    def _check_labels(self) -> None:
        if self.outcomes is not None:
            for row, (label, outcome) in enumerate(zip(self.predicted, self.outcomes, strict=True)):
                if outcome not in OUTCOMES or (label == NO_ANSWER) is (outcome == ANSWERED):
                    raise UserError(f"id '{self.ids[row]}': predicted '{label}' with the outcome '{outcome}'")
        for kind in ("gold", "predicted"):
            known = {*self.labels, NO_ANSWER} if kind == "predicted" and self.outcomes is not None else {*self.labels}
            unknown = sorted({str(label) for label in set(getattr(self, kind)).difference(known)})
            if unknown:
                row = next(i for i, label in enumerate(getattr(self, kind)) if str(label) == unknown[0])
                raise UserError(
                    f"{unknown_name('label', unknown[0], self.labels)}, {kind} for id '{self.ids[row]}'"
                    + (f" (and {len(unknown) - 1} more such labels)" if len(unknown) > 1 else "")
                )

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, dataset: Dataset, indices: IntArray, model: Any) -> Predictions:
        """What `model` says about rows `indices` of `dataset`.

        Raises:
            UserError: the model knows labels that the data set does not have.
        """
        groups = dataset.column("group", indices)
        # A few-shot model must not be shown rows of a row's own group; nobody else looks at the column.
        frame = dataset.frame(indices).assign(group=groups)
        predicted, probabilities, outcomes = answers(model, frame, dataset.labels, dataset.name)
        return cls(
            ids=dataset.ids(indices),
            gold=dataset.gold(indices),
            predicted=predicted,
            probabilities=probabilities,
            labels=dataset.labels,
            groups=groups if any(groups) else None,
            fingerprint=dataset.fingerprint,
            outcomes=outcomes,
        )

    @cached_property
    def gold_codes(self) -> IntArray:
        """(n,) the gold label of each row as its position in `labels`."""
        return _codes(self.gold, self.labels)

    @cached_property
    def predicted_codes(self) -> IntArray:
        """(n,) the predicted label of each row as its position in `labels`; k where there is no answer."""
        return _codes(self.predicted, self.labels)

    @cached_property
    def width(self) -> int:
        """Columns of the confusion matrix: one a label, and a last one where rows have no answer."""
        return len(self.labels) + bool((self.predicted_codes == len(self.labels)).any())

    @cached_property
    def confidence(self) -> FloatArray:
        """(n,) probability given to the predicted label; 0 where there is no answer."""
        last = len(self.labels) - 1
        sure = self.probabilities[np.arange(len(self)), np.minimum(self.predicted_codes, last)]
        return np.where(self.predicted_codes > last, 0.0, sure)

    def cells(self, width: int) -> IntArray:
        """(n,) the cell of a flattened (k, width) confusion matrix that each row falls in."""
        return self.gold_codes * width + self.predicted_codes

    def confusion(self) -> IntArray:
        """(k, width) counts: rows are gold labels, columns predicted labels, both in the order of `labels`."""
        shape = (len(self.labels), self.width)
        return np.bincount(self.cells(self.width), minlength=shape[0] * shape[1]).reshape(shape).astype(np.int64)

    def outcome_shares(self) -> dict[str, float]:
        """Share of the rows that ended in each of `OUTCOMES`; {} for a system that always answers."""
        if self.outcomes is None or not len(self):
            return {}
        return {outcome: float(np.mean(self.outcomes == outcome)) for outcome in OUTCOMES}

    def confusion_table(self, display_names: Mapping[str, str] | None = None) -> pd.DataFrame:
        """The confusion matrix as a table: one row a gold label, one column a predicted label, and `total`."""
        import pandas as pd

        names = [(display_names or {}).get(label, label) for label in self.labels]
        counts = self.confusion()
        table = pd.DataFrame(counts, columns=[*names, "(no answer)"][: self.width])
        table.insert(0, "gold", names)
        table["total"] = counts.sum(axis=1)
        return table

    def worst_errors(self, count: int = 50, rows: pd.DataFrame | None = None) -> pd.DataFrame:
        """The most confident errors first: what to read to learn where a classifier fails.

        Args:
            count: how many at most.
            rows: the table the model saw (`Dataset.frame`), in the order of these predictions, for the columns
                `text` and `target`; they are empty without it.
        Returns:
            columns id, text, target, gold, predicted, probability_predicted, probability_gold.
        """
        import pandas as pd

        wrong = np.flatnonzero(self.gold_codes != self.predicted_codes)
        sure = self.confidence[wrong]
        worst = wrong[np.argsort(-sure, kind="stable")][:count]
        columns = {
            name: ([""] * len(worst) if rows is None else [rows[name].iloc[i] for i in worst])
            for name in ("text", "target")
        }
        return pd.DataFrame(
            {
                "id": self.ids[worst],
                **columns,
                "gold": self.gold[worst],
                "predicted": self.predicted[worst],
                "probability_predicted": self.confidence[worst],
                "probability_gold": self.probabilities[worst, self.gold_codes[worst]],
            }
        )

    def take(self, rows: npt.NDArray[Any]) -> Predictions:
        """The predictions of some rows: positions, or a boolean mask."""
        return replace(
            self,
            ids=self.ids[rows],
            gold=self.gold[rows],
            predicted=self.predicted[rows],
            probabilities=self.probabilities[rows],
            groups=None if self.groups is None else self.groups[rows],
            outcomes=None if self.outcomes is None else self.outcomes[rows],
        )

    def aligned_to(self, ids: Sequence[str] | ObjectArray, source: str = "these predictions") -> Predictions:
        """The same predictions in the order of `ids`.

        Raises:
            UserError: ids are missing, unknown or wanted twice; the message counts them and names some.
        """
        return self.take(align([str(name) for name in self.ids], [str(name) for name in ids], source))

    def to_parquet(self, path: str | Path) -> None:
        """Write columns id, gold, predicted, `probability_<label>` … and group; label order goes into the schema."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns: dict[str, Any] = {
            "id": pa.array([str(name) for name in self.ids], pa.string()),
            "gold": pa.array(list(self.gold), pa.string()),
            "predicted": pa.array(list(self.predicted), pa.string()),
        }
        for column, label in enumerate(self.labels):
            columns[PREFIX + label] = pa.array(self.probabilities[:, column])
        if self.groups is not None:
            columns["group"] = pa.array([str(group) for group in self.groups], pa.string())
        if self.outcomes is not None:
            columns["outcome"] = pa.array(list(self.outcomes), pa.string())
        metadata = {
            "naba": json.dumps({"format": FORMAT, "labels": list(self.labels), "fingerprint": self.fingerprint})
        }
        pq.write_table(pa.table(columns).replace_schema_metadata(metadata), str(path))

    @classmethod
    def from_parquet(cls, path: str | Path) -> Predictions:
        """Read what `to_parquet` wrote.

        Raises:
            UserError: there is no such file, or it was not written by `to_parquet`.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not Path(path).is_file():
            raise UserError(f"there is no predictions file {path}")
        try:
            # One thread and no look-ahead: a comparison reads a thousand small files, and set-up costs more than they.
            with pq.ParquetFile(str(path), pre_buffer=False) as file:
                table = file.read(use_threads=False)
        except pa.ArrowInvalid as error:
            raise UserError(f"{path} is not a Parquet file: {error}") from error
        try:
            about = json.loads(table.schema.metadata[b"naba"])
            labels = tuple(about["labels"])
            probabilities = [_numbers(table.column(PREFIX + label)) for label in labels]
            ids = _distinct(table.column("id"))
            gold, predicted = (_repeating(table.column(name)) for name in ("gold", "predicted"))
        except (KeyError, TypeError) as error:
            raise UserError(
                f"{path} is a Parquet file, but not one of naba's predictions: {error} is missing"
            ) from error
        return cls(
            ids=ids,
            gold=gold,
            predicted=predicted,
            probabilities=np.column_stack(probabilities) if probabilities else np.zeros((len(table), 0)),
            labels=labels,
            groups=_repeating(table.column("group")) if "group" in table.column_names else None,
            fingerprint=about.get("fingerprint", ""),
            outcomes=_repeating(table.column("outcome")) if "outcome" in table.column_names else None,
        )


def _repeating(column: pa.ChunkedArray) -> ObjectArray:
    """The strings of a column, each made once however often it stands there."""
    encoded = column.combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(-1) if encoded.null_count else encoded.indices
    return objects([*encoded.dictionary.to_pylist(), None])[np.from_dlpack(codes)]


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """The numbers of a column. Arrow's own way imports pandas, which takes longer than a comparison of ten runs."""
    return column.to_numpy() if column.null_count else np.from_dlpack(column.combine_chunks())


def _distinct(column: pa.ChunkedArray) -> ObjectArray:
    """The strings of a column of ids. Runs on one data set have the same: a comparison of thousands holds them once."""
    import pyarrow as pa

    values = column.combine_chunks()
    if values.type != pa.string() or values.null_count or values.offset:
        return objects(values.to_pylist())
    _, offsets, content = values.buffers()
    return _strings(len(values), bytes(offsets), bytes(content or b""))


@lru_cache(maxsize=8)
def _strings(count: int, offsets: bytes, content: bytes) -> ObjectArray:
    """Strings as Arrow keeps them."""
    import pyarrow as pa

    found = objects(pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(content)).to_pylist())
    found.flags.writeable = False
    return found


def answers(
    model: Any, frame: pd.DataFrame, labels: Sequence[str], owner: str
) -> tuple[ObjectArray, FloatArray, ObjectArray | None]:
    """What a classifier says about a table, in the order of `labels`.

    `model.classes_` is aligned to `labels`: a label the model never saw gets probability 0.

    Args:
        frame: n rows with columns text and target.
        owner: whose labels they are, for the message.
    Returns:
        predicted labels, (n,) object; probabilities, (n, k) float64; outcomes, (n,) object, of a model that may give
        no answer.
    Raises:
        UserError: the model knows labels that are not among `labels`.
    """
    classes = [str(label) for label in model.classes_]
    foreign = [label for label in classes if label not in labels]
    if foreign:
        raise UserError(
            f"the model predicts {some(foreign)}, which {owner} does not have (its labels: {', '.join(labels)})",
            "a label_map in the YAML of the scheme's data set carries labels over",
        )
    probabilities = np.zeros((len(frame), len(labels)))
    if not len(frame):
        return objects([]), probabilities, None
    said = model.answer(frame)
    probabilities[:, [list(labels).index(label) for label in classes]] = said.probabilities
    outcomes = None if said.outcomes is None else objects(said.outcomes)
    return objects([str(label) for label in said.labels]), probabilities, outcomes


def _codes(values: ObjectArray, labels: tuple[str, ...]) -> IntArray:
    position = {label: code for code, label in enumerate((*labels, NO_ANSWER))}
    return np.fromiter(map(position.__getitem__, values.tolist()), dtype=np.int64, count=len(values))


def check_probabilities(probabilities: FloatArray, ids: ObjectArray) -> None:
    """Refuse probabilities that are no numbers, leave [0, 1], or do not sum to 1 in a row."""
    if probabilities.size == 0:
        return
    if probabilities.min() >= 0 and probabilities.max() <= 1 and not off_one(probabilities).any():
        return
    sums = probabilities.sum(axis=1)
    outside = ((probabilities < 0) | (probabilities > 1 + 1e-9)).any(axis=1)
    for bad, what in (
        (~np.isfinite(sums), "have a probability that is not a number"),
        (outside, "have a probability outside [0, 1]"),
        (off_one(probabilities), "have probabilities that do not sum to 1"),
    ):
        if bad.any():
            first = int(np.flatnonzero(bad)[0])
            values = ", ".join(f"{value:.4g}" for value in probabilities[first])
            raise UserError(f"{int(bad.sum())} of {len(ids)} rows {what}; id '{ids[first]}' has {values}")


def off_one(probabilities: FloatArray) -> npt.NDArray[np.bool_]:
    """(n,) do the k probabilities of a row miss a sum of 1 by more than rounding each to two digits explains?"""
    off: npt.NDArray[np.bool_] = np.abs(probabilities.sum(axis=1) - 1) > ROUNDING * probabilities.shape[1] + 1e-9
    return off


def align(present: Sequence[str], wanted: Sequence[str], source: str = "these predictions") -> IntArray:
    """Positions in `present` of the ids `wanted`, which must be the same ids in any order.

    Raises:
        UserError: ids repeat, are missing or are unknown; all three are counted, with examples.
    """
    position = {name: row for row, name in enumerate(present)}
    expected = set(wanted)
    problems = []
    for what, found in (
        ("more than once", [name for name, count in Counter(present).items() if count > 1]),
        ("missing", [name for name in wanted if name not in position]),
        ("unknown", [name for name in position if name not in expected]),
    ):
        if found:
            problems.append(f"{len(found)} ids are {what} ({some(found)})")
    if len(expected) != len(wanted):
        repeated = [name for name, count in Counter(wanted).items() if count > 1]
        problems.append(f"{len(repeated)} ids are wanted twice ({some(repeated)})")
    if problems:
        raise UserError(f"{source} cannot be aligned by id with the {len(wanted)} rows: " + "; ".join(problems))
    return np.fromiter((position[name] for name in wanted), dtype=np.int64, count=len(wanted))
