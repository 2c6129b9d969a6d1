"""From texts to padded batches of tokens.

What the makers of Arabic encoders did to their text before pretraining, fine-tuning has to do as well:

`arabert` (AraBERT v02, AraELECTRA): the steps of the AraBERT preprocessor that need no word segmenter: HTML undone,
links, e-mail addresses and mentions replaced by the tokens of its vocabulary, vowel signs and tatweel removed,
Arabic-Indic digits made Western, long repetitions shortened, blanks around punctuation and between digits and
letters (Antoun et al. 2020, arXiv 2003.00104, section 3.2, and its repository).
`camelbert`: vowel signs and tatweel removed (Inoue et al. 2021, arXiv 2103.06678, section 4).
`marbert` (MARBERTv2, ARBERTv2): vowel signs removed; links, mentions and hashtag signs replaced (Abdul-Mageed et al.
2021, arXiv 2101.01785, section 3).
`e5`: each text begins with `query: ` (Wang et al. 2024, arXiv 2402.05672, for tasks other than retrieval).
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.models.classifier import normalise_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from naba.arabic.normalise import Profile
    from naba.models.encoder.options import Reading

_VOWELS = re.compile(r"[\u0610-\u061A\u064B-\u065F\u0670\u06D6-\u06DC\u06DF-\u06E8\u06EA-\u06ED]")
_TATWEEL = re.compile("\u0640+")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_MENTION = re.compile(r"(?<!\w)@\w+")
_TAG = re.compile(r"<[^<>]{1,200}>")
_REPEATED = re.compile(r"(\D)\1{2,}")
_PUNCTUATION = re.compile(r"([^\w\s\[\]])")
_DIGIT_LETTER = re.compile(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")
_DECIMAL = re.compile(r"(?<=\d) ([.,]) (?=\d)")
_SPACES = re.compile(r"\s+")
_DIGITS = {
    ord(digit): str(value) for start in "٠۰" for value, digit in enumerate(chr(ord(start) + i) for i in range(10))
}
PART_TOKENS, MOST_PARTS = 1024, 4
"""Smaller parts cost more in calls than they save in padding (two cores; headlines of 13 tokens are not cut, and
sentences of 43 train 1.4 times as fast in two parts as in one)."""


def prepare(texts: Sequence[str], preprocessing: str, profile: Profile | None) -> list[str]:
    """The texts as the encoder wants them.

    Args:
        preprocessing: see `naba.models.encoder.options.Reading`.
        profile: of the run; used by `profile` alone.
    """
    if preprocessing == "profile":
        return normalise_texts(texts, profile)
    step = _STEPS[preprocessing]
    return [step(text) for text in texts]


def arabert(text: str) -> str:
    """As AraBERT v02 and AraELECTRA were pretrained.

    >>> arabert("قُتِلَ ١٥شخصاً، @user https://t.co/x")
    'قتل 15 شخصا ، [مستخدم] [رابط]'
    """
    text = _TAG.sub(" ", html.unescape(text))
    text = _LINK.sub(" [رابط] ", text)
    text = _EMAIL.sub(" [بريد] ", text)
    text = _MENTION.sub(" [مستخدم] ", text)
    text = _TATWEEL.sub("", _VOWELS.sub("", text)).translate(_DIGITS)
    text = _REPEATED.sub(r"\1\1", text)
    text = _PUNCTUATION.sub(r" \1 ", text)
    text = _DIGIT_LETTER.sub(" ", text)
    return _DECIMAL.sub(r"\1", _SPACES.sub(" ", text)).strip()


def camelbert(text: str) -> str:
    """As CAMeLBERT was pretrained."""
    return _SPACES.sub(" ", _TATWEEL.sub("", _VOWELS.sub("", text))).strip()


def marbert(text: str) -> str:
    """As MARBERT and ARBERT were pretrained."""
    text = _MENTION.sub(" USER ", _LINK.sub(" URL ", text))
    return _SPACES.sub(" ", _VOWELS.sub("", text).replace("#", " ")).strip()


def e5(text: str) -> str:
    """As multilingual E5 wants texts that are not passages to be found; an absent side stays absent."""
    return f"query: {text}" if text else ""


_STEPS: dict[str, Callable[[str], str]] = {
    "none": str,
    "arabert": arabert,
    "camelbert": camelbert,
    "marbert": marbert,
    "e5": e5,
}


@dataclass(frozen=True)
class Tokens:
    """The windows of n rows, end to end.

    Attributes:
        ids: (all tokens,) int64.
        types: (all tokens,) 1 in the second segment and behind it, else 0.
        window_ends: (windows,) where each window ends in `ids`.
        row_ends: (n,) where the windows of each row end in `window_ends`.
    """

    ids: np.ndarray
    types: np.ndarray
    window_ends: np.ndarray
    row_ends: np.ndarray

    def __len__(self) -> int:
        return len(self.row_ends)

    @property
    def lengths(self) -> np.ndarray:
        """(n,) tokens of each row, over all its windows."""
        ends = np.concatenate([[0], self.window_ends])[np.concatenate([[0], self.row_ends])]
        return np.diff(ends)

    def batch(self, rows: np.ndarray, padding: int, multiple: int = 1) -> Batch:
        """The windows of some rows as one padded table; the width is a multiple of `multiple`."""
        first = np.concatenate([[0], self.row_ends])[rows]
        counts = self.row_ends[rows] - first
        windows = np.concatenate([np.arange(start, start + count) for start, count in zip(first, counts, strict=True)])
        starts = np.concatenate([[0], self.window_ends])[windows]
        lengths = self.window_ends[windows] - starts
        width = -(-int(lengths.max()) // multiple) * multiple
        columns = np.arange(width)
        mask = columns < lengths[:, None]
        places = np.where(mask, starts[:, None] + columns, 0)
        ids = np.where(mask, self.ids[places], padding)
        types = np.where(mask, self.types[places], 0)
        return Batch(ids, types, mask.astype(np.int64), np.repeat(np.arange(len(rows)), counts))


@dataclass(frozen=True)
class Batch:
    """One padded batch: `ids`, `types` and `mask` are (windows, width) int64; `owner` is (windows,), the row in it."""

    ids: np.ndarray
    types: np.ndarray
    mask: np.ndarray
    owner: np.ndarray


def tokenise(tokenizer: Any, texts: Sequence[str], targets: Sequence[str] | None, reading: Reading) -> Tokens:
    """Tokens of single texts, or of pairs as two segments: the target first, then the text.

    With one window, the longer side of a pair is cut. With several, the target is kept whole (up to half a window)
    in each window, and the text moves on by the window less `reading.stride`.

    Args:
        tokenizer: a fast tokenizer.
        targets: the first segments; None for single texts.
    """
    shared: dict[str, Any] = {"max_length": reading.max_length, "return_attention_mask": False}
    if reading.windows == 1:
        shared["truncation"] = "longest_first"
    else:
        shared |= {"return_overflowing_tokens": True, "truncation": True if targets is None else "only_second"}
        target_length = 0 if targets is None else reading.max_length // 2
        room = reading.max_length - target_length - tokenizer.num_special_tokens_to_add(targets is not None)
        shared["stride"] = max(0, min(reading.stride, room - 1))
        if targets is not None:
            targets = [_cut(tokenizer, target, target_length) for target in targets]
    columns = (list(texts),) if targets is None else (list(targets), list(texts))
    if not len(texts):
        return _gather([], pair=False)
    encoded = tokenizer(*columns, **shared)
    owners = encoded["overflow_to_sample_mapping"] if reading.windows > 1 else range(len(texts))
    rows: list[list[Any]] = [[] for _ in texts]
    for owner, encoding in zip(owners, encoded.encodings, strict=True):
        if len(rows[owner]) < reading.windows:
            rows[owner].append(encoding)
    return _gather(rows, pair=targets is not None)


def _cut(tokenizer: Any, text: str, tokens: int) -> str:
    if len(text) <= tokens:
        return text
    encoding = tokenizer(text, add_special_tokens=False).encodings[0]
    return text if len(encoding.ids) <= tokens else text[: encoding.offsets[tokens - 1][1]]


def _gather(rows: list[list[Any]], *, pair: bool) -> Tokens:
    windows = [window for row in rows for window in row]
    ids = [np.array(window.ids, dtype=np.int64) for window in windows]
    types = [_types(window, pair=pair) for window in windows]
    return Tokens(
        np.concatenate(ids) if ids else np.empty(0, np.int64),
        np.concatenate(types) if types else np.empty(0, np.int64),
        np.cumsum([len(window) for window in ids], dtype=np.int64),
        np.cumsum([len(row) for row in rows], dtype=np.int64),
    )


def _types(encoding: Any, *, pair: bool) -> np.ndarray:
    """Segment numbers from the sequence each token comes from: some tokenizers leave their type ids at 0."""
    sequences = encoding.sequence_ids
    types = np.zeros(len(sequences), dtype=np.int64)
    if pair and 1 in sequences:
        types[sequences.index(1) :] = 1
    return types


def training_batches(rows: int, size: int, generator: np.random.Generator) -> list[np.ndarray]:
    """The rows of one epoch, each once, in random batches.

    Batches are not sorted by length: batches of one length are no random sample and cost loss (ANS claim types, mean
    validation loss of four seeds: 1.336 random, 1.366 sorted in pools of two batches, 1.389 in pools of four).
    """
    order = generator.permutation(rows)
    return [order[start : start + size] for start in range(0, rows, size)]


def length_parts(lengths: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
    """The rows of one batch in parts of like length: together they give the batch's gradient, with less padding.

    There is a part for each `PART_TOKENS` tokens, padding included, and `MOST_PARTS` at most.
    """
    padded = int(lengths[rows].max()) * len(rows)
    parts = min(max(padded // PART_TOKENS, 1), MOST_PARTS, len(rows))
    return np.array_split(rows[np.argsort(lengths[rows], kind="stable")], parts)


def sorted_batches(lengths: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """All rows, longest first, in batches: for prediction."""
    order = np.argsort(-lengths, kind="stable")
    for start in range(0, len(order), size):
        yield order[start : start + size]
