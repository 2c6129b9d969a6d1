"""The data checks of rows, labels, ids and splits; `run` runs all of them.

Checks of leaks are in `leaks`, those of characters and lengths in `texts`.
"""

from __future__ import annotations

import hashlib
import inspect
import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from naba import files
from naba.config import packages
from naba.data.checks.findings import (
    CHECKS,
    Check,
    Finding,
    Report,
    Subject,
    check,
    clean,
    found,
    not_applicable,
    shares,
)
from naba.data.checks.near_duplicates import near_duplicates
from naba.data.dataset import load
from naba.data.own_files import folded
from naba.errors import UserError

if TYPE_CHECKING:
    from naba.config.schema import DataConfig, DatasetConfig
    from naba.data.dataset import Dataset

FEW_ROWS = 20
DRIFT_P = 0.001
MISSING_WORDS = frozenset(
    {"", "na", "n/a", "#n/a", "nan", "none", "null", "nil", "<na>", "nat", "-nan", "-1.#ind", "unknown", "?"}
)


def checks() -> dict[str, Check]:
    """All checks by code, those of allowed packages as well."""
    from naba.data.checks import leaks, texts  # noqa: F401  (they add themselves to CHECKS)

    packages.load()
    return {code: CHECKS[code] for code in sorted(CHECKS)}


def version() -> str:
    """Digest of the checks and of the files that define them: a stored report of another version is made again."""
    digest = hashlib.sha256()
    sources = {Path(inspect.getfile(each.function)) for each in checks().values()} | {Path(inspect.getfile(Subject))}
    for content in sorted(file.read_bytes() for file in sources):
        digest.update(hashlib.sha256(content).digest())
    digest.update(" ".join(checks()).encode())
    return digest.hexdigest()[:16]


def run(dataset: Dataset, slow: bool = True) -> Report:
    """Check a data set.

    Args:
        slow: also the checks that take seconds (near duplicates, models of one side); without them a check before
            every training costs about a tenth of a second per 10,000 rows.
    """
    subject = Subject(dataset)
    findings = []
    for code, each in checks().items():
        if each.slow and not slow:
            findings.append(Finding("not_run", "run by naba check", (), each.severity, code, each.title, each.remedy))
        else:
            findings.append(each.run(subject))
    return Report(dataset.name, dataset.fingerprint, len(dataset), tuple(findings))


def before_training(dataset: Dataset) -> Report:
    """The quick checks of a data set, stored under naba's home by content, so that a sweep pays for them once."""
    digest = hashlib.sha256(f"{version()} {dataset.name} {dataset.fingerprint}".encode())
    for name in dataset.columns:
        if name not in {"id", "text", "target", "label", "split"}:
            digest.update("\0".join([name, *dataset.column_values(name)]).encode())
    path = files.home() / "checks" / f"{dataset.name}-{digest.hexdigest()[:16]}.json"
    if path.is_file():
        return Report.from_dict(json.loads(path.read_text(encoding="utf-8")))
    report = run(dataset, slow=False)
    files.write_text(path, json.dumps(report.to_dict(), ensure_ascii=False))
    return report


def run_config(config: DatasetConfig, data: DataConfig | None = None, slow: bool = True) -> Report:
    """Load and check; a data set that cannot be read gives a report of that one error."""
    try:
        dataset = load(config, data)
    except UserError as error:
        return unreadable(config.name, error)
    return run(dataset, slow)


def unreadable(name: str, error: UserError) -> Report:
    """The report of a data set that cannot be read."""
    hint = error.hint or "Correct the file or the config."
    return Report(name, "", 0, (Finding("found", error.message, (), "error", "N01", "Readable", hint),))


@check("N01", "Readable", "error", "Correct the file or the config.")
def readable(subject: Subject) -> Finding:
    """A data set that loads has been read strictly: no row was lost or shifted, every label is in the scheme."""
    outside = [index for index, label in enumerate(subject.label) if label and label not in subject.dataset.labels]
    if outside:
        return found(f"{len(outside)} rows have labels outside the scheme", [subject.row(index) for index in outside])
    return clean() if len(subject.dataset) else found("there are no rows")


