"""The fast way to TF-IDF rows gives the bits of scikit-learn's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from naba.models.tfidf import term_counts
from naba.models.tfidf.term_counts import TOKEN_PATTERN, tfidf_rows

TRAINING = [
    "ارتفاع أسعار النفط 3.5 ٪",
    "هبوط أسعار النفط!",
    "IBM ibm éa ΑΣ ΑΣΑ",
    "a b c",
    "ا ا اا",
    "?؟ x_y 12",
    "سطر\nوسطر",
]
KINDS: dict[str, dict[str, Any]] = {
    "words": {"token_pattern": TOKEN_PATTERN, "ngram_range": (1, 3)},
    "bigrams": {"token_pattern": TOKEN_PATTERN, "ngram_range": (2, 2)},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 4)},
    "single characters": {"analyzer": "char_wb", "ngram_range": (1, 1)},
    "long characters": {"analyzer": "char_wb", "ngram_range": (4, 6)},
    "others": {"token_pattern": r"\S+ \S+"},
    "whole": {"analyzer": "char", "ngram_range": (1, 3)},
}
TEXT = st.one_of(
    st.text(max_size=40), st.lists(st.sampled_from([*" ".join(TRAINING).split(" "), "Σ", "\x85", "\n"])).map(" ".join)
)


@pytest.mark.parametrize("kind", KINDS)
@given(texts=st.lists(TEXT, min_size=1, max_size=8))
@settings(deadline=None, max_examples=60)
def test_rows_are_scikit_learns_bit_for_bit(kind: str, texts: list[str]) -> None:
    vectoriser = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **KINDS[kind]).fit(TRAINING)
    for batch in (texts, texts[::-1], TRAINING):
        expected, found = vectoriser.transform(batch), tfidf_rows(vectoriser, batch)
        assert found.shape == expected.shape
        for part in ("data", "indices", "indptr"):
            ours, theirs = getattr(found, part), getattr(expected, part)
            assert ours.dtype == theirs.dtype
            assert ours.tobytes() == theirs.tobytes()


def test_a_vectoriser_that_is_fitted_again_is_not_answered_from_the_past() -> None:
    vectoriser = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)).fit(["abc"])
    tfidf_rows(vectoriser, ["abc xyz"])
    vectoriser.fit(["xyz abc"])
    assert (tfidf_rows(vectoriser, ["abc xyz"]) != vectoriser.transform(["abc xyz"])).nnz == 0


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(term_counts, "LARGEST_CACHE", 50)
    vectoriser = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)).fit(TRAINING)
    texts = [f"كلمة{number} {number}" for number in range(500)]
    assert (tfidf_rows(vectoriser, texts) != vectoriser.transform(texts)).nnz == 0
    assert len(term_counts._KEPT[vectoriser].known) <= 50
