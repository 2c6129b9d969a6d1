"""Fitting from numbers gives the vocabulary, the idf and the rows of scikit-learn's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from naba.models.tfidf import term_counts
from naba.models.tfidf.term_counts import TOKEN_PATTERN
from naba.models.tfidf.vectoriser import Vectoriser

WORDS = ["ارتفاع", "أسعار", "النفط", "3.5", "٪", "هبوط!", "IBM", "ibm", "ΑΣ", "Σ", "a", "\x85", "\n", "ا", "x_y", "؟؟"]
KINDS: dict[str, dict[str, Any]] = {
    "words": {"token_pattern": TOKEN_PATTERN, "ngram_range": (1, 2)},
    "three words": {"token_pattern": TOKEN_PATTERN, "ngram_range": (1, 3)},
    "pairs of words alone": {"token_pattern": TOKEN_PATTERN, "ngram_range": (2, 2)},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 4)},
    "long characters": {"analyzer": "char_wb", "ngram_range": (4, 6)},
}
TEXT = st.one_of(st.text(max_size=20), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))


@pytest.mark.parametrize("kind", KINDS)
@given(texts=st.lists(TEXT, min_size=1, max_size=9), minimum=st.integers(1, 3), block=st.sampled_from([2, 8192]))
@settings(deadline=None, max_examples=80)
def test_vocabulary_and_idf_are_scikit_learns(kind: str, texts: list[str], minimum: int, block: int) -> None:
    options: dict[str, Any] = {"min_df": minimum, "sublinear_tf": True, "dtype": np.float32, **KINDS[kind]}
    ours, theirs = Vectoriser(**options), TfidfVectorizer(**options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(term_counts, "BLOCK", block)
        fitted = term_counts.fit_terms(ours, texts)
        try:
            theirs.fit(texts)
        except ValueError:  # it has no terms
            assert not fitted
            return
        assert fitted
        assert ours.vocabulary_ == theirs.vocabulary_
        assert ours.idf_.tobytes() == theirs.idf_.tobytes()
        found, expected = term_counts.stacked_rows([ours], texts), theirs.transform(texts)
    for part in ("data", "indices", "indptr"):
        assert getattr(found, part).dtype == getattr(expected, part).dtype
        assert getattr(found, part).tobytes() == getattr(expected, part).tobytes()


def test_rows_of_two_vectorisers_stand_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(term_counts, "BLOCK", 3)
    texts = ["ارتفاع أسعار النفط", "", "هبوط أسعار", "النفط النفط", "ا"]
    pair = [Vectoriser(**KINDS[kind]) for kind in ("words", "characters")]
    assert all(term_counts.fit_terms(each, texts) for each in pair)
    expected = np.hstack([each.transform(texts).toarray() for each in pair])
    assert np.array_equal(term_counts.stacked_rows(pair, texts).toarray(), expected)
