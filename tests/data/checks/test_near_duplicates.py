"""Near duplicates: exact similarities, nothing invented, almost nothing missed."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from naba.data.checks.near_duplicates import containment, near_duplicates


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
    assert [(one, other) for one, other, _ in near_duplicates([texts[2], texts[0]])] == [(0, 1)]
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


def grams(text: str) -> set[str]:
    """Distinct 5-grams that do not run over the end; of a shorter text, itself."""
    return {text[start : start + 5] for start in range(max(1, len(text) - 4))} if text else set()


@settings(max_examples=60, deadline=None)
@given(*[st.lists(st.text(alphabet="ابج", max_size=14), min_size=1, max_size=6)] * 2)
def test_how_much_of_a_text_another_has(texts: list[str], others: list[str]) -> None:
    found = containment(texts, others)
    assert found.shape == (len(texts), len(others))
    for row, text in enumerate(texts):
        for column, other in enumerate(others):
            own = grams(text)
            expected = len(own & grams(other)) / len(own) if own else 0
            assert abs(found[row, column] - expected) < 1e-12
