"""What a language model's reply says: one of the labels, or why it says none of them.

A reply is read and never guessed at: one that names two labels, or none, has no label.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from naba.arabic.normalise import normalise
from naba.arabic.profile import NEWS
from naba.evaluation.predictions import ANSWERED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

UNPARSED, REFUSED, TRUNCATED, EMPTY = "unparsed", "refused", "truncated", "empty"

_THOUGHTS = re.compile(r"<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"```[a-zA-Z]*\s*(.*?)(?:```|\Z)", re.DOTALL)
_OBJECT = re.compile(r"\{[^{}]*\}", re.DOTALL)
_EDGE = " \t\r\n.,:;!?'\"`*_#()[]{}<>-=/\\|،؛؟"
# Spellings are those after normalisation: إجابة is اجابه.
_MARKER = re.compile(
    r"(?:ال)?(?:اجابه|جواب|تصنيف|تسميه|موقف|نوع|رمز)(?: (?:الصحيحه|النهائيه|النهايي|الصحيح|المختاره|هي|هو))*\s*[:=]"
    r"|\b(?:final )?(?:answer|label|class|stance|type|choice|category)(?: is)?\s*[:=]"
    r"|\b(?:final )?answer is\b|(?:ال)?(?:اجابه|جواب)(?: الصحيحه| الصحيح)? (?:هي|هو)\b"
)
_REFUSAL = re.compile(
    r"لا استطيع|لا يمكنني|لا اقدر|لن اتمكن|لست قادرا|لا يسعني|يتعذر علي|عذرا|اسف\b|اعتذر|نموذج لغ[ويه]|"
    r"\bi(?: am|'m) (?:sorry|unable)|\bsorry\b|\bi (?:cannot|can't|can not|won't|will not)\b|\bunable to\b|"
    r"\bas an ai\b|\blanguage model\b|\bi must decline\b|\bnot able to\b"
)
_NEGATION = re.compile(
    r"(?:^|\s)(?:لا|ليس|ليست|لم|لن|غير|بدون|دون|not|no|isn't|never)(?: (?:is|it|an?|the|هو|هي))?\s*$"
)
_KEYS = ("answer", "label", "id", "الاجابه", "الجواب", "اجابه", "التصنيف", "الرمز")


@dataclass(frozen=True)
class Choices:
    """What may be answered.

    Attributes:
        labels: in the order of the prompt.
        ids: the short answer that stands for each, such as `1`.
        names: further words that mean each: its names in Arabic and English.
    """

    labels: tuple[str, ...]
    ids: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]

    @cached_property
    def exact(self) -> dict[str, str]:
        """Every normalised id, label and name -> its label; a word that two labels share stands for neither."""
        found: dict[str, str] = {}
        shared = set()
        for label, one, words in zip(self.labels, self.ids, self.names, strict=True):
            for spelling in {_plain(word) for word in (one, label, label.replace("_", " "), *words)}:
                if found.setdefault(spelling, label) != label:
                    shared.add(spelling)
        return {spelling: label for spelling, label in found.items() if spelling and spelling not in shared}

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Names of labels as whole words, the longest first: `غير موافق` is not `موافق`."""
        ids = {_plain(one) for one in self.ids}
        words = sorted((word for word in self.exact if word not in ids), key=len, reverse=True)
        # With the article and the conjunctions that Arabic writes onto a word.
        return re.compile(r"(?<!\w)[وف]?[بل]?(?:ال)?(" + "|".join(map(re.escape, words)) + r")(?!\w)")

    def of(self, text: str) -> str | None:
        """The label that a text is, and nothing but it."""
        bare = text.strip(_EDGE)
        return self.exact.get(bare) or self.exact.get(re.sub(r"^(?:ال)", "", bare))


@dataclass(frozen=True)
class Reading:
    """What a reply says. `label` is None unless `outcome` is `answered`."""

    outcome: str
    label: str | None = None


