"""Prompts: YAML files, naba's own by task and language or the user's by path, and the messages they become."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from naba.config.folders import read_yaml
from naba.config.schema import FORBID, Text, explain
from naba.errors import Problems, UserError, unknown_name
from naba.models.prompting.reply import Choices, answer_ids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = Path(__file__).parent / "prompts"
GENERAL = "general"
MARKS = ("text", "target", "choices", "json")
_MARK = re.compile(r"\{(" + "|".join(MARKS) + r")\}")
_ANY_MARK = re.compile(r"\{(\w+)\}")
Message = dict[str, str]


@dataclass(frozen=True)
class Label:
    """What a prompt calls a label, what it says of it, and further words that mean it in a reply."""

    __pydantic_config__ = FORBID
    name: Text
    meaning: Text = ""
    also: list[Text] = field(default_factory=list)


@dataclass(frozen=True)
class Prompt:
    """A prompt.

    Attributes:
        task, language: what it is for.
        system: the instruction; `{choices}` becomes one line a label.
        row: a row as the user says it; `{text}`, `{target}`, or both as `{json}`.
        labels: label -> how it is called; their order is that of the choices. Labels of a data set that are not here
            come after them, under the names that the data set shows.
        answers: `ids` asks for short codes, `labels` for the labels themselves.
    """

    __pydantic_config__ = FORBID
    task: Text
    language: Text
    system: Text
    row: Text
    labels: dict[Text, Label] = field(default_factory=dict)
    answers: Literal["ids", "labels"] = "ids"

    def asked(self, text: str, target: str) -> str:
        """A row as the user says it."""
        both = {"target": target, "text": text} if target else {"text": text}
        return _filled(self.row, {"text": text, "target": target, "json": json.dumps(both, ensure_ascii=False)})


@dataclass(frozen=True)
class Shot:
    """An example whose answer is shown."""

    text: str
    target: str
    label: str


@dataclass(frozen=True)
class Form:
    """A prompt for the labels of a data set.

    Attributes:
        names: label -> the name by which the data set shows it.
    """

    prompt: Prompt
    names: Mapping[str, str]

    @cached_property
    def called(self) -> dict[str, Label]:
        """What each label is called, in the order of the choices."""
        known = {label: found for label, found in self.prompt.labels.items() if label in self.names}
        return known | {label: Label(name) for label, name in self.names.items() if label not in known}

    @cached_property
    def choices(self) -> Choices:
        """What may be answered."""
        labels = tuple(self.called)
        ids = labels if self.prompt.answers == "labels" else answer_ids(len(labels))
        words = [(found.name, *found.also, self.names[label]) for label, found in self.called.items()]
        return Choices(labels, ids, tuple(words))

    @cached_property
    def instruction(self) -> str:
        """The system message."""
        lines = [
            f"{one} = {found.name}" + (f": {found.meaning}" if found.meaning else "")
            for one, found in zip(self.choices.ids, self.called.values(), strict=True)
        ]
        return _filled(self.prompt.system, {"choices": "\n".join(lines)})

    def messages(self, shots: Sequence[Shot], text: str, target: str) -> list[Message]:
        """What is sent for a row: instruction, shots as turns, the row."""
        answer = dict(zip(self.choices.labels, self.choices.ids, strict=True))
        found = [{"role": "system", "content": self.instruction}] if self.instruction else []
        for shot in shots:
            found.append({"role": "user", "content": self.prompt.asked(shot.text, shot.target)})
            found.append({"role": "assistant", "content": answer[shot.label]})
        return [*found, {"role": "user", "content": self.prompt.asked(text, target)}]


def without_system(found: Sequence[Message]) -> list[Message]:
    """The same for a server that takes no system message: the instruction goes before the first thing that is asked."""
    if not found or found[0]["role"] != "system":
        return list(found)
    first = {"role": "user", "content": f"{found[0]['content']}\n\n{found[1]['content']}"}
    return [first, *found[2:]]


def _filled(template: str, values: Mapping[str, str]) -> str:
    # In one pass, so that a text that holds `{target}` itself stays as it is.
    return _MARK.sub(lambda one: values.get(one[1], ""), template).strip()


def path_of(name: str | None, task: str, language: str) -> Path:
    """The file of a prompt.

    Args:
        name: of one of naba's own, or a path; None for naba's own of the task, or the general one.
    Raises:
        UserError: there is none.
    """
    own = {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}
    if name is None:
        return own.get(f"{task}_{language}", own[f"{GENERAL}_{language}"])
    if name in own:
        return own[name]
    path = Path(name).expanduser()
    if path.is_file():
        return path
    raise UserError(f"model.prompt: {unknown_name('prompt', name, own)}", "or the path of a YAML file of your own")


def read(path: Path) -> Prompt:
    """A prompt's file.

    Raises:
        Problems: all that is wrong with it.
    """
    return checked(read_yaml(path), str(path))


def checked(content: Mapping[str, object], where: str) -> Prompt:
    """A prompt from plain values.

    Raises:
        Problems: all that is wrong with them.
    """
    try:
        found = TypeAdapter(Prompt).validate_python(content)
    except ValidationError as error:
        raise Problems(explain(error, Prompt, ""), f"the prompt {where} has") from error
    problems = [
        f"{key}: {unknown_name('mark', mark, MARKS)}"
        for key, text in (("system", found.system), ("row", found.row))
        for mark in _ANY_MARK.findall(text)
        if mark not in MARKS
    ]
    if "{text}" not in found.row and "{json}" not in found.row:
        problems.append("row: expected {text} or {json}: what is asked about is not in it")
    if found.system and "{choices}" not in found.system:
        problems.append("system: expected {choices}: the answers that may be given are not in it")
    if problems:
        raise Problems(problems, f"the prompt {where} has")
    return found


def digest(path: Path) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a prompt as it is read, so that a comment changes nothing."""
    content = json.dumps(read_yaml(path), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
