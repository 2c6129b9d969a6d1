"""Near duplicates: exact similarities, nothing invented, almost nothing missed."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from naba.data.checks.near_duplicates import near_duplicates


def similarity(one: str, other: str) -> float:
    """The definition, slowly: character 5-grams with the end padded."""
    a, b = ({(text + "\0" * 4)[start : start + 5] for start in range(len(text))} for text in (one, other))
    return len(a & b) / len(a | b)


def test_what_counts_as_near() -> None:
    texts = [
        "الحكومة ترفع أسعار الوقود في العاصمة اليوم",
        "قصيدة",
        "الحكومة ترفع أسعار الوقود في العاصمة اليوم.",
        "",
        "قصيدة",
    ]
    assert [(one, other) for one, other, _ in near_duplicates(texts)] == [(0, 2)]
    assert near_duplicates([]) == []
    assert near_duplicates(["", "", "ا"]) == []


def test_similarities_are_exact_and_almost_all_are_found() -> None:
    numbers = random.Random(0)
    words = ["".join(numbers.choices("ابتثجحخدذرزسشصضطظعغفقكلمنهوي", k=numbers.randint(3, 7))) for _ in range(2000)]
    texts = [" ".join(numbers.choices(words, k=15)) for _ in range(1500)]
    for index in range(300):
        changed = texts[index].split()
        changed[numbers.randrange(15)] = numbers.choice(words)
        texts.append(" ".join(changed))
    expected = {(index, 1500 + index) for index in range(300) if similarity(texts[index], texts[1500 + index]) >= 0.8}
    found = near_duplicates(texts, 0.8)
    assert {(one, other) for one, other, _ in found} <= expected
    assert len(found) >= 0.95 * len(expected) > 50
    assert all(abs(similarity(texts[one], texts[other]) - value) < 1e-12 for one, other, value in found)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet="ابجد \0", max_size=30), max_size=30))
def test_any_texts(texts: list[str]) -> None:
    for one, other, value in near_duplicates(texts, 0.5):
        assert one < other
        assert texts[one] != texts[other]
        assert 0.5 <= value <= 1
