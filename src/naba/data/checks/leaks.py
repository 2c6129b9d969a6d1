"""The data checks of leaks: labels that can be had without reading what the task is about."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.data.checks.findings import Finding, Severity, Subject, check, clean, found, not_applicable, shares

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MARGIN = 0.05
MOST_ROWS = 20_000
BEGINNING = 1000
"""Characters of a text that the model of one side reads."""
FEWEST_TO_FIT, FEWEST_TO_SCORE = 50, 30


@check("N20", "Order of rows", "warning", "Shuffle before training; never let a model or a prompt see row numbers.")
def order_leak(subject: Subject) -> Finding:
    """Labels predictable from the parity of the row number, or from the label of the row before."""
    parts: list[str] = []
    examples: list[str] = []
    for split, rows in subject.splits.items():
        labels = subject.label[rows]
        if len(rows) < 30:
            continue
        majority = subject.majority(rows)
        parity = sum(max(Counter(labels[start::2]).values()) for start in (0, 1)) / len(rows)
        same = float((labels[1:] == labels[:-1]).mean())
        expected = sum((count / len(labels)) ** 2 for count in Counter(labels).values())
        name = split or "all rows"
        if parity > majority + 0.1:
            parts.append(f"{name}: row parity alone predicts {100 * parity:.0f} % (majority {100 * majority:.0f} %)")
        elif same > expected + 0.3 or same > max(0.95, expected + 0.1):
            parts.append(f"{name}: sorted, {100 * same:.0f} % have the label of the row before "
                         f"({100 * expected:.0f} % by chance)")  # fmt: skip
        elif same > expected + 0.15:
            parts.append(f"{name}: in runs, {100 * same:.0f} % have the label of the row before "
                         f"({100 * expected:.0f} % by chance)")  # fmt: skip
        elif same < expected - 0.2:
            parts.append(f"{name}: alternating, only {100 * same:.0f} % have the label of the row before")
        if parts and not examples:
            examples.append("first labels: " + " ".join(labels[:12]))
    return found("; ".join(parts), examples) if parts else clean()


@check("N21", "Recurring sides", "warning", "Score rows one at a time, and fit nothing on evaluation text.")
def pair_leak(subject: Subject) -> Finding:
    """Labels predictable from how often a side of a pair recurs in its split."""
    if not subject.dataset.pair:
        return not_applicable("rows are single texts")
    parts, examples = [], []
    for split, rows in subject.splits.items():
        base = Counter(subject.label[rows])
        for condition, holds in _recurrences(subject, rows):
            count = int(holds.sum())
            if count < 10:
                continue
            label, hits = Counter(subject.label[rows][holds]).most_common(1)[0]
            prior = base[label] / len(rows)
            beyond_chance = hits / count - prior > 3 * (prior * (1 - prior) / count) ** 0.5
            if hits / count > 0.85 and hits / count > prior + 0.15 and beyond_chance:
                parts.append(f"{split or 'all rows'}: {condition} means {label} ({hits} of {count} rows, "
                             f"{100 * prior:.0f} % otherwise expected)")  # fmt: skip
                examples.append(subject.row(int(rows[np.flatnonzero(holds)[0]])))
    return found("; ".join(parts), examples) if parts else clean()


def _recurrences(subject: Subject, rows: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    texts = [subject.normal_text[index] for index in rows]
    targets = [subject.normal_target[index] for index in rows]
    text_counts, target_counts = Counter(texts), Counter(targets)
    text_twice = np.array([text_counts[text] > 1 for text in texts])
    text_as_target = np.array([text in target_counts for text in texts])
    yield "a text seen twice", text_twice & ~text_as_target
    yield "a text also seen as a target", text_as_target
    yield "a target seen twice", np.array([target_counts[target] > 1 for target in targets])
    yield "a target seen once", np.array([target_counts[target] == 1 for target in targets])
    yield "a target also seen as a text", np.array([target in text_counts for target in targets])
    yield "text and target alike", np.array([text == target for text, target in zip(texts, targets, strict=True)])


@check("N22", "Lengths", "warning", "Balance lengths, or report what a model of lengths reaches.")
def length_leak(subject: Subject) -> Finding:
    """A tree on the numbers of characters and words beats the majority by more than chance and 5 points."""
    columns = [np.array([len(text) for text in subject.text]), np.array([len(t.split()) for t in subject.text])]
    if subject.dataset.pair:
        columns.append(np.array([len(text) for text in subject.target]))
    return _leak(subject, "lengths alone", np.stack(columns, axis=1).astype(float), "lengths")


@check("N23", "One side only", "warning", "Report what a model of one side reaches beside every result.", slow=True)
def single_side_leak(subject: Subject) -> Finding:
    """A linear model on the character n-grams of one side beats the majority by more than chance and 5 points."""
    if not subject.dataset.pair:
        return not_applicable("rows are single texts")
    from sklearn.feature_extraction.text import TfidfVectorizer

    train = _halves(subject)[0][:MOST_ROWS]
    if len(train) < FEWEST_TO_FIT:
        return not_applicable("too few rows")
    findings = []
    for side, texts in (("text", subject.normal_text), ("target", subject.normal_target)):
        if len(set(texts)) < 0.02 * len(texts):
            continue  # A handful of topics is the task, not a leak.
        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, lowercase=False)
        beginnings = [text[:BEGINNING] for text in texts]
        vectorizer.fit([beginnings[index] for index in train])
        findings.append(_leak(subject, f"the {side} alone", vectorizer.transform(beginnings), "words"))
    hits = [finding for finding in findings if finding.state == "found"]
    if not findings:
        return not_applicable("too few rows or labels")
    if not hits:
        return findings[0]
    severity: Severity | None = "note" if all(each.severity == "note" for each in hits) else None
    return found("; ".join(each.message for each in hits), [line for each in hits for line in each.examples], severity)


def _leak(subject: Subject, what: str, features: NDArray[np.float64], kind: str) -> Finding:
    """Fit on training rows and score on test rows, or on two halves by group where no split is given."""
    train, test = _halves(subject)
    if len(train) < FEWEST_TO_FIT or len(test) < FEWEST_TO_SCORE or len(set(subject.label[train])) < 2:
        return not_applicable("too few rows or labels")
    train = train[:MOST_ROWS]
    model = _model(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A model that has not quite converged still shows a leak.
        model.fit(features[train], subject.label[train])
    predicted = model.predict(features[test])
    gold = subject.label[test]
    accuracy = float((predicted == gold).mean())
    majority = float((gold == Counter(subject.label[train]).most_common(1)[0][0]).mean())
    recalls = [float((predicted[gold == label] == label).mean()) for label in sorted(set(gold))]
    balanced, chance = float(np.mean(recalls)), 1 / len(recalls)
    noise = 3 * (max(majority * (1 - majority), 0.01) / len(test)) ** 0.5
    spread = 3 * (chance * (1 - chance) / min(Counter(gold).values())) ** 0.5 / len(recalls) ** 0.5
    message = (
        f"{what}: accuracy {accuracy:.2f} (majority {majority:.2f}), mean recall {balanced:.2f} (chance {chance:.2f})"
    )
    examples = [f"{len(train)} rows to fit, {len(test)} to score; labels: {shares(gold.tolist())}"]
    if accuracy > majority + max(MARGIN, noise):
        return found(message, examples)
    if balanced > chance + max(2 * MARGIN, spread):
        return found(f"{message}; more than chance, but less than the majority", examples, "note")
    return clean(message)


def _model(kind: str) -> Any:
    if kind == "words":
        from sklearn.svm import LinearSVC

        return LinearSVC(C=0.3, class_weight="balanced", random_state=0)
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_depth=5, min_samples_leaf=20, class_weight="balanced", random_state=0)


def _halves(subject: Subject) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if "train" in subject.splits and len(subject.splits) > 1:
        test = subject.splits.get("test", subject.splits.get("validation"))
        if test is not None:
            return subject.splits["train"], test
    import hashlib

    keys = [group or identifier for group, identifier in zip(subject.group, subject.id, strict=True)]
    second = np.array([hashlib.sha256(key.encode()).digest()[0] % 2 == 1 for key in keys], dtype=bool)
    return np.flatnonzero(~second), np.flatnonzero(second)
