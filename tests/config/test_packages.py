"""Packages of others: builder functions read from source, their mistakes, their estimators through everything."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import naba
from naba import cli, config
from naba.config import builders, packages
from naba.config.builders import Context
from naba.config.functions import options_of
from naba.errors import UserError
from naba.models import build

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
MODELS = '''
"""Models of a desk."""
raise_when_imported = {raises}
if raise_when_imported:
    raise RuntimeError("imported too early")

from typing import Literal, Optional

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

LIMIT = 3


class Lengths(ClassifierMixin, BaseEstimator):
    def __init__(self, limit=3, fault=""):
        self.limit, self.fault = limit, fault

    def fit(self, X, y):
        if self.fault == "fit":
            raise ValueError("no words\\nfor it")
        if self.fault == "exit":
            raise SystemExit(3)
        self.classes_ = np.array(["x", "y"]) if self.fault == "labels" else np.unique(np.asarray(y, dtype=str))
        return self

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X):
        rows = np.array([len(text.split()) > self.limit for text in X["text"]]).astype(int)
        if self.fault == "shape":
            return rows
        if self.fault == "words":
            return [["high"]] * len(rows)
        if self.fault == "nan":
            return np.where(np.arange(len(rows))[:, None] == 2, np.nan, np.eye(len(self.classes_))[0])
        if self.fault == "sums":
            return np.ones((len(rows), len(self.classes_)))
        return np.eye(len(self.classes_))[rows % len(self.classes_)]


def lengths(seed: int, *, limit: int = 3, fault: str = "", kind: Literal["a", "b"] = "a", note: Optional[str] = None):
    """By the number of words."""
    return Lengths(limit, fault)


def broken(C: float = 1.0):
    raise KeyError("nothing here")


def a_class():
    return Lengths


def regression():
    from sklearn.linear_model import LinearRegression
    return LinearRegression()


def certain():
    from sklearn.svm import LinearSVC
    return LinearSVC()


def constant(limit: int = LIMIT):
    return Lengths(limit)


def anything(**options):
    return Lengths()


def linear(C: float = 1.0):
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    return make_pipeline(ColumnTransformer([("words", TfidfVectorizer(), "text")]), LogisticRegression(C=C))
'''


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Allows a package `desk`, whose module of models can be written again."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "desk"
    (folder / "conf" / "model").mkdir(parents=True)
    (folder / "__init__.py").write_text("from .models import lengths as by_length\n", encoding="utf-8")
    monkeypatch.setenv("NABA_PACKAGES", str(folder))

    def write(raises: bool = False) -> Path:
        (folder / "models.py").write_text(MODELS.replace("{raises}", str(raises)), encoding="utf-8")
        return folder

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == "desk"]:
        del sys.modules[name]
    packages._load.cache_clear()
    packages._allowed.cache_clear()


def test_arguments_are_checked_from_the_source_and_nothing_is_imported(desk: Callable[..., Path]) -> None:
    desk(raises=True)
    wrong = {"name": "m", "builder": "desk.models.lengths", "limt": 3, "kind": "c", "seed": 3}
    _, problems = builders.checked(wrong)
    assert any("did you mean 'model.limit'" in problem for problem in problems)
    assert any("model.kind" in problem for problem in problems)
    assert any("model.seed: the run itself gives it" in problem for problem in problems)
    _, problems = builders.checked({"name": "m", "builder": "desk.models.lengths", "limit": "3"})
    assert problems
    section, problems = builders.checked({"name": "m", "builder": "desk.by_length", "limit": 4})
    assert not problems
    assert section["limit"] == 4
    assert section["note"] is None
    assert "desk.models" not in sys.modules
    assert builders.content(section)["builder"] == "desk.models.lengths", "the place where it is written"
    with pytest.raises(UserError, match="raised RuntimeError: imported too early"):
        build(section, seed=0)


@pytest.mark.parametrize(
    ("builder", "said"),
    [
        ("dsk.models.lengths", "the package 'dsk' is not allowed; did you mean 'desk'"),
        ("os.path.join", "the package 'os' is not allowed"),
        ("desk.models.length", "unknown function 'length'; did you mean 'lengths'"),
        ("desk.nowhere.lengths", "there is no Python source of a module 'desk.nowhere'"),
        ("desk.models.constant", "the default of 'limit' is no plain value"),
        ("desk.models.anything", "its arguments must have names"),
        ("desk.models.Lengths", "'Lengths' in .*models.py is no plain function"),
        ("desk.models.LIMIT", "'LIMIT' in .*models.py is no plain function"),
    ],
)
def test_a_builder_that_cannot_be_read_is_named_with_the_reason(
    desk: Callable[..., Path], builder: str, said: str
) -> None:
    desk()
    with pytest.raises(UserError, match=said):
        options_of(builder)


def test_a_yaml_cannot_allow_itself(desk: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = desk()
    monkeypatch.delenv("NABA_PACKAGES")
    own = Path("conf/model")
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text(
        "name: mine\naccepts: [single, pair]\nbuilder: desk.models.lengths\npackage: desk\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(folder.parent))
    with pytest.raises(UserError, match="the package 'desk' is not allowed"):
        builders.options(config.section("model", "mine"))
    assert cli.main(["train", "model=mine", "tracking=off"]) == 2
    assert "desk" not in sys.modules


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"builder": "desk.models.broken"}, "builder 'desk.models.broken' raised KeyError: 'nothing here'"),
        ({"builder": "desk.models.certain"}, "has no predict_proba"),
        (
            {"builder": "desk.models.lengths", "fault": "fit"},
            r"Lengths.fit raised ValueError: no words for it \(.*desk/models\.py, line 21\)",
        ),
        ({"builder": "desk.models.lengths", "fault": "labels"}, "classes_ are x, y, the labels are agree, disagree"),
        (
            {"builder": "desk.models.lengths", "fault": "shape"},
            r"gives an array of shape \(\d+,\), expected \(\d+, 4\)",
        ),
        (
            {"builder": "desk.models.lengths", "fault": "sums"},
            r"gives 5 of 5 rows that are no probabilities; row 0 is \[1.0, 1.0, 1.0, 1.0\]",
        ),
        (
            {"builder": "desk.models.lengths", "fault": "nan"},
            r"gives 1 of 5 rows that are no probabilities; row 2 is \[nan, ",
        ),
        ({"builder": "desk.models.lengths", "fault": "words"}, "gives a list, expected an array of numbers"),
        ({"builder": "desk.models.lengths", "fault": "exit"}, "Lengths.fit raised SystemExit: 3"),
        ({"builder": "desk.models.a_class"}, "returns the class desk.models.Lengths"),
        ({"builder": "desk.models.regression"}, "LinearRegression, which has no predict_proba"),
    ],
)
def test_each_mistake_of_an_estimator_is_one_clear_message(
    desk: Callable[..., Path], model: dict[str, str], said: str
) -> None:
    desk()
    data = naba.load_dataset("synthetic_stance")
    rows = data.indices("train")

    def train() -> None:
        made = build({"name": "m", **model}, seed=0, pair=True)
        made.fit(data.frame(rows), data.gold(rows)).predict_proba(data.frame(rows[:5]))

    with pytest.raises(UserError, match=said) as caught:
        train()
    assert "\n" not in caught.value.message


def test_code_that_changed_is_another_model(desk: Callable[..., Path]) -> None:
    folder = desk()
    model = {"name": "m", "builder": "desk.models.lengths"}
    before = builders.content(model)
    with (folder / "models.py").open("a", encoding="utf-8") as file:
        file.write("\n# another thought\n")
    assert builders.content(model)["options"] != before["options"]


def test_a_run_keeps_which_code_a_package_had(desk: Callable[..., Path]) -> None:
    folder = desk()
    before = packages.versions()
    assert re.fullmatch("not installed, modules [0-9a-f]{12}", before["desk"])
    source = folder / "models.py"
    source.write_text(source.read_text(encoding="utf-8") + "\n# another thought\n", encoding="utf-8")
    assert packages.versions() != before
    source.rename(folder / "other.py")
    (folder / "other.py").write_text(MODELS.replace("{raises}", "False"), encoding="utf-8")
    assert packages.versions() != before, "the names of modules count"


@pytest.mark.slow
def test_an_own_pipeline_is_trained_explained_exported_and_loaded_only_on_trust(
    desk: Callable[..., Path], store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = desk()
    (folder / "conf" / "model" / "desk_linear.yaml").write_text(
        "name: desk_linear\naccepts: [single, pair]\nbuilder: desk.models.linear\nC: 2.0\n", encoding="utf-8"
    )
    run = naba.train("synthetic_stance", "desk_linear", seed=1, evaluation__resamples=50, tracking__figures=False)
    assert run.has_model
    assert run.facts.versions["desk"] == packages.versions()["desk"]
    assert run.scores("test")["accuracy"].value > 0.3
    with pytest.raises(UserError, match=r"holds sklearn\.pipeline\.Pipeline, and loading it runs their code") as caught:
        naba.load_classifier(run)
    assert "--trust sklearn.pipeline.Pipeline" in str(caught.value)
    with pytest.raises(UserError, match="holds sklearn"):
        naba.export(run, tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    monkeypatch.setenv("NABA_TRUST", "sklearn.pipeline.Pipeline")
    classifier = naba.load_classifier(run)
    data = naba.load_dataset("synthetic_stance")
    frame = data.frame(data.indices("test"))
    assert classifier.predict(frame) == run.predictions("test").predicted.tolist()
    explained = classifier.explain(frame.head(2), top=3)
    assert explained[0].contributions[0][0].startswith("words__")
    naba.export(run, tmp_path / "exported")
    kept = json.loads((tmp_path / "exported" / "naba.json").read_text(encoding="utf-8"))["files"]
    assert "estimator.skops" in kept
    assert not [name for name in kept if name.endswith(("pkl", "joblib"))]


def test_an_own_type_is_named_before_it_is_loaded(
    desk: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from naba.classifier import folder as directory

    desk()
    data = naba.load_dataset("synthetic_stance")
    rows = data.indices("train")
    model = build({"name": "m", "builder": "desk.models.lengths", "limit": 5}, seed=0, pair=True)
    model.fit(data.frame(rows), data.gold(rows))
    assert directory.why_not_kept(model) is None
    directory.save(model, tmp_path / "kept", {"labels": data.display_names, "input": ["text", "target"]})
    with pytest.raises(UserError, match=r"holds desk\.models\.Lengths"):
        directory.load(tmp_path / "kept")
    monkeypatch.setenv("NABA_TRUST", "desk.models.Lengths")
    loaded, _ = directory.load(tmp_path / "kept")
    assert (loaded.predict(data.frame(rows)) == model.predict(data.frame(rows))).all()


def test_a_folder_that_holds_a_package_is_enough_and_one_that_holds_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NABA_PACKAGES", "")
    assert cli.main(["new", "package", "gazette"]) == 0

    def found(path: str) -> str:
        monkeypatch.setenv("NABA_PACKAGES", path)
        return packages.allowed()[0].name

    assert found("./gazette") == found("./gazette/src/gazette") == "gazette"
    (tmp_path / "empty").mkdir()
    for path, said in {
        "./empty": "empty holds no package",
        "empty": "did you mean './empty'",
        "naba": "naba itself is named",
    }.items():
        with pytest.raises(UserError, match=said):
            found(path)
    (tmp_path / "gazette" / "src" / "other" / "conf").mkdir(parents=True)
    with pytest.raises(UserError, match="holds several packages"):
        found("./gazette/")
    packages._allowed.cache_clear()


@pytest.mark.parametrize(
    "code",
    [
        "import naba\n@naba.metric(source='x')\ndef accuracy(counts, labels): ...\n",
        "from naba.data.corpora.readers import reader\n@reader\ndef table(files): ...\n",
        "from naba.data.checks.findings import check\n@check('N01', 'mine', 'note', 'x')\ndef mine(subject): ...\n",
    ],
)
def test_the_name_of_what_naba_has_is_not_taken(desk: Callable[..., Path], code: str) -> None:
    from naba.data.checks import rows

    assert rows
    (desk() / "more.py").write_text(code, encoding="utf-8")
    with pytest.raises(UserError, match=r"desk\.more .* cannot be imported: two .* are called .* and desk\.more"):
        packages.load()


@pytest.mark.parametrize(
    ("body", "said"), [("raise ValueError('odd')", "raised ValueError: odd"), ("return 'bad'", "returns a str")]
)
def test_a_wrong_data_check_is_one_message(desk: Callable[..., Path], body: str, said: str) -> None:
    from naba.data.checks.findings import CHECKS

    code = "from naba.data.checks.findings import check\n@check('D01', 'mine', 'note', 'x')\ndef mine(subject):\n    "
    (desk() / "checking.py").write_text(code + body, encoding="utf-8")
    try:
        with pytest.raises(UserError, match=f"data check D01 {said}"):
            naba.check("article_stance", slow=False)
    finally:
        CHECKS.pop("D01", None)


def test_the_options_that_every_command_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NABA_PACKAGES", "NABA_TRUST", "NABA_NO_PACKAGES"):
        monkeypatch.setenv(name, "")
    assert cli.main(["list", "metrics", "--package"]) == 2
    assert "--package needs a value" in capsys.readouterr().err
    assert cli.main(["list", "datasets", "--package", "nowhere_at_all"]) == 2
    said = capsys.readouterr().err
    assert "the package 'nowhere_at_all' (allowed by --package or NABA_PACKAGES) cannot be found" in said
    assert cli.main(["list", "packages", "--no-packages", "--trust=a.B"]) == 0
    assert "no packages are allowed: --no-packages" in capsys.readouterr().err
    assert os.environ["NABA_TRUST"] == "a.B"


def test_echo_answers_what_stands_in_the_text() -> None:
    import pandas as pd

    model = build({"name": "echo", "builder": "echo"}, seed=0)
    X = pd.DataFrame({"text": ["I say discuss, not agree", "disagree", "…"], "target": ""}, dtype=object)
    model.fit(X, ["discuss", "disagree", "agree"])
    assert model.predict(X).tolist() == ["discuss", "disagree", "agree"]
    assert model.predict_proba(X).tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]


def test_a_new_package_refuses_a_bad_name_or_a_full_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["new", "package", str(tmp_path / "My-Desk")]) == 2
    assert "cannot be a package's name" in capsys.readouterr().err
    assert cli.main(["new", "package", str(tmp_path / "desk")]) == 0
    assert cli.main(["new", "package", str(tmp_path / "desk")]) == 2
    assert "exists and is not empty" in capsys.readouterr().err


@pytest.mark.slow
def test_a_new_package_is_built_installed_beside_the_wheel_and_trained_from_an_empty_folder(tmp_path: Path) -> None:
    def run(*command: str, folder: Path = tmp_path) -> str:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NABA_", "PYTHON"))}
    run(sys.executable, "-m", "naba.cli", "new", "package", "desk_models")
    wheels = tmp_path / "wheels"
    for source in (ROOT, tmp_path / "desk_models"):
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(source))
    run(sys.executable, "-m", "venv", "venv")
    python = tmp_path / "venv" / "bin" / "python"
    # The libraries are this environment's, which is not copied; naba and the package are those of the wheels.
    site = next((tmp_path / "venv" / "lib").glob("python*")) / "site-packages"
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries), encoding="utf-8")
    found = [str(path) for path in wheels.glob("*.whl")]
    run(str(python), "-m", "pip", "install", "--no-deps", "--no-index", "--force-reinstall", *found)
    empty = tmp_path / "empty"
    empty.mkdir()
    command = str(tmp_path / "venv" / "bin" / "naba")
    assert str(site) in run(str(python), "-c", "import naba; print(naba.__file__)", folder=empty)
    assert "entry point of desk-models 0.1.0" in run(command, "list", "packages", folder=empty)
    said = run(command, "train", "dataset=desk_models_headlines", "model=desk_models_words", folder=empty)
    assert "test/macro_f1 1.000" in said
    program = "import naba; print(naba.load_run('desk_models_words desk_models_headlines seed 0').facts.versions)"
    assert "'desk_models': '0.1.0, modules " in run(str(python), "-c", program, folder=empty)
    tested = run(str(python), "-m", "pytest", "-q", str(tmp_path / "desk_models" / "tests"), folder=empty)
    assert "1 passed" in tested


def test_context_is_given_to_functions_that_ask_for_it(desk: Callable[..., Path]) -> None:
    desk()
    kind = options_of("desk.models.lengths")
    assert kind.from_run == ("seed",)
    assert textwrap.shorten(kind.__doc__, 40) == "By the number of words."
    assert kind(limit=2).build(Context(seed=4)).estimator.limit == 2


METRICS = """
import numpy as np
import naba


