"""The answers of several people, out of the files that the page or Label Studio saved, checked before they count."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.annotation import label_studio
from naba.annotation.project import SECOND_ROUND
from naba.errors import Problems, nearest, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from naba.annotation.project import Project
    from naba.data.dataset import IntArray

SHOWN = 3
KEEP = "leave the file out that does not count, or correct it; nothing was written"


@dataclass(frozen=True)
class Answer:
    """What one person said about one row, and in which file.

    `label` is "" for a remark alone; `second_round` is true of an adjudicator's decision.
    """

    id: str
    person: str
    label: str
    comment: str
    seconds: float
    file: str
    second_round: bool = False


@dataclass(frozen=True)
class Answers:
    """All answers to a project.

    Attributes:
        people: names of the first round, sorted.
        given: one answer a row, person and round.
        codes: (rows, people) places of the labels in the project's, -1 where a person gave none; first round.
    """

    project: Project
    people: tuple[str, ...]
    given: tuple[Answer, ...]
    codes: IntArray


def read(files: Sequence[Path], project: Project) -> Answers:
    """The answers in files of either tool.

    Raises:
        Problems: one line for each file or pair of files that cannot be used, all at once.
    """
    problems: list[str] = []
    found: dict[tuple[str, str, bool], Answer] = {}
    differing: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for file in files:
        try:
            given = _checked(_of_file(file), project)
        except ValueError as error:
            problems.append(f"{file}: {error}")
            continue
        for answer in given:
            key = (answer.person, answer.id, answer.second_round)
            earlier = found.get(key)
            if earlier is not None and earlier.label and answer.label and earlier.label != answer.label:
                where = answer.file if earlier.file == answer.file else f"{earlier.file} and {answer.file}"
                differing[answer.person, where, KEEP].append(f"'{answer.id}' ({earlier.label}, {answer.label})")
            found[key] = answer if earlier is None else _joined(earlier, answer)
    for (person, where, hint), rows in differing.items():
        problems.append(f"{where}: {person} gave two answers to {_some(rows)}; {hint}")
    if problems:
        raise Problems(problems, "the answers have")
    return collected(project, list(found.values()))


def _joined(earlier: Answer, later: Answer) -> Answer:
    """What a person who saved twice said of a row: the label once, and every remark."""
    remarks = [*dict.fromkeys(remark for remark in (earlier.comment, later.comment) if remark)]
    return replace(later if later.label and not earlier.label else earlier, comment=" / ".join(remarks))


def collected(project: Project, given: Sequence[Answer]) -> Answers:
    """Answers as a table of rows and people."""
    people = tuple(sorted({answer.person for answer in given if not answer.second_round}))
    places = {row.id: place for place, row in enumerate(project.rows)}
    labels = {label: code for code, label in enumerate(project.labels)}
    codes = np.full((len(project.rows), len(people)), -1, dtype=np.int64)
    for answer in given:
        if answer.second_round or not answer.label:
            continue
        codes[places[answer.id], people.index(answer.person)] = labels[answer.label]
    ordered = sorted(given, key=lambda answer: (places[answer.id], answer.second_round, answer.person))
    return Answers(project, people, tuple(ordered), codes)


def _of_file(file: Path) -> list[tuple[str, Answer]]:
    """(project, answer) of each answer in a file; a ValueError says what is wrong with it."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ValueError("there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"it cannot be read: {error}") from error
    if not text.strip():
        raise ValueError("it is empty: the browser saved nothing; open the page again, where the answers still are")
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"it is half written, or no JSON (line {error.lineno}, column {error.colno}: {error.msg}); save it again"
        ) from error
    if isinstance(content, dict) and content.get("naba") == "answers":
        return _of_page(content, file)
    if isinstance(content, list) and not content:
        raise ValueError("it holds no tasks; export the project from Label Studio as JSON")
    if not label_studio.is_export(content):
        held = f"the keys {', '.join(list(content)[:5])}" if isinstance(content, dict) and content else _shown(content)
        raise ValueError(
            f"it holds {held}: expected a file saved by the "
            "page of `naba annotate make`, or a JSON or JSON-MIN export of Label Studio with the tasks it wrote"
        )
    try:
        return [(project, Answer(row, person, label, comment, seconds, str(file)))
                for project, person, row, label, comment, seconds in label_studio.answers(content)]  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a task is not as Label Studio exports it: {error!r}") from error


def _of_page(content: dict[str, Any], file: Path) -> list[tuple[str, Answer]]:
    missing = [key for key in ("project", "person", "answers") if key not in content]
    if missing:
        raise ValueError(f"it is no complete file of answers: it lacks {', '.join(missing)}; save it again")
    listed, person = content["answers"], str(content["person"]).strip()
    if not isinstance(listed, list):
        raise ValueError(f"its answers are {_shown(listed)}; expected a list, as the page saves it")  # noqa: TRY004
    given = []
    for place, each in enumerate(listed, start=1):
        if not isinstance(each, dict) or not {"id", "label"} <= set(each):
            held = f"the keys {', '.join(each)}" if isinstance(each, dict) else _shown(each)
            raise ValueError(f"answer {place} holds {held}; expected id and label, as the page saves them")
        seconds = each.get("seconds", 0)
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            raise ValueError(f"answer {place}: seconds is {_shown(seconds)}; expected a number")  # noqa: TRY004
        remark = str(each.get("comment", ""))
        given.append(Answer(str(each["id"]), person, str(each["label"]), remark, float(seconds), str(file)))
    project = str(content["project"])
    if not person:
        raise ValueError("it does not say who labelled: open the page, give a name and save again")
    return [(project, answer) for answer in given]


def _checked(given: Sequence[tuple[str, Answer]], project: Project) -> list[Answer]:
    """The answers of a file, all to this project, to rows and with labels that it has."""
    if not any(answer.label for _, answer in given):
        raise ValueError(f"it holds no answers ({len(project.rows)} rows are to be labelled): it was saved too early")
    others = sorted({name for name, _ in given if name and name.removesuffix(SECOND_ROUND) != project.root})
    if others:
        raise ValueError(f"it answers another project ({others[0]}); this one is {project.root} ({project.name})")
    known = {row.id for row in project.rows}
    strange = [answer.id for _, answer in given if answer.id not in known]
    if strange:
        guess = nearest(strange[0], known)
        hint = f"; did you mean '{guess}'?" if guess else ""
        count = f"{len(strange)} of its {len(given)} ids are not in the project"
        raise ValueError(f"{count}: {_some(map(repr, strange))}{hint}")
    wrong = [answer for _, answer in given if answer.label not in {*project.labels, ""}]
    if wrong:
        said = unknown_name("label", wrong[0].label, project.labels)
        more = f" (and {len(wrong) - 1} more such answers)" if len(wrong) > 1 else ""
        raise ValueError(f"{said}, for id '{wrong[0].id}'{more}")
    return [replace(answer, second_round=name.endswith(SECOND_ROUND)) for name, answer in given]


def _some(rows: Any) -> str:
    listed = list(rows)
    return ", ".join(listed[:SHOWN]) + (f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else "")


def _shown(value: Any) -> str:
    """What a value of a JSON file is, for messages."""
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object" if value else "an empty object"
    return repr(value)
