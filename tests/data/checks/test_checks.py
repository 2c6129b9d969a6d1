"""Each check finds what it is for, and nothing in clean data."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from naba.config.schema import DataConfig, DatasetConfig
from naba.data.checks import leaks, texts  # noqa: F401 - they add themselves to CHECKS
from naba.data.checks import rows as checks
from naba.data.checks.findings import CHECKS, Finding, Subject
from naba.data.dataset import Dataset, assemble, load_named

if TYPE_CHECKING:
    from pathlib import Path

WORDS = "الحكومة الوزير النفط سعر المدينة الحرب السلام المطر الكرة الفريق البنك العملة القرار المدرسة الطب".split()  # noqa: SIM905


def rows(count: int, seed: int = 0) -> dict[str, list[str]]:
    """Clean rows: varied texts, labels in no order."""
    random_words = random.Random(seed)
    labels = [random_words.choice(["agree", "disagree"]) for _ in range(count)]
    return {
        "id": [f"id{seed}{index}" for index in range(count)],
        "text": [" ".join(random_words.choices(WORDS, k=12)) + f" {seed}{index}" for index in range(count)],
        "target": [" ".join(random_words.choices(WORDS, k=7)) + f" {seed}{index}ط" for index in range(count)],
        "label": labels,
        "group": [""] * count,
        "split": ["train" if index < count * 0.6 else "test" for index in range(count)],
    }


def dataset(
    columns: dict[str, list[str]], pair: bool = True, labels: tuple[str, ...] = ("agree", "disagree")
) -> Dataset:
    config = DatasetConfig("toy", "stance", {label: label for label in labels}, "macro_f1", pair=pair)
    return assemble(config, columns, ())


def finding(code: str, columns: dict[str, list[str]], **options: object) -> Finding:
    report = checks.run(dataset(columns, **options))  # type: ignore[arg-type]
    return next(each for each in report.findings if each.code == code)


def test_clean_data_is_clean() -> None:
    report = checks.run(dataset(rows(300)))
    assert [(each.code, each.message) for each in report.findings if each.state == "found"] == []
    assert [each.code for each in report.findings] == sorted(CHECKS)


def test_every_check_has_a_remedy_and_a_docstring() -> None:
    for each in CHECKS.values():
        assert each.remedy.endswith(".")
        assert each.function.__doc__


def test_ids() -> None:
    columns = rows(40)
    columns["id"][7] = columns["id"][3]
    assert finding("N02", columns).severity == "error"
    assert finding("N02", columns).examples == (columns["id"][3],)
    columns = rows(40) | {"tweet_id": [f"1.3668{index}E+18" for index in range(40)]}
    assert "rounded" in finding("N03", columns).message
    assert finding("N03", rows(40)).state == "not_applicable"


def test_duplicates_are_found_after_normalisation() -> None:
    columns = rows(100)
    columns["text"][1] = columns["text"][0].replace("ا", "أ", 1)
    columns["text"][99] = columns["text"][2] + "\u200f "
    for row, other in ((1, 0), (99, 2)):
        columns["target"][row] = columns["target"][other]
    columns["label"][0], columns["label"][1] = "agree", "disagree"
    assert "1 of 60 in train" in finding("N04", columns).message
    assert "1 of 40 test rows" in finding("N05", columns).message
    columns["label"][99] = columns["label"][2]
    assert finding("N07", columns).message == "1 texts (2 rows) have more than one label"


def test_near_duplicates() -> None:
    columns = rows(100)
    columns["text"][99] = columns["text"][2] + " و"
    found = finding("N06", columns)
    assert found.state == "found"
    assert found.message.startswith("1 pairs of almost equal texts, 1 across splits")


@pytest.mark.parametrize(
    ("labels", "state"),
    [
        (("agree", "Agree"), "found"),
        (("agree", "agre"), "found"),
        (("favor", "favour"), "found"),
        (("not entail", "not_entail"), "found"),
        (("agree", "disagree"), "clean"),
        (("yes", "no"), "clean"),
        (("1", "2"), "clean"),
    ],
)
def test_near_miss_labels(labels: tuple[str, str], state: str) -> None:
    columns = rows(60)
    columns["label"] = [labels[0] if label == "agree" else labels[1] for label in columns["label"]]
    assert finding("N08", columns, labels=labels).state == state


def test_missing_words() -> None:
    columns = rows(60)
    columns["text"][5] = "NaN"
    assert finding("N09", columns).severity == "warning"
    columns["label"] = ["None" if label == "agree" else label for label in columns["label"]]
    columns["text"][5] = "خبر"
    found = finding("N09", columns, labels=("None", "disagree"))
    assert (found.severity, found.state) == ("note", "found")
    columns["label"][0] = ""
    assert "1 rows have no label" in finding("N09", columns, labels=("None", "disagree")).message


def test_labels_outside_the_scheme() -> None:
    columns = rows(60)
    columns["label"][4] = "agre"
    found = finding("N01", columns)
    assert (found.severity, found.state) == ("error", "found")
    assert "agre" in found.examples[0]


def test_rare_labels_groups_and_drift() -> None:
    columns = rows(400)
    columns["label"] = (
        ["agree" if index % 3 else "disagree" for index in range(240)] + ["agree"] * 155 + ["disagree"] * 5
    )
    columns["group"] = [f"g{index % 50}" if index < 300 else f"h{index}" for index in range(400)]
    assert "disagree 5 in test" in finding("N10", columns).message
    assert "50 of 150 groups of test (60 of 160 rows)" in finding("N11", columns).message
    assert "test by 30 points" in finding("N13", columns).message
    assert finding("N11", rows(40)).state == "not_applicable"


@pytest.mark.parametrize(
    ("agreeing", "state"), [(50, "clean"), (66, "clean"), (67, "found"), (34, "clean"), (33, "found")]
)
def test_labels_drift_beyond_chance_from_p_below_1_in_1000(agreeing: int, state: str) -> None:
    """Half of the training rows agree: 66 of 100 have chi-square 10.24 (p = .0014), 67 have 11.56 (p = .0007)."""
    columns = rows(400)
    columns["split"] = ["train"] * 300 + ["test"] * 100
    columns["label"] = ["agree", "disagree"] * 150 + ["agree"] * agreeing + ["disagree"] * (100 - agreeing)
    assert finding("N13", columns).state == state


def test_folds_that_share_texts() -> None:
    columns = rows(90) | {"fold": [str(index % 3 + 1) for index in range(90)]}
    columns["text"][0] = columns["text"][1]
    assert finding("N12", columns).message == "any two folds share 0 to 1 texts (0 to 1 rows)"
    assert finding("N12", rows(60)).state == "not_applicable"


def test_texts() -> None:
    columns = rows(100)
    columns["text"][0] = " … "
    columns["text"][1] = "كلمة"
    columns["text"][2] = "كلمة " * 500
    columns["text"][3] = "This headline is in English"
    columns["text"][4] = "\u202bﻻ\u200b\ufffd"
    assert finding("N14", columns).severity == "error"
    assert finding("N15", columns).message == "3 of 100 texts are one word"
    assert "longest 500" in finding("N16", columns).message
    assert "1 texts are mostly in another script than Arabic" in finding("N17", columns).message
    for kind in ("bidi marks", "zero-width", "presentation forms", "replacement"):
        assert kind in finding("N18", columns).message


@pytest.mark.parametrize("script", ["Сегодня цена на нефть выросла", "今天石油价格上涨了很多", "Η τιμή του πετρελαίου"])
def test_texts_in_any_other_script_are_found(script: str) -> None:
    """60 of 60 rows in another script were clean: only Latin letters were looked for."""
    columns = rows(60) | {"text": [f"{script} {index}" for index in range(60)]}
    found = finding("N17", columns)
    assert (found.message, found.severity) == (
        "60 texts are mostly in another script than Arabic, 0 mix it with Arabic",
        "warning",
    )


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        ("&quot;قرار&quot;", "HTML entities or tags in 1 of 200 rows"),
        ("خبر&#1582;", "HTML entities or tags in 1 of 200 rows"),
        ("قرار<br />جديد", "HTML entities or tags in 1 of 200 rows"),
        ("ارتفاع أسعار النفط".encode().decode("latin-1"), "letters of a wrong encoding in 1 of 200 rows"),
        ("ارتفاع أسعار النفط".encode().decode("windows-1256", "replace"), "letters of a wrong encoding"),
        ("ارتفاع أسعار النفط".encode("windows-1256").decode("windows-1252"), "letters of a wrong encoding"),
    ],
)
def test_texts_that_were_not_decoded_are_found(one: str, kind: str) -> None:
    columns = rows(200)
    columns["text"][7] = one
    found = finding("N24", columns)
    assert kind in found.message
    assert (found.severity, found.state) == ("note", "found")
    columns["text"][:50] = [one] * 50
    assert finding("N24", columns).severity == "warning"


@pytest.mark.parametrize(
    "text",
    ["قرار 3 < 5 & نعم", "AT&T وشركة R&D", "الحكومة «قالت» طبيعي ٱلْحَمْدُ پاکستان چیست", "café Müller à Paris déjà vu"],
)
def test_texts_with_such_characters_of_their_own_are_clean(text: str) -> None:
    columns = rows(200)
    columns["text"][7] = text
    assert finding("N24", columns).state == "clean"


def test_ids_that_give_a_column_away() -> None:
    columns = rows(100) | {"fact": ["true" if index % 2 else "false" for index in range(100)]}
    columns["id"] = [f"{'R' if index % 2 else 'V'}-{index}" for index in range(100)]
    found = finding("N19", columns)
    assert found.message == "the id's first letters determine: fact"
    assert found.examples == ("R… -> true", "V… -> false")


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (lambda labels: ["agree", "disagree"] * (len(labels) // 2), "row parity alone predicts 100 %"),
        (sorted, "sorted"),
    ],
)
def test_order(order: object, expected: str) -> None:
    columns = rows(300)
    columns["label"] = order(columns["label"])  # type: ignore[operator]
    assert expected in finding("N20", columns).message


def test_recurring_sides() -> None:
    columns = rows(300)
    for index in range(0, 60, 2):
        columns["text"][index + 1] = columns["text"][index]
        columns["label"][index] = columns["label"][index + 1] = "disagree"
    assert "train: a text seen twice means disagree (60 of 60 rows" in finding("N21", columns).message
    assert finding("N21", columns, pair=False).state == "not_applicable"


def test_one_side_and_lengths() -> None:
    columns = rows(600)
    for index, label in enumerate(columns["label"]):
        if label == "agree":
            columns["text"][index] += " ومع ذلك يبقى الأمر قيد النظر"
    assert "the text alone: accuracy 1.00" in finding("N23", columns).message
    assert "lengths alone" in finding("N22", columns).message
    assert finding("N23", columns, pair=False).state == "not_applicable"


def test_slow_checks_can_wait() -> None:
    report = checks.run(dataset(rows(60)), slow=False)
    assert {each.code for each in report.findings if each.state == "not_run"} == {"N06", "N23"}


def test_a_report_in_every_form() -> None:
    columns = rows(60)
    columns["text"][0] = "<script>alert(1)</script> | x"
    columns["text"][1] = columns["text"][0]
    columns["target"][1] = columns["target"][0]
    report = checks.run(dataset(columns))
    assert "<script>" not in report.to_html()
    assert "&lt;script&gt;" in report.to_html()
    assert "alert(1)" in report.to_markdown()
    assert "alert(1)" not in report.to_markdown(examples=False)
    content = json.loads(json.dumps(report.to_dict()))
    assert content["findings"][3]["code"] == "N04"
    assert [row[0] for row in report.table()] == sorted(CHECKS)


def test_a_set_that_cannot_be_read_is_a_report_too(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_text("text,label\nx\n")
    config = DatasetConfig("own", "own", {}, "macro_f1", path=str(tmp_path / "my.csv"))
    report = checks.run_config(config)
    assert len(report.errors) == 1
    assert "too few fields" in report.errors[0].message


def of_mirror(name: str, code: str, mirror: Path) -> Finding:
    return CHECKS[code].run(Subject(load_named(name, DataConfig(mirror=str(mirror), offline=True))))


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("name", "code", "expected"),
    [
        ("ans_stance", "N10", "other 7 in test, other 16 in validation"),
        ("ans_stance", "N11", "(37 of 755 rows), 12 of 276 groups of test (19 of 379 rows)"),
        ("ans_stance", "N21", "test: a text seen twice means disagree"),
        ("ans_stance", "N21", "test: a text also seen as a target means agree"),
        ("arentail", "N20", "test: row parity alone predicts 100 %"),
        pytest.param("arentail", "N23", "the text alone: accuracy 0.68 (majority 0.50)", marks=pytest.mark.slow),
        ("ct22_claim", "N05", "67 of 996 test rows"),
        ("thatiar_subjectivity", "N11", "groups of validation"),
        ("thatiar_subjectivity", "N11", "groups of test"),
        ("thatiar_subjectivity", "N18", "presentation forms"),
        ("arabicstancex", "N20", "train: sorted"),
    ],
)
def test_the_known_quirks_are_found(name: str, code: str, expected: str, mirror: Path) -> None:
    assert expected in of_mirror(name, code, mirror).message


@pytest.mark.mirror
@pytest.mark.parametrize("name", ["ans_stance", "ct22_attention", "thatiar_subjectivity"])
def test_no_published_set_is_stopped_by_an_error(name: str, mirror: Path) -> None:
    dataset = load_named(name, DataConfig(mirror=str(mirror), offline=True))
    assert checks.run(dataset, slow=False).errors == []


@pytest.mark.mirror
@pytest.mark.slow
def test_the_known_quirks_of_unifiedfc(mirror: Path) -> None:
    assert of_mirror("unifiedfc_stance", "N12", mirror).message.endswith("(10 to 24 rows)")
    assert "median of all 810" in of_mirror("unifiedfc_stance", "N16", mirror).message
    assert "fact" in of_mirror("unifiedfc_stance", "N19", mirror).message