@naba.metric(source="a test")
def desk_raises(counts, labels):
    return labels.index("nowhere")


@naba.metric(source="a test")
def desk_first_only(counts, labels):
    return counts[0, 0] / counts.sum()


@naba.metric(source="a test")
def desk_over_resamples(counts, labels):
    return counts[..., 0, 0] / counts.sum()


@naba.metric(source="a test")
def desk_words(counts, labels):
    return "high"


@naba.metric(source="a test")
def desk_undefined(counts, labels):
    return np.full(counts.shape[:-2], np.nan)
"""


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("desk_raises", r"metric 'desk_raises' raised ValueError: .* \(.*desk/metrics\.py, line 8\)"),
        ("desk_first_only", r"'desk_first_only' gives an array of shape \(4,\) for counts of shape \(11, 4, 4\)"),
        ("desk_over_resamples", "other scores for several resamples at once than for each alone"),
        ("desk_words", "metric 'desk_words' gives a str, expected numbers"),
    ],
)
def test_a_wrong_metric_is_one_message_before_anything_is_trained(
    desk: Callable[..., Path], metric: str, said: str
) -> None:
    (desk() / "metrics.py").write_text(METRICS, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        naba.load_dataset("synthetic_stance", metrics=[metric])


def test_a_metric_that_is_not_defined_is_shown_and_said(
    desk: Callable[..., Path], store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk() / "metrics.py").write_text(METRICS, encoding="utf-8")
    options = ["evaluation.metrics=[desk_undefined]", "evaluation.resamples=50", "tracking.figures=false"]
    assert cli.main(["train", "dataset=synthetic_stance", "model=majority", *options]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "desk_undefined nan" in printed, "what was asked for stands in the table"
    assert "test: desk_undefined not defined on these rows (nan)" in printed


READING = """
from naba.data.corpora.readers import reader
from naba.data.rows import Place, Table


