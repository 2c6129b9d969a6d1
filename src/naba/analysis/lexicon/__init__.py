"""Reporting words of Arabic news, read from the tables beside this file, which a linguist can read and extend.

`verbs.tsv` lists verbs with their principal parts; the other inflections and the pronouns that stick to them are
formed here. `words.tsv` lists groups of words that the rules ask about.
"""

from __future__ import annotations

import csv
import functools
import re
from dataclasses import dataclass
from importlib import resources
from typing import Literal

Kind = Literal["verb", "participle", "noun"]

_SIGNS = re.compile("[\u064b-\u065f\u0670\u0640]")
_HAMZAS = str.maketrans("أإآٱ", "اااا")
_EGYPTIAN = {"فى": "في", "الذى": "الذي", "التى": "التي", "اى": "اي"}
_PRONOUNS = ("ه", "ها", "هم", "هما", "هن", "نا")
_COLUMNS = ["past", "feminine", "plural", "present", "participle", "nouns", "objects", "uses"]


def fold(word: str) -> str:
    """The word as the lexicon compares it: without vowel signs and tatweel, with a bare alef for its hamza forms.

    >>> fold("أكّدَ"), fold("إنّ")
    ('اكد', 'ان')
    """
    folded = _SIGNS.sub("", word).translate(_HAMZAS)
    return _EGYPTIAN.get(folded, folded)


@dataclass(frozen=True)
class Verb:
    """A row of `verbs.tsv`.

    Attributes:
        past: its name.
        objects: `NP` and the prepositions that its content may begin with, folded.
        uses: clause, object, prep, initial, impersonal, relay.
    """

    past: str
    objects: frozenset[str]
    uses: frozenset[str]


@dataclass(frozen=True)
class Form:
    """A form of a reporting verb.

    Attributes:
        verb: whose form it is.
        kind: a finite verb, an active participle or a verbal noun.
        feminine: its gender, None where the form does not say.
        pronoun: a pronoun sticks to it (وصفه، تأكيده).
        first_person: the speaker quotes himself (قلت).
    """

    verb: Verb
    kind: Kind
    feminine: bool | None = None
    pronoun: bool = False
    first_person: bool = False


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


@functools.cache
def group(name: str) -> frozenset[str]:
    """The words of a row of `words.tsv`, folded."""
    return _groups()[name]


@functools.cache
def _groups() -> dict[str, frozenset[str]]:
    return {row["group"]: frozenset(map(fold, row["words"].split())) for row in _rows("words.tsv")}


@functools.cache
def forms() -> dict[str, Form]:
    """Every folded form of every reporting verb; where two verbs share one, the row that stands first has it."""
    found: dict[str, Form] = {}
    for row in _rows("verbs.tsv"):
        cells = {column: fold(row[column]) for column in _COLUMNS}
        verb = Verb(cells["past"], frozenset(cells["objects"].split()), frozenset(row["uses"].split()))
        if "never" in verb.uses:
            continue
        finite = _finite(verb, cells)
        # تأكيدها is a noun before it is a verb with a pronoun.
        for word, form in [*finite, *_participles(verb, cells), *_nouns(verb, cells), *_with_pronouns(verb, finite)]:
            found.setdefault(word, form)
    excluded = group("excluded")
    return {word: form for word, form in found.items() if word not in excluded}


def _finite(verb: Verb, cells: dict[str, str]) -> list[tuple[str, Form]]:
    past = cells["past"]
    feminine = cells["feminine"] or past + "ت"
    plural = cells["plural"] or past + "وا"
    masculine = [past, plural, past if past.endswith(("ى", "ا")) else past + "ا"]
    feminines = [feminine, feminine + "ا"]
    if present := cells["present"]:
        stem = present[1:]
        short = stem[:-1] if stem.endswith(("ي", "و", "ى")) else stem
        masculine += [present, "ي" + short + "ون", "ي" + stem + "ان", "س" + present]
        feminines += ["ت" + stem, "ت" + stem + "ان", "ست" + stem]
    result = [(word, Form(verb, "verb", feminine=False)) for word in masculine]
    result += [(word, Form(verb, "verb", feminine=True)) for word in feminines]
    if past == "قال":
        result += [(word, Form(verb, "verb", first_person=True)) for word in ("قلت", "قلنا")]
    return result


def _with_pronouns(verb: Verb, finite: list[tuple[str, Form]]) -> list[tuple[str, Form]]:
    if not verb.objects & {"NP", "ب"}:
        return []
    return [
        (_before_pronoun(word) + pronoun, Form(verb, "verb", form.feminine, pronoun=True))
        for word, form in finite
        for pronoun in _PRONOUNS
    ]


def _before_pronoun(word: str) -> str:
    if word.endswith("وا"):
        return word[:-1]
    return word[:-1] + "ا" if word.endswith("ى") else word


def _participles(verb: Verb, cells: dict[str, str]) -> list[tuple[str, Form]]:
    if not cells["participle"]:
        return []
    stem = cells["participle"].removesuffix("ا")
    plural = stem.removesuffix("ي")
    endings = [(stem + "ا", False), (stem + "ة", True), (stem + "ه", True), (plural + "ين", False)]
    return [(word, Form(verb, "participle", feminine)) for word, feminine in endings]


def _nouns(verb: Verb, cells: dict[str, str]) -> list[tuple[str, Form]]:
    result = []
    for noun in cells["nouns"].split():
        result.append((noun, Form(verb, "noun")))
        stem = noun[:-1] + "ت" if noun.endswith("ة") else noun
        result += [(stem + pronoun, Form(verb, "noun", pronoun=True)) for pronoun in _PRONOUNS]
    return result


@dataclass(frozen=True)
class Reading:
    """A word read as a form of a reporting verb.

    Attributes:
        form: the form.
        joined: و or ف stands before it.
        skipped: characters of the word that do not belong to the cue (و، ف).
    """

    form: Form
    joined: bool
    skipped: int


def read(word: str) -> Reading | None:
    """The reporting verb that a word is a form of, with its clitics, or None; `word` as the text writes it.

    >>> read("وأكّدت").form.verb.past, read("وأكّدت").skipped, read("كتاب")
    ('اكد', 1, None)
    """
    known = forms()
    folded = fold(word)
    if form := known.get(folded):
        return Reading(form, joined=False, skipped=0)
    if folded[:1] in {"و", "ف"} and (form := known.get(folded[1:])):
        return Reading(form, joined=True, skipped=1)
    if folded[:1] in {"ب", "ل"} and (form := known.get(folded[1:])) and form.kind == "noun" and form.pronoun:
        return Reading(form, joined=False, skipped=0)
    return None
