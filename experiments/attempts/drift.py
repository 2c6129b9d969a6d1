"""What `naba drift` finds where it is known what is there. Page: experiments/drift.md.

NABA_MIRROR=… python experiments/attempts/drift.py halves     random halves: how often is a change seen that is none?
NABA_MIRROR=… python experiments/attempts/drift.py weeks      SaudiNewsNet by week and by day
NABA_MIRROR=… python experiments/attempts/drift.py splits     train against test of the catalogue
NABA_MIRROR=… python experiments/attempts/drift.py labels     label shares that are made, estimated by a classifier
"""

from __future__ import annotations

import sys

import numpy as np

from naba.annotation import out_of_fold
from naba.config.schema import DataConfig
from naba.data import splits
from naba.data.dataset import load_named
from naba.drift import labels, part, report, texts
from naba.errors import UserError
from naba.evaluation.predictions import Predictions, objects

WEEKS = {"21 to 27 July": "2015-07-21..2015-07-27", "31 July to 4 August": "2015-07-31..2015-08-04",
         "6 to 11 August": "2015-08-06..2015-08-11"}  # fmt: skip
SETS = ("ans_stance", "ans_claim_type", "ans_veracity", "arentail", "ct22_claim", "ct22_checkworthy", "ct22_harmful",
        "thatiar_subjectivity", "arabicstancex", "synthetic_stance", "synthetic_claim_type")  # fmt: skip
SEEDS = 40
HEADER = (
    "| old | new | texts | area | p | words a text | unknown words | labels, p |\n|---|---|---|---|---|---|---|---|"
)


def line(old: part.Part, new: part.Part, names: tuple[str, str]) -> str:
    """A line of the table for two parts."""
    test, (length, unknown) = texts.two_sample(old, new), texts.changes(old, new)
    shift = report.known_labels(old, new)
    cells = [*names, f"{len(old):,} / {len(new):,}", f"{test.area:.3f}", f"{test.p_value:.4f}"]
    cells.append(f"{length.old:.1f} → {length.new:.1f}{'' if length.sure else ' (same)'}")
    cells.append(f"{unknown.old:.3f} → {unknown.new:.3f}{'' if unknown.sure else ' (same)'}")
    cells.append("" if shift is None else f"{shift.p_value:.4f}")
    return f"| {' | '.join(cells)} |"


def halves() -> None:
    """Random halves of the groups of a set: p-values should be uniform."""
    print("| set | halvings | p < .05 | p < .10 | mean area | lengths | unknown words |\n|---|---|---|---|---|---|---|")
    for name in ("ans_stance", "synthetic_stance", "ct22_claim"):
        dataset = load_named(name)
        rows = dataset.indices("train")
        groups = np.array(
            [group or f"row {row}" for row, group in zip(rows, dataset.column("group", rows), strict=True)]
        )
        names = np.unique(groups)
        found = []
        for seed in range(SEEDS):
            chosen = np.isin(groups, np.random.default_rng(seed).permutation(names)[: len(names) // 2])
            old, new = (part.of(name, dataset, rows[side]) for side in (chosen, ~chosen))
            test = texts.two_sample(old, new, seed, 500)
            found.append([test.p_value < 0.05, test.p_value < 0.1, test.area,
                          *(change.sure for change in texts.changes(old, new, seed))])  # fmt: skip
        mean = np.mean(np.array(found, dtype=float), axis=0)
        print(f"| {name} | {SEEDS} | " + " | ".join(f"{value:.3f}" for value in mean) + " |", flush=True)


def weeks() -> None:
    """Weeks and days of one summer."""
    print(HEADER)
    read = {name: part.read(f"saudinewsnet:date={days}", part.Columns(), DataConfig()) for name, days in WEEKS.items()}
    first, second, third = read
    for old, new in ((first, second), (second, third), (first, third)):
        print(line(read[old], read[new], (old, new)), flush=True)
    for old, new in (("2015-07-21", "2015-07-22"), ("2015-07-22", "2015-07-27"), ("2015-07-21", "2015-08-11")):
        days = [part.read(f"saudinewsnet:date={day}..{day}", part.Columns(), DataConfig()) for day in (old, new)]
        print(line(days[0], days[1], (old, new)), flush=True)
    dataset, rows = read[first].dataset, np.random.default_rng(0).permutation(read[first].rows)
    one, other = (part.of("half", dataset, np.sort(half)) for half in np.array_split(rows, 2))
    print(line(one, other, (f"half of {first}", "the other half")), flush=True)


def catalogue() -> None:
    """Training against test rows."""
    print(HEADER)
    for name in SETS:
        try:
            old, new = (part.read(f"{name}:{split}", part.Columns(), DataConfig()) for split in ("train", "test"))
            print(line(old, new, (f"{name} train", "test")), flush=True)
        except UserError as error:
            print(f"| {name} | {error.message} | | | | | | |", flush=True)
    folds = [part.read(f"unifiedfc_stance:fold={fold}", part.Columns(), DataConfig()) for fold in (1, 2)]
    print(line(folds[0], folds[1], ("unifiedfc_stance fold 1", "fold 2")), flush=True)


def made_shares() -> None:
    """Test rows drawn so that a label has a share that is known, and what black-box estimation makes of them."""
    heads = ("set, model", "label", "old", "true", "predicted", "estimated", "interval", "inside")
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for name, model, label, share in (
        ("ans_stance", "tfidf_logreg", "disagree", 0.9), ("ans_stance", "tfidf_logreg", "disagree", 0.3),
        ("ct22_claim", "tfidf_logreg", "yes", 0.2), ("ans_claim_type", "claim_linear", "quantity", 0.5),
    ):  # fmt: skip
        job = out_of_fold.job_of(name, model)
        dataset = job.dataset
        train, validation, test = (dataset.indices(split) for split in ("train", "validation", "test"))
        chosen = splits.Split(train, splits.EMPTY, np.concatenate([validation, test]), "")
        answers = out_of_fold.fitted(job, dataset, chosen)
        known = np.array(dataset.labels, dtype=object)
        said = objects(known[answers[: len(validation)].argmax(axis=1)])
        source = Predictions(dataset.ids(validation), dataset.gold(validation), said, answers[: len(validation)],
                             dataset.labels)  # fmt: skip
        predicted = answers[len(validation) :].argmax(axis=1)
        generator, has = np.random.default_rng(0), dataset.gold(test) == label
        count = 400
        drawn = np.concatenate([generator.choice(np.flatnonzero(has), round(share * count)),
                                generator.choice(np.flatnonzero(~has), count - round(share * count))])  # fmt: skip
        shift = labels.estimated(source, predicted[drawn], drawn)
        one = next(each for each in shift.shares if each.label == label)
        inside = "yes" if one.low <= share <= one.high else "no"
        print(f"| {name}, {model} | {label} | {one.old:.3f} | {share:.3f} | {one.predicted:.3f} | {one.new:.3f} | "
              f"[{one.low:.3f}, {one.high:.3f}] | {inside} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    {"halves": halves, "weeks": weeks, "splits": catalogue, "labels": made_shares}[sys.argv[1]]()