@reader
def desk_lines(files, label="agree", *, fault=""):
    if fault == "raises":
        raise ValueError("odd bytes")
    if fault == "none":
        return None
    content, name = files[0].read()
    texts = content.decode().split()
    places = [Place(name, number, number) for number in range(1, len(texts) + 1)]
    if fault == "places":
        places = [str(place) for place in places]
    if fault == "ragged":
        places = places[:-1]
    ids = list(range(len(texts))) if fault == "numbers" else [str(number) for number in range(len(texts))]
    return Table({"id": ids, "text": texts, "label": [label] * len(texts)}, places)
"""
LINES = """
name: desk_lines
task: stance
labels: {agree: تأييد, disagree: معارضة}
primary_metric: macro_f1
reader: desk_lines
source: {folder: "package:desk", files: [{path: lines.txt}]}
columns: {id: id, text: text, label: label}
"""


def lines(folder: Path) -> None:
    (folder / "reading.py").write_text(READING, encoding="utf-8")
    (folder / "conf" / "dataset").mkdir()
    (folder / "conf" / "dataset" / "desk_lines.yaml").write_text(LINES, encoding="utf-8")
    (folder / "lines.txt").write_text("خبر نبأ\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fault": "raises"}, r"reader 'desk_lines' raised ValueError: odd bytes \(.*desk/reading\.py, line 9\)"),
        ({"fault": "none"}, "reader 'desk_lines' returns a NoneType"),
        ({"fault": "places"}, r"among its places, expected Place\(file, record, line\)"),
        ({"fault": "ragged"}, "returns 2 values of 'id' and 1 places"),
        ({"fault": "numbers"}, "returns 0 in the column 'id', expected text or None"),
        ({"label": "nonsense"}, "unknown label 'nonsense'"),
        ({"colour": "red"}, "unknown key 'dataset.options.colour'"),
    ],
)
def test_each_mistake_of_a_reader_is_one_clear_message(
    desk: Callable[..., Path], options: dict[str, str], said: str
) -> None:
    lines(desk())
    assert len(naba.load_dataset("desk_lines")) == 2
    with pytest.raises(UserError, match=said):
        naba.load_dataset("desk_lines", options=options)


def test_a_stored_run_finds_the_reader_of_its_data_in_another_process(
    desk: Callable[..., Path], store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from naba.data import dataset
    from naba.data.corpora.readers import READERS

    folder = desk()
    lines(folder)
    run = naba.train("synthetic_stance", "majority", evaluation__resamples=50, tracking__figures=False)
    described = config.section("dataset", "desk_lines")

    def forget() -> None:
        monkeypatch.setattr(dataset, "_LOADED", {})
        READERS.pop("desk_lines", None)
        packages._load.cache_clear()
        for name in [name for name in sys.modules if name.partition(".")[0] == "desk"]:
            del sys.modules[name]

    forget()
    run.config["dataset"] = described
    with pytest.raises(UserError, match="'desk_lines' is not what run 'majority"):
        run.dataset()
    forget()
    monkeypatch.setattr(packages, "load", tuple)
    with pytest.raises(UserError, match="unknown reader 'desk_lines'"):
        run.dataset()