@check("N02", "Unique ids", "error", "Give every row its own id: predictions are joined by it.")
def unique_ids(subject: Subject) -> Finding:
    """Ids name one row each."""
    repeated = [identifier for identifier, count in Counter(subject.id).items() if count > 1]
    return found(f"{len(repeated)} ids stand twice or more", repeated) if repeated else clean()


@check("N03", "Ids of the source", "warning", "Read ids as text; drop or merge rows with one id.")
def source_ids(subject: Subject) -> Finding:
    """Kept columns called `…id`: repeated within a split, or changed on their way through numbers."""
    names = [name for name in subject.dataset.columns if re.fullmatch(r".*(_id|ID|^id)", name)]
    names = [name for name in names if name != "id"]
    problems, examples = [], []
    for name in names:
        values = subject.dataset.column_values(name)
        rounded = [value for value in values if re.fullmatch(r"\d(\.\d+)?[eE]\+?\d+|\d+\.0|\d{12,}000", value)]
        if len(rounded) > 0.05 * len(values):
            problems.append(f"{len(rounded)} values of {name} look like numbers that were rounded or made decimal")
            examples += rounded[:2]
        repeated = [value for value, count in Counter(zip(values, subject.text, strict=True)).items() if count > 1]
        different = len(set(values)) < len(set(zip(values, subject.text, strict=True)))
        if repeated or different:
            rows = len(values) - len(set(values))
            problems.append(f"{rows} rows repeat a {name}" + (", with other texts" if different else ""))
            examples += [value for value, count in Counter(values).most_common(2) if count > 1]
    if not names:
        return not_applicable("the set keeps no ids of its source")
    return found("; ".join(problems), examples) if problems else clean()


@check("N04", "Duplicates within a split", "warning", "Count each text once: keep one row of each group of duplicates.")
def duplicates_within(subject: Subject) -> Finding:
    """Rows whose text and target are the same after normalisation."""
    parts, examples = [], []
    for split, rows in subject.splits.items():
        counts = Counter(subject.keys[rows])
        surplus = sum(count - 1 for count in counts.values())
        if surplus:
            parts.append(f"{surplus} of {len(rows)}{f' in {split}' if split else ''}")
            repeated = next(key for key, count in counts.items() if count > 1)
            examples += [subject.row(index) for index in rows if subject.keys[index] == repeated][:2]
    return found("rows that repeat another one: " + ", ".join(parts), examples) if parts else clean()


@check("N05", "Duplicates across splits", "warning", "Remove the training rows that validation or test repeat.")
def duplicates_across(subject: Subject) -> Finding:
    """Validation and test rows whose text and target are also in training, after normalisation."""
    if "train" not in subject.splits or len(subject.splits) < 2:
        return not_applicable("there is no given split")
    trained: dict[str, int] = {}
    for index in subject.splits["train"]:
        trained.setdefault(subject.keys[index], int(index))
    parts, examples = [], []
    for split, rows in subject.splits.items():
        shared = [index for index in rows if split != "train" and subject.keys[index] in trained]
        if shared:
            other = sum(subject.label[index] != subject.label[trained[subject.keys[index]]] for index in shared)
            parts.append(f"{len(shared)} of {len(rows)} {split} rows ({other} with another label)")
            examples += [f"{subject.row(index)} = {subject.id[trained[subject.keys[index]]]}" for index in shared[:3]]
    return found("also in train: " + ", ".join(parts), examples) if parts else clean()


