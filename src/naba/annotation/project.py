"""What is to be labelled, by whom it may be read: the rows, the labels and the guideline of one round of annotation."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from naba import files
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from naba.data.dataset import Dataset, IntArray
    from naba.evaluation.metrics import FloatArray

FILE = "project.json"
FORMAT = 1
MOST_LABELS = 9
"""One key each."""
TASKS = {"claim_type": "## 1.", "stance": "## 2."}
"""Task -> the heading of its part of naba's guideline."""
SECOND_ROUND = "-adjudication"


@dataclass(frozen=True)
class Row:
    """A row to label: `label` is the one it has in its data set ("" for none), which people are not shown.

    `suggestion` is a model's answer and `confidence` its probability.
    """

    id: str
    text: str
    target: str = ""
    group: str = ""
    label: str = ""
    suggestion: str = ""
    confidence: float = 0.0


@dataclass(frozen=True)
class Project:
    """Rows to label and everything their labelling needs.

    Attributes:
        id: digest of the rows and labels, which every file of answers carries.
        name: of the data set or file the rows are from.
        labels: label id -> display name, in the order of the keys 1 to 9.
        guideline: Markdown.
        by: how the rows were chosen, with what model.
    """

    id: str
    name: str
    task: str
    pair: bool
    labels: Mapping[str, str]
    guideline: str
    by: str
    rows: Sequence[Row]

    @property
    def root(self) -> str:
        """The id of the first round, also for the round of an adjudicator."""
        return self.id.removesuffix(SECOND_ROUND)

    def write(self, folder: Path) -> Path:
        """Write `project.json`."""
        path = folder / FILE
        content = {"naba": "project", "format": FORMAT, **asdict(self)}
        files.write_text(path, json.dumps(content, ensure_ascii=False, indent=1))
        return path

    def second_round(self, ids: Sequence[str]) -> Project:
        """The rows of `ids` for an adjudicator; the answers belong to this project."""
        wanted = set(ids)
        rows = [row for row in self.rows if row.id in wanted]
        return Project(self.root + SECOND_ROUND, self.name, self.task, self.pair, self.labels, self.guideline,
                       f"adjudication of {len(rows)} rows", rows)  # fmt: skip


def of(dataset: Dataset, rows: IntArray, by: str, guideline: str, probabilities: FloatArray | None = None) -> Project:
    """The project of some rows of a data set, in this order.

    Args:
        probabilities: (n, k) of a model over all rows, for its suggestions.
    Raises:
        UserError: nothing to label, or more labels than keys.
    """
    if not len(rows):
        raise UserError(f"{dataset.name}: there is no row to label")
    check_labels(dataset.name, dataset.labels)
    columns = {name: dataset.column(name, rows).tolist() for name in ("id", "text", "target", "group", "label")}
    made = [Row(*values) for values in zip(*columns.values(), strict=True)]
    if probabilities is not None:
        best = probabilities[rows].argmax(axis=1)
        made = [
            Row(**asdict(row) | {"suggestion": dataset.labels[code], "confidence": round(float(values[code]), 4)})
            for row, code, values in zip(made, best.tolist(), probabilities[rows], strict=True)
        ]
    labels = {label: dataset.display_names.get(label, label) for label in dataset.labels}
    content = json.dumps([[[row.id, row.text, row.target] for row in made], labels, by], ensure_ascii=False)
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Project(digest, dataset.name, dataset.task, dataset.pair, labels, guideline, by, made)


def check_labels(name: str, labels: Collection[str]) -> None:
    """Raises:
    UserError: people cannot choose among these labels by one key each.
    """
    if not 2 <= len(labels) <= MOST_LABELS:
        raise UserError(
            f"{name} has {len(labels)} labels; people label with the keys 1 to {MOST_LABELS}",
            "--labels a,b,c names them, or --scheme DATASET takes those of a data set of the catalogue",
        )


def guideline_of(task: str, labels: Sequence[str], file: Path | None = None) -> str:
    """The guideline in Markdown: a file, or the part of naba's own on this task; "" where naba has none.

    Raises:
        UserError: there is no such file, or it is no text.
    """
    if file is not None:
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"--guideline {file}: {error}", "a Markdown file in UTF-8") from error
    text = (files.shipped("data") / "annotation" / "GUIDELINE.md").read_text(encoding="utf-8")
    heading = TASKS.get(task)
    if heading is None:
        return ""
    parts = [part for part in re.split(r"^(?=## )", text, flags=re.MULTILINE) if part.startswith(heading)]
    # naba's guideline is about naba's labels: a set of stance with others would be misled by it.
    return parts[0].strip() if parts and all(f"`{label}`" in parts[0] for label in labels) else ""


def read(folder: Path) -> Project:
    """The project in a folder.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        raise UserError(
            f"there is no {FILE} in {folder}", "--project DIR names the folder that `naba annotate make` wrote"
        )
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rows = [Row(**row) for row in content.pop("rows")]
        known = {key: content[key] for key in ("id", "name", "task", "pair", "labels", "guideline", "by")}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no project of naba's, or is damaged: {error}") from error
    return Project(rows=rows, **known)
