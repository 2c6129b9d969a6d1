"""What the lexicons know about one word: opposites, synonyms, places and cues, found through stem and skeleton."""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from naba.arabic.lexicons import AXES, CUES, NOUN_CUES, PLACES, RIVALS, SYNONYMS
from naba.arabic.normalise import NEWS, normalise
from naba.arabic.segment import light_stem, skeleton

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

AXIS_NAMES = tuple(AXES)
CUE_NAMES = tuple(CUES)

_FUNCTION_WORDS = (
    "في من على إلى عن مع بين حتى منذ خلال عند لدى نحو ضد حول بعد قبل تحت فوق أمام خلف عبر داخل خارج ضمن دون غير "
    "أن إن أنه أنها إنه إنها التي الذي الذين هذا هذه ذلك تلك هو هي هم هناك هنا كان كانت يكون تكون قد لقد ما لا لم "
    "لن ليس ليست هل و أو ثم بل لكن كما كل بعض أي أيضا فقط له لها لهم به بها بهم فيه فيها منه منها عليه عليها إليه "
    "إليها عنه عنها بأن لأن وأن حيث إذا لو عندما كيف ماذا لماذا متى أين يتم تم سيتم عقب ظل وسط إثر بسبب أجل مثل"
)
STOP_WORDS = frozenset(normalise(_FUNCTION_WORDS, NEWS).split())


@dataclass(frozen=True, slots=True)
class Word:
    """One normalised word; `base` is its stem without a preposition written on to it.

    The bit masks index `AXIS_NAMES` (either pole), the synonym sets, `PLACES`, the kinds of `RIVALS` and
    `CUE_NAMES`; `members` names the word within its kinds.
    """

    stem: str
    base: str
    skeleton: str
    first_pole: int
    second_pole: int
    synonyms: int
    places: int
    kinds: int
    members: int
    cues: int
    stop: bool


class _Index:
    """Finds the sets a word is in: by its form, else its stem, else (for verbs and verbal nouns) its skeleton."""

    def __init__(self, sets: Iterable[str], *, skeletons: bool) -> None:
        self.skeletons = skeletons
        self.levels: tuple[dict[str, int], dict[str, int], dict[str, int]] = (
            defaultdict(int), defaultdict(int), defaultdict(int),
        )  # fmt: skip
        for position, words in enumerate(sets):
            for word in normalise(words, NEWS).split():
                for level, key in zip(self.levels, (word, light_stem(word), skeleton(word)), strict=True):
                    level[key] |= 1 << position

    def find(self, word: str, stem: str, consonants: str) -> int:
        forms, stems, skeletons = self.levels
        if word in forms:
            return forms[word]
        for form in (stem, base(word)):
            if len(form) >= 3 and form in stems:
                return stems[form]
        if self.skeletons and len(consonants) >= 3:
            return skeletons.get(consonants, 0)
        return 0


class _CueIndex:
    def __init__(self, cues: Mapping[str, str]) -> None:
        self.forms: dict[str, int] = defaultdict(int)
        self.stems: dict[str, int] = defaultdict(int)
        for position, (cue, words) in enumerate(cues.items()):
            # Stems of three letters are safe for nouns; of function words they are too many things.
            shortest = 3 if cue in NOUN_CUES else 4
            for word in normalise(words, NEWS).split():
                self.forms[word] |= 1 << position
                if len(light_stem(word)) >= shortest:
                    self.stems[light_stem(word)] |= 1 << position

    def find(self, word: str, stem: str) -> int:
        for form in (word, word[1:] if word[:1] in "وفل" and len(word) > 2 else word):
            if form in self.forms:
                return self.forms[form]
        return self.stems.get(stem, 0)


@functools.cache
def _members() -> tuple[str, ...]:
    return tuple(member for kind in RIVALS.values() for member in kind.split("/"))


@functools.cache
def _indices() -> tuple[_Index, _Index, _Index, _Index, _Index, _Index, _CueIndex]:
    return (
        _Index((poles[0] for poles in AXES.values()), skeletons=True),
        _Index((poles[1] for poles in AXES.values()), skeletons=True),
        _Index(SYNONYMS, skeletons=True),
        _Index(PLACES.values(), skeletons=False),
        _Index((kind.replace("/", " ") for kind in RIVALS.values()), skeletons=False),
        _Index(_members(), skeletons=False),
        _CueIndex(CUES),
    )


def base(word: str) -> str:
    """The light stem without a one-letter preposition, which light10 leaves: `لمؤتمر` and `مؤتمر` share it."""
    stem = light_stem(word)
    return light_stem(stem[1:]) if len(stem) >= 4 and stem[0] in "بلفك" else stem


@functools.lru_cache(maxsize=200_000)
def analyse(word: str) -> Word:
    """What the lexicons know about a word in `news` normalisation."""
    stem, consonants = light_stem(word), skeleton(word)
    first, second, synonyms, places, kinds, members, cues = _indices()
    stop = word in STOP_WORDS
    return Word(
        stem=stem,
        base=base(word),
        skeleton=consonants,
        first_pole=0 if stop else first.find(word, stem, consonants),
        second_pole=0 if stop else second.find(word, stem, consonants),
        synonyms=0 if stop else synonyms.find(word, stem, consonants),
        places=0 if stop else places.find(word, stem, consonants),
        kinds=0 if stop else kinds.find(word, stem, consonants),
        members=0 if stop else members.find(word, stem, consonants),
        cues=cues.find(word, stem),
        stop=stop,
    )