@check("N06", "Near duplicates", "warning", "Group near duplicates, so that no group is in two parts.", slow=True)
def near(subject: Subject) -> Finding:
    """Different rows whose texts share at least 80 % of their character 5-grams, after normalisation."""
    pairs = near_duplicates(subject.normal_text)
    if not pairs:
        return clean()
    across = [pair for pair in pairs if subject.split[pair[0]] != subject.split[pair[1]]]
    differ = sum(subject.label[one] != subject.label[other] for one, other, _ in pairs)
    message = f"{len(pairs)} pairs of almost equal texts, {len(across)} across splits, {differ} with different labels"
    examples = [
        f"{similarity:.2f}: {subject.row(one)[:46]} ~ {subject.row(other)[:46]}" for one, other, similarity in
        (across or pairs)
    ]  # fmt: skip
    return found(message, examples)


@check("N07", "One text, two labels", "warning", "Decide which label is right, or remove all rows of the text.")
def conflicting_labels(subject: Subject) -> Finding:
    """The same text and target, after normalisation, under different labels."""
    labels: dict[str, set[str]] = {}
    first: dict[str, list[int]] = {}
    for index, key in enumerate(subject.keys):
        labels.setdefault(key, set()).add(subject.label[index])
        first.setdefault(key, []).append(index)
    conflicts = [key for key, values in labels.items() if len(values) > 1]
    rows = sum(len(first[key]) for key in conflicts)
    examples = [f"{' / '.join(sorted(labels[key]))}: {subject.text[first[key][0]]}" for key in conflicts]
    return found(f"{len(conflicts)} texts ({rows} rows) have more than one label", examples) if conflicts else clean()


@check("N08", "Near-miss labels", "warning", "Merge them with label_values in the YAML, or rename one.")
def near_miss_labels(subject: Subject) -> Finding:
    """Labels of the scheme that differ in case, width, spaces, diacritics or one letter only."""
    names = [subject.dataset.display_names.get(label, label) for label in subject.dataset.labels]
    ids = list(subject.dataset.labels)
    pairs = [
        f"{one} / {other}"
        for shown in (names, ids) for one, other in itertools.combinations(shown, 2) if _alike(one, other)
    ]  # fmt: skip
    pairs = list(dict.fromkeys(pairs))
    return found(f"{len(pairs)} pairs of labels may be one", pairs) if pairs else clean()


