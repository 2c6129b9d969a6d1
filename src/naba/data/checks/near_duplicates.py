"""Pairs of almost equal texts among many, by MinHash with banding, verified exactly.

Similarity is the Jaccard index of the sets of character 5-grams of the normalised texts. 32 hash functions in 8 bands
of 4 find a pair of similarity .8 with probability .98 (Leskovec, Rajaraman & Ullman 2020, Mining of Massive Datasets,
ch. 3.4); candidates are then compared exactly, so what is returned is right and only the search is approximate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

SIZE = 5
HASHES, BANDS = 32, 8
BLOCK = 2_000_000
MOST_IN_BUCKET = 50
"""In a bucket of more texts (boilerplate) each is compared with its next 50 only."""


def near_duplicates(texts: Sequence[str], threshold: float = 0.8) -> list[tuple[int, int, float]]:
    """Pairs of different texts at least `threshold` alike.

    Args:
        texts: normalised texts; equal ones count as one, under the index of the first.
    Returns:
        (first, second, similarity) with first < second, sorted.
    """
    first: dict[str, int] = {}
    for index, text in enumerate(texts):
        if text:
            first.setdefault(text, index)
    unique = list(first)
    if len(unique) < 2:
        return []
    signatures = np.concatenate([_signatures(block) for block in _blocks(unique)])
    candidates = _candidates(signatures)
    alike = (signatures[candidates[:, 0]] == signatures[candidates[:, 1]]).mean(axis=1)
    # The estimate of 32 hashes has a standard error of .07 at .8: three of them below still pass to the exact check.
    candidates = candidates[alike >= threshold - 0.2]
    place = np.array([first[text] for text in unique])
    shingles: dict[int, NDArray[np.uint64]] = {}
    found = []
    for one, other in candidates.tolist():
        a, b = (shingles.setdefault(index, np.unique(_grams([unique[index]])[0])) for index in (one, other))
        if min(len(a), len(b)) < threshold * max(len(a), len(b)):
            continue
        shared = len(np.intersect1d(a, b, assume_unique=True))
        similarity = shared / (len(a) + len(b) - shared)
        if similarity >= threshold:
            low, high = sorted((int(place[one]), int(place[other])))
            found.append((low, high, similarity))
    return sorted(found)


def containment(texts: Sequence[str], others: Sequence[str]) -> NDArray[np.float64]:
    """(texts, others): the share of each text's distinct 5-grams that each other text has; 0 for an empty one.

    Exact, and all with all: for few texts against many (Broder 1997, "On the resemblance and containment of
    documents").
    """
    shares = np.zeros((len(texts), len(others)))
    rows, hashes = _whole_grams(others)
    for index, text in enumerate(texts):
        _, grams = _whole_grams([text])
        if len(grams):
            shares[index] = np.bincount(rows[np.isin(hashes, grams)], minlength=len(others)) / len(grams)
    return shares


def _whole_grams(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """(place of the text, hash) of each distinct 5-gram of each text that does not run over its end."""
    if not any(texts):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64)
    hashes, _ = _grams(list(texts))
    lengths = np.array([len(text) for text in texts])
    rows = np.repeat(np.arange(len(texts)), lengths)
    left = np.concatenate([np.arange(length, 0, -1) for length in lengths])
    whole = left >= np.minimum(lengths, SIZE)[rows]
    rows, hashes = rows[whole], hashes[whole]
    order = np.lexsort((hashes, rows))
    rows, hashes = rows[order], hashes[order]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (rows[1:] != rows[:-1]) | (hashes[1:] != hashes[:-1])
    return rows[first], hashes[first]


def _blocks(texts: Sequence[str]) -> Iterator[list[str]]:
    block: list[str] = []
    size = 0
    for text in texts:
        block.append(text)
        size += len(text)
        if size > BLOCK:
            yield block
            block, size = [], 0
    if block:
        yield block


def _grams(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hashes of all 5-grams, text after text, and where each text begins; a text of n characters has n of them."""
    texts = [text.replace("\0", " ") for text in texts]
    padded = "".join(text + "\0" * (SIZE - 1) for text in texts) + "\0" * (SIZE - 1)
    codes = np.frombuffer(padded.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    count = len(codes) - (SIZE - 1)
    hashes = np.zeros(count, dtype=np.uint64)
    for offset in range(SIZE):
        hashes = hashes * np.uint64(1_000_003) + codes[offset : offset + count]
    # Windows that begin in the padding belong to no text.
    hashes = hashes[codes[:count] != 0]
    lengths = np.array([len(text) for text in texts])
    return _mixed(hashes), np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014): spreads neighbouring values over all 64 bits."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _signatures(texts: list[str]) -> NDArray[np.uint32]:
    hashes, starts = _grams(texts)
    random = np.random.default_rng(20260101)
    factors = random.integers(1, 2**63, HASHES, dtype=np.uint64) | np.uint64(1)
    offsets = random.integers(0, 2**63, HASHES, dtype=np.uint64)
    signatures = np.empty((len(texts), HASHES), dtype=np.uint32)
    for column, (factor, offset) in enumerate(zip(factors, offsets, strict=True)):
        values = ((hashes * factor + offset) >> np.uint64(32)).astype(np.uint32)
        signatures[:, column] = np.minimum.reduceat(values, starts)
    return signatures


def _candidates(signatures: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Pairs that agree in a whole band, shape (c, 2), each once."""
    width = HASHES // BANDS
    pairs = []
    for band in range(BANDS):
        part = np.ascontiguousarray(signatures[:, band * width : (band + 1) * width])
        keys = part.view(np.dtype((np.void, part.dtype.itemsize * width))).ravel()
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        for step in range(1, MOST_IN_BUCKET + 1):
            same = np.flatnonzero(ordered[step:] == ordered[:-step])
            if not len(same):
                break
            pairs.append(np.sort(np.stack([order[same], order[same + step]], axis=1), axis=1))
    if not pairs:
        return np.empty((0, 2), dtype=np.int64)
    return np.unique(np.concatenate(pairs), axis=0).astype(np.int64)
