"""From several people's answers to one label a row: decided where they allow it, else listed for an adjudicator."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from naba import files
from naba.annotation import label_studio
from naba.annotation.page import FILE as PAGE
from naba.annotation.page import page
from naba.data import own_yaml
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.annotation.answers import Answer, Answers
    from naba.annotation.project import Project, Row

ANSWERS, LABELS, OPEN, SECOND = "answers.csv", "labels.csv", "adjudicate.csv", "adjudication"

Way = Literal["one person", "unanimous", "majority", "adjudicator", "open", "unanswered"]


@dataclass(frozen=True)
class Decision:
    """What becomes of a row: its label ("" while it is open), how that was decided, and what everybody said."""

    row: Row
    label: str
    way: Way
    said: Mapping[str, str]


def decide(answers: Answers) -> list[Decision]:
    """One decision a row, in the order of the project: the adjudicator's, else what more than half of the people say.

    Two adjudicators who differ leave a row open.
    """
    first: dict[str, dict[str, str]] = defaultdict(dict)
    second: dict[str, set[str]] = defaultdict(set)
    for answer in (one for one in answers.given if one.label):
        if answer.second_round:
            second[answer.id].add(answer.label)
        else:
            first[answer.id][answer.person] = answer.label
    return [_decided(row, first[row.id], second[row.id]) for row in answers.project.rows]


def _decided(row: Row, said: Mapping[str, str], second: set[str]) -> Decision:
    if second:
        return (
            Decision(row, next(iter(second)), "adjudicator", said)
            if len(second) == 1
            else Decision(row, "", "open", said)
        )
    if not said:
        return Decision(row, "", "unanswered", said)
    label, count = Counter(said.values()).most_common(1)[0]
    if count == len(said):
        return Decision(row, label, "unanimous" if count > 1 else "one person", said)
    return Decision(row, label, "majority", said) if 2 * count > len(said) else Decision(row, "", "open", said)


def write(answers: Answers, decisions: Sequence[Decision], folder: Path) -> list[Path]:
    """Write the stand-off labels, every answer, the open rows, and a second round of the rows that people differ on.

    Returns:
        The files: `answers.csv`, `labels.csv`, and, where people differ, `adjudicate.csv` and the folder
        `adjudication` with a page and a Label Studio project of its own.
    """
    written = [_table(folder / ANSWERS, ["id", "person", "label", "comment", "seconds", "round", "file"],
                      [_answer(one) for one in answers.given])]  # fmt: skip
    written.append(
        _table(folder / LABELS, ["id", "label", "decided_by", "votes"],
               [[one.row.id, one.label, one.way, _votes(one.said)] for one in decisions if one.way != "unanswered"])
    )  # fmt: skip
    differing = disputed(decisions)
    if differing:
        people = list(answers.people)
        rows = [[one.row.id, one.row.text, one.row.target, *(one.said.get(person, "") for person in people), one.label,
                 one.way] for one in differing]  # fmt: skip
        written.append(_table(folder / OPEN, ["id", "text", "target", *people, "label", "decided_by"], rows))
        undecided = [one.row.id for one in differing if one.way != "adjudicator"]
        if undecided:
            written += make(answers.project.second_round(undecided), folder / SECOND)
    return written


def make(project: Project, folder: Path, *, suggest: bool = False) -> list[Path]:
    """Write a project: `project.json`, the page, and what Label Studio imports."""
    written = [project.write(folder)]
    contents = {
        PAGE: page(project, suggest=suggest),
        label_studio.CONFIG: label_studio.config(project),
        label_studio.TASKS: json.dumps(label_studio.tasks(project), ensure_ascii=False, indent=1),
    }
    for name, content in contents.items():
        files.write_text(folder / name, content)
        written.append(folder / name)
    return written


def disputed(decisions: Sequence[Decision]) -> list[Decision]:
    """The rows on which people of the first round differ."""
    return [one for one in decisions if len(set(one.said.values())) > 1]


def dataset(project: Project, decisions: Sequence[Decision], name: str, folder: Path) -> tuple[Path, Path]:
    """A data set of the decided rows: JSON Lines in `folder`, and `conf/dataset/NAME.yaml` where you work.

    Raises:
        UserError: the name cannot be one or is taken, or nothing is decided.
    """
    decided = [one for one in decisions if one.label]
    if not decided:
        raise UserError("no row has a label yet, so there is no data set to write", "let people label, or adjudicate")
    free = own_yaml.free_name(name, Path(name))
    target = Path("conf") / "dataset" / f"{free}.yaml"
    if target.exists():
        raise UserError(f"{target} is already there", "Delete it, or give another name: --name NAME.")
    rows = folder / f"{free}.jsonl"
    with files.replaced(rows) as part, part.open("w", encoding="utf-8") as lines:
        for one in decided:
            content = {"id": one.row.id, "text": one.row.text, "target": one.row.target, "label": one.label,
                       "group": one.row.group, "decided_by": one.way}  # fmt: skip
            lines.write(json.dumps(content, ensure_ascii=False) + "\n")
    files.write_text(target, _yaml(project, decided, free, rows))
    return rows, target


def _yaml(project: Project, decided: Sequence[Decision], name: str, rows: Path) -> str:
    quoted = own_yaml.quoted
    people = sorted({person for one in decided for person in one.said})
    columns = {"id": "id", "text": "text", "label": "label"} | ({"target": "target"} if project.pair else {})
    grouped = any(one.row.group for one in decided)
    columns |= {"group": "group"} if grouped else {}
    columns |= {"slices": {"decided_by": "decided_by"}}  # type: ignore[dict-item]
    return own_yaml.dumped(
        {
            "name": name,
            "task": project.task,
            "pair": project.pair,
            "title": quoted(f"{project.name}, labelled by people"),
            "description": quoted(
                f"Written by `naba annotate read`: {len(decided)} of {len(project.rows)} rows, chosen by {project.by}, "
                f"labelled by {len(people)} people."
            ),
            "path": quoted(str(rows.resolve())),
            "labels": {quoted(label): quoted(shown) for label, shown in project.labels.items()},
            "primary_metric": "macro_f1",
            "metrics": ["accuracy"],
            "columns": columns,
            "protocol": "grouped" if grouped else "stratified",
            "licence": "",
            "citation": "",
            "label_source": "human",
        }
    )


def _table(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    with files.replaced(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def _answer(one: Answer) -> list[str]:
    return [one.id, one.person, one.label, one.comment, f"{one.seconds:g}", "2" if one.second_round else "1", one.file]


def _votes(said: Mapping[str, str]) -> str:
    return ", ".join(f"{label} {count}" for label, count in Counter(said.values()).most_common())