def _alike(one: str, other: str) -> bool:
    a, b = folded(one), folded(other)
    if a == b:
        return True
    if min(len(a), len(b)) < 4 or abs(len(a) - len(b)) > 1 or a.rstrip("0123456789") == b.rstrip("0123456789"):
        return False
    start = next((place for place, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return a[start + 1 :] == b[start + 1 :] or a[start:] == b[start + 1 :] or a[start + 1 :] == b[start:]


@check("N09", "Missing values", "warning", "Read the file as text (naba does); fill or remove the empty ones.")
def missing_words(subject: Subject) -> Finding:
    """Words that other tools read as missing: as labels (they would be lost), or as texts (they were lost)."""
    words = [label for label in subject.dataset.labels if label.lower() in MISSING_WORDS]
    texts = [index for index, text in enumerate(subject.text) if text and text.strip().lower() in MISSING_WORDS]
    unlabelled = int((subject.label == "").sum()) if subject.dataset.labels else 0
    parts = []
    if unlabelled:
        parts.append(f"{unlabelled} rows have no label")
    if texts:
        parts.append(f"{len(texts)} texts are words for a missing value")
    if words:
        parts.append(f"the label {', '.join(words)} reads as missing in pandas and Excel (naba keeps it)")
    if not parts:
        return clean()
    severe = unlabelled or texts
    return found("; ".join(parts), [subject.row(index) for index in texts], None if severe else "note")


@check("N10", "Rare labels", "warning", "Report intervals and a metric that does not hang on these rows; add rows.")
def rare_labels(subject: Subject) -> Finding:
    """Labels with fewer than 20 rows in a split, so that one row moves their F1 by points."""
    few, examples = [], []
    for split, rows in subject.splits.items():
        counts = Counter(subject.label[rows])
        for label in subject.dataset.labels:
            if counts[label] < FEW_ROWS:
                few.append((counts[label], f"{label} {counts[label]} in {split or 'all'}"))
                examples += [subject.row(index) for index in rows if subject.label[index] == label][:1]
    if not few:
        return clean()
    listed = [text for _, text in sorted(few, key=lambda pair: pair[0])]
    rest = f" and {len(listed) - 8} more" if len(listed) > 8 else ""
    return found(f"labels with fewer than {FEW_ROWS} rows: {', '.join(listed[:8])}{rest}", examples)


@check("N11", "Groups across splits", "warning", "Use split=grouped or split=kfold, or report both figures.")
def groups_across(subject: Subject) -> Finding:
    """Groups (claims, articles, topics, headlines) with rows in training and in another part."""
    if not (subject.group != "").any():
        return not_applicable("the set has no groups")
    if "train" not in subject.splits or len(subject.splits) < 2:
        return not_applicable("there is no given split")
    trained = set(subject.group[subject.splits["train"]]) - {""}
    parts, examples = [], []
    for split, rows in subject.splits.items():
        if split == "train":
            continue
        groups = set(subject.group[rows]) - {""}
        shared = sorted(groups & trained)
        if shared:
            count = int(np.isin(subject.group[rows].astype(str), shared).sum())
            parts.append(f"{len(shared)} of {len(groups)} groups of {split} ({count} of {len(rows)} rows)")
            examples += shared[:3]
    return found("also in train: " + ", ".join(parts), examples) if parts else clean()


@check("N12", "Texts across folds", "warning", "A model may know the article; claims differ, so report it.")
def texts_across_folds(subject: Subject) -> Finding:
    """Texts that two official folds share."""
    if "fold" not in subject.dataset.columns:
        return not_applicable("the set has no official folds")
    folds = subject.dataset.column_values("fold")
    texts = {fold: Counter(np.array(subject.normal_text, dtype=object)[folds == fold]) for fold in sorted(set(folds))}
    shared, rows = {}, {}
    for a, b in itertools.combinations(texts, 2):
        common = texts[a].keys() & texts[b].keys()
        shared[a, b] = len(common)
        rows[a, b] = max(sum(counts[text] for text in common) for counts in (texts[a], texts[b]))
    if not any(shared.values()):
        return clean()
    message = (
        f"any two folds share {min(shared.values())} to {max(shared.values())} texts "
        f"({min(rows.values())} to {max(rows.values())} rows)"
    )
    return found(message, [f"folds {a} and {b}: {count} texts" for (a, b), count in shared.items()])


@check("N13", "Label drift", "warning", "Compare macro-averaged metrics; do not tune priors on validation.")
def label_drift(subject: Subject) -> Finding:
    """Label shares of a part that differ from training by more than 5 points in total and beyond chance.

    Beyond chance is p < .001 in a chi-square test of goodness of fit.
    """
    from scipy.special import chdtrc

    if "train" not in subject.splits or len(subject.splits) < 2:
        return not_applicable("there is no given split")
    labels = subject.dataset.labels
    expected = np.array([(subject.label[subject.splits["train"]] == label).mean() for label in labels])
    parts, examples = [], []
    for split, rows in subject.splits.items():
        if split == "train":
            continue
        counts = np.array([(subject.label[rows] == label).sum() for label in labels])
        distance = np.abs(counts / len(rows) - expected).sum() / 2
        seen = expected > 0
        statistic = ((counts - len(rows) * expected)[seen] ** 2 / (len(rows) * expected[seen])).sum()
        if distance > 0.05 and chdtrc(max(int(seen.sum()) - 1, 1), statistic) < DRIFT_P:
            parts.append(f"{split} by {100 * distance:.0f} points")
            examples.append(f"{split}: {shares(subject.label[rows].tolist())}")
    examples.insert(0, f"train: {shares(subject.label[subject.splits['train']].tolist())}")
    return found("label shares differ from train: " + ", ".join(parts), examples) if parts else clean()