def read(text: str | None, choices: Choices, finish: str | None = None) -> Reading:
    """Read a reply.

    Args:
        finish: the server's `finish_reason`: `length` for a reply that was cut, `content_filter` for one withheld.
    """
    if finish == "content_filter":
        return Reading(REFUSED)
    bare = _THOUGHTS.sub(" ", text or "")
    said = _plain(bare)
    if not said.strip(_EDGE):
        return Reading(TRUNCATED if finish == "length" else EMPTY)
    if (found := _found(bare, said, choices)) is not None:
        return Reading(ANSWERED, found)
    if _REFUSAL.search(said):
        return Reading(REFUSED)
    if (found := _named(said, choices)) is not None:
        return Reading(ANSWERED, found)
    return Reading(TRUNCATED if finish == "length" else UNPARSED)


def _found(bare: str, said: str, choices: Choices) -> str | None:
    """The label where it stands in a place for answers: alone, in JSON, after a marker, at the head of the reply."""
    for content in _objects(bare):
        if (label := _of_object(content, choices)) is not None:
            return label
    fenced = _FENCE.search(said)
    if (label := choices.of(fenced[1] if fenced else said)) is not None:
        return label
    lines = [line for line in said.splitlines() if line.strip(_EDGE)]
    marked = [_head(said[one.end() :], choices) for one in _MARKER.finditer(said)]
    alone = [choices.of(line) for line in lines]
    for labels in (marked, alone):
        if any(labels):
            return _only(labels)
    head = re.match(r"\W*(\w+)\s*[:.)\-–=]\s", lines[0] + " ")
    label = choices.of(head[1]) if head else None
    return label if _mentions(said, choices) <= {label} else None


def _only(labels: Iterable[str | None]) -> str | None:
    """The one label among what was found; None where there are two, or none."""
    found = {label for label in labels if label is not None}
    return found.pop() if len(found) == 1 else None


def _head(rest: str, choices: Choices) -> str | None:
    """The label at the beginning of a text."""
    line = next((line for line in rest.splitlines() if line.strip(_EDGE)), "").strip(_EDGE)
    if (whole := choices.of(line)) is not None:
        return whole
    words = line.split()
    for size in range(min(6, len(words)), 0, -1):
        if (label := choices.of(" ".join(words[:size]))) is not None:
            return label if _mentions(" ".join(words[size:]), choices) <= {label} else None
    return None


def _named(said: str, choices: Choices) -> str | None:
    """The one label that a text names anywhere, unless a word before it denies it."""
    denied = any(_NEGATION.search(said[: one.start()]) for one in choices.pattern.finditer(said))
    return None if denied else _only(_mentions(said, choices))


def _mentions(said: str, choices: Choices) -> set[str]:
    return {choices.exact[one[1]] for one in choices.pattern.finditer(said)}


def _objects(text: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for part in _OBJECT.findall(text):
        try:
            content = json.loads(part)
        except ValueError:
            continue
        if isinstance(content, dict):
            found.append(content)
    return found


def _of_object(content: Mapping[str, Any], choices: Choices) -> str | None:
    plain = {_plain(str(key)): value for key, value in content.items()}
    values = [plain[key] for key in _KEYS if key in plain] or (list(plain.values()) if len(plain) == 1 else [])
    return _only(choices.of(_plain(str(value))) for value in values)


def _plain(text: str) -> str:
    """Lower case and normalised line by line, so that spelling differences of Arabic, and lines, do not matter."""
    return "\n".join(normalise(line, NEWS).casefold() for line in text.replace("\u2028", "\n").splitlines())


def answer_ids(count: int) -> tuple[str, ...]:
    """Short answers, each one token for most tokenizers: digits, and letters where there are more than nine labels."""
    return (
        tuple(str(number) for number in range(1, count + 1))
        if count <= 9
        else tuple(chr(ord("A") + place) for place in range(count))
    )
