"""The Python interface: its examples, what it shares with the commands, its errors, and a light import."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import naba
from naba import cli
from naba.errors import Problems
from naba.evaluation.metrics import METRICS

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {
    "numpy", "pandas", "sklearn", "scipy", "torch", "transformers", "mlflow", "hydra", "omegaconf", "datasets",
    "pyarrow", "matplotlib", "pydantic", "jinja2", "rich", "optuna",
}  # fmt: skip
EXAMPLES = sorted({module.partition(":")[0] for module in naba.INTERFACE.values() if ".api." in module})
QUICK = {"evaluation__resamples": 50, "tracking__figures": False}


def test_importing_naba_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import naba; dir(naba)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "naba" in loaded
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()
    assert {name for name in loaded if name.startswith("naba.")} == set()


def test_every_name_of_the_interface_is_there_and_documented() -> None:
    assert sorted(naba.INTERFACE) == sorted(naba.__all__)
    for name in naba.INTERFACE:
        assert (getattr(naba, name).__doc__ or "").strip(), name
    with pytest.raises(AttributeError, match="no attribute 'trane'"):
        naba.trane  # noqa: B018


# The examples that train most are slow; commands do the same work in the default suite.
SLOW = ("naba.api.runs", "naba.api.classifier", "naba.export")
MODULES = [*EXAMPLES, "naba.export", "naba.config.overrides", "naba.evaluation.metrics"]


@pytest.mark.parametrize(
    "module", [pytest.param(module, marks=pytest.mark.slow if module in SLOW else ()) for module in MODULES]
)
def test_every_example_gives_what_it_says(module: str, store: Path) -> None:
    found = importlib.import_module(module)
    known = dict(METRICS)
    results = doctest.testmod(found, optionflags=doctest.NORMALIZE_WHITESPACE)
    for example in METRICS.keys() - known:
        del METRICS[example]
    assert results.failed == 0
    names = [name for name, where in naba.INTERFACE.items() if where.partition(":")[0] == module]
    for name in names:
        assert ">>>" in (getattr(naba, name).__doc__ or ""), f"{name} has no example"


def test_python_and_the_command_line_find_each_others_runs(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = naba.train("synthetic_stance", "tfidf_nb", seed=2, model__alpha=0.5, model__characters_to=0, **QUICK)
    status = cli.main([
        "train", "dataset=synthetic_stance", "model=tfidf_nb", "seed=2", "model.alpha=0.5", "model.characters_to=0",
        "evaluation.resamples=50", "tracking.figures=false",
    ])  # fmt: skip
    assert status == 0
    said = capsys.readouterr().out
    assert "found" in said
    assert run.id in said
    assert run.command.startswith("naba train dataset=synthetic_stance model=tfidf_nb seed=2 model.alpha=0.5")


def test_errors_are_those_of_the_command_line(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(naba.UserError) as caught:
        naba.train("synthetic_stance", "tfidf_nb", model__alpah=0.5)
    assert isinstance(caught.value, Problems)
    assert cli.main(["train", "dataset=synthetic_stance", "model=tfidf_nb", "model.alpah=0.5"]) == 2
    assert str(caught.value) in capsys.readouterr().err
    with pytest.raises(naba.UserError, match="did you mean 'ans_stance'"):
        naba.load_dataset("ans_stanse")
    with pytest.raises(naba.UserError, match="there is no file or folder"):
        naba.load_dataset("nowhere.csv")
    with pytest.raises(naba.UserError, match="tracking='off' is not for it"):
        naba.train("synthetic_stance", "majority", tracking="off")
    with pytest.raises(naba.UserError, match="there are no finished runs"):
        naba.compare("synthetic_stance")
    with pytest.raises(naba.UserError, match="unknown filter 'sektion'; did you mean 'section'"):
        naba.compare("synthetic_stance", sektion="validation")
    with pytest.raises(naba.UserError, match="a DataFrame is no data set: expected a name"):
        naba.train(pd.DataFrame(), "majority")  # type: ignore[arg-type]


def test_what_is_no_text_is_not_normalised() -> None:
    assert naba.normalise([]) == []
    with pytest.raises(naba.UserError, match=r"text 1 is None \(NoneType\): expected text"):
        naba.normalise(["أ", None])  # type: ignore[list-item]
    with pytest.raises(naba.UserError, match="text 0 is 3"):
        naba.normalise(3)  # type: ignore[call-overload]


def test_own_data_in_arabic_is_loaded_trained_on_and_scored(tmp_path: Path, store: Path) -> None:
    rows = [(f"{number}", f"{word} أسعار {number}", label) for number in range(60)
            for word, label in [(("ارتفاع", "تأييد"), ("انخفاض", "معارضة"))[number % 2]]]  # fmt: skip
    file = tmp_path / "أخبار أحمد's.csv"
    pd.DataFrame(rows, columns=["key", "headline", "label"]).to_csv(file, index=False)
    options = {"columns": {"id": "key", "text": "headline"}}
    dataset = naba.load_dataset(file, **options)
    assert dataset.column_values("text")[0] == "ارتفاع أسعار 0"
    run = naba.train(file, "tfidf_nb", dataset__columns=options["columns"], **QUICK)
    assert run.scores("test")["accuracy"].value == 1.0
    shown = run._repr_html_()
    assert "test" in shown
    assert "<script" not in shown
    with pytest.raises(naba.UserError, match="was not loaded by a name"):
        naba.train(dataset, "tfidf_nb")


@pytest.mark.slow
def test_a_board_is_a_table_and_a_page_and_shows_itself(store: Path) -> None:
    for seed in (0, 1):
        naba.train("synthetic_stance", "stratified_random", seed=seed, evaluation__also=["article_stance"], **QUICK)
    with pytest.raises(naba.UserError, match="name one"):
        naba.compare(resamples=50)
    board = naba.compare("synthetic_stance", resamples=50)
    frame = board.frame()
    assert frame["model"].tolist() == ["stratified_random"]
    assert frame["value"].between(0, 1).all()
    assert repr(board).startswith("synthetic_stance: macro_f1\n\nmodel ")
    assert "naba." not in repr(board), "the tags of its runs are no part of the table"
    assert repr(naba.check("synthetic_stance", slow=False)).startswith("## synthetic_stance\n")
    assert 'dir="auto"' in board._repr_html_()
    page = board.html()
    assert page.startswith("<!doctype html>")
    assert "تأييد" in page or "يؤيد" in page


def test_a_classifier_says_what_it_was_not_given(store: Path) -> None:
    classifier = naba.load_classifier(naba.train("synthetic_stance", "tfidf_nb", model__characters_to=0, **QUICK))
    with pytest.raises(naba.UserError, match="reads pairs"):
        classifier.predict(["نص"])
    with pytest.raises(naba.UserError, match="1 texts and 2 targets"):
        classifier.predict(["نص"], ["أ", "ب"])
    with pytest.raises(naba.UserError, match="got a single text"):
        classifier.predict("نص", "أ")
    with pytest.raises(naba.UserError, match="expected text, got None"):
        classifier.predict([None], ["أ"])
    explained = classifier.explain(["ارتفاع الأسعار"], ["انخفاض الأسعار"], top=3)
    assert explained[0].label in classifier.labels
    assert len(explained[0].contributions) <= 3


def test_scores_of_tables_and_files_agree_and_wrong_ones_are_named(tmp_path: Path) -> None:
    dataset = naba.load_dataset("synthetic_stance")
    rows = dataset.indices("test")
    table = pd.DataFrame({"id": dataset.ids(rows), "label": dataset.gold(rows)})
    table.to_csv(tmp_path / "answers.csv", index=False)
    one = naba.score(table, dataset, evaluation__resamples=50)
    assert one["accuracy"].value == 1.0
    assert one == naba.score(tmp_path / "answers.csv", "synthetic_stance", evaluation__resamples=50)
    with pytest.raises(naba.UserError, match="did you mean 'agree'"):
        naba.score(table.assign(label="agre"), dataset)
    with pytest.raises(naba.UserError, match="at least one"):
        naba.metrics(["a"], [])
    with pytest.raises(naba.UserError, match="could mean any of"):
        naba.metrics(["a"], ["a"], "f1")
