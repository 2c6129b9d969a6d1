"""The documentation: help texts are those of today, tutorials run, pages build, and the paths they name exist."""

from __future__ import annotations

import csv
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
TUTORIALS = sorted(page for page in (DOCS / "tutorials").glob("*.md") if not page.with_suffix(".ipynb").exists())


def test_help_texts_are_those_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS))
    import generate

    committed = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    assert generate.commands_page() == committed, "run: python docs/generate.py"


class Step(NamedTuple):
    """One marked block of a tutorial: a file to write, or commands to run and words that they must print."""

    kind: str
    expected: str
    content: str


def steps(page: Path) -> list[Step]:
    blocks = re.findall(
        r"<!-- (run|file)(?:: (.*?))? -->\n```\w+\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
    )
    return [Step(*block) for block in blocks]


def rows_like(content: str, count: int = 90) -> str:
    """A CSV file with `count` rows that differ, after the few that the page shows."""
    header, *rows = list(csv.reader(io.StringIO(content)))
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(header)
    for number in range(count):
        row = list(rows[number % len(rows)])
        row[:3] = [f"{number + 1:03d}", f"{row[1]} في التقرير {number}", f"{row[2]} {number // 3}"]
        writer.writerow(row)
    return output.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_runs_as_written(page: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "NABA_HOME": str(tmp_path / "runs"), "PWD": str(tmp_path)}
    ran = 0
    for step in steps(page):
        if step.kind == "file":
            (tmp_path / step.expected).write_text(rows_like(step.content), encoding="utf-8")
            continue
        for line in step.content.splitlines():
            assert line.startswith("$ naba ")
            done = subprocess.run(
                [sys.executable, "-m", "naba.cli", *shlex.split(line)[2:]],
                cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            assert (step.expected or "") in done.stdout
            ran += 1
    assert ran > 1


@pytest.mark.slow
def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(DOCS), str(tmp_path / "html")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "html" / "reference" / "datasets" / "ans_stance.html").read_text(encoding="utf-8")
    assert "تأييد" in page or "agree" in page
    notebook = (tmp_path / "html" / "tutorials" / "python_comparison.html").read_text(encoding="utf-8")
    assert '<caption dir="auto">synthetic_stance: macro_f1</caption>' in notebook, "the board, as the notebook shows it"


def example(name: str) -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)```\n<!-- end -->", text, re.DOTALL)
    assert found, f"CONTRIBUTING.md has no example '{name}'"
    return found[1]


def test_the_model_of_the_contributing_page_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from naba import cli

    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "short_words.yaml").write_text(example("model"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "model=short_words", "tracking=off", "evaluation.resamples=50"]) == 0


def test_the_metric_of_the_contributing_page_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    from naba.evaluation import metrics

    monkeypatch.setattr(metrics, "METRICS", dict(metrics.METRICS))
    exec(compile(example("metric"), "CONTRIBUTING.md", "exec"), {})
    share = metrics.METRICS["share_of_first_label"]
    assert share.function(np.array([[3, 1], [2, 4]]), ("a", "b")) == 0.5


@pytest.fixture
def place_of_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that somebody works in, with the data set, the check and the command of the contributing page."""
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    (tmp_path / "conf" / "dataset" / "prices.yaml").write_text(example("dataset"), encoding="utf-8")
    rows = [f"{word} أسعار النفط {number}{sign},{label}" for number in range(9) for word, sign, label in
            (("ارتفاع", "؟", "agree"), ("انخفاض", "", "disagree"))]  # fmt: skip
    (tmp_path / "prices.csv").write_text("\n".join(["headline,stance", *rows]), encoding="utf-8")
    for name in ("check", "command"):
        (tmp_path / "outside").mkdir(exist_ok=True)
        (tmp_path / "outside" / f"{name}_of_mine.py").write_text(example(name), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_data_set_the_check_and_the_command_of_the_contributing_page_are_used(place_of_a_user: Path) -> None:
    def naba(*arguments: str) -> str:
        command = [sys.executable, "-m", "naba.cli", "--package", "./outside", *arguments]
        return subprocess.run(command, cwd=place_of_a_user, capture_output=True, text=True, check=True).stdout

    assert naba("count", "prices") == "18\n"
    checked = naba("check", "prices", "--quick")
    assert "MY01" in checked
    assert "9 questions" in checked


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"])
def test_paths_that_a_page_names_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|conf|data|docs|experiments|tests)/[\w./*-]+)`", text)
    named += [path for path in re.findall(r"\]\(([\w./-]+)\)", text) if not path.startswith("http")]
    examples = {"conf/dataset/my_headlines.yaml", "conf/model/tfidf_words.yaml", "conf/model/short_words.yaml",
                "conf/dataset/prices.yaml"}  # fmt: skip
    missing = [path for path in named if path not in examples and not list(ROOT.glob(path.rstrip("/")))]
    assert not missing


def test_the_citation_is_of_this_version() -> None:
    import yaml

    import naba

    found = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "license"} <= set(found)
    assert found["version"] == naba.__version__
    assert found["license"] == "Apache-2.0"


REWORDED = (
    "four times in five", "drawn whole, ", "round any other", "as many times `model.training.batch_size`",
    "A training that is killed goes on from", "get a 4xx with a message", "keep leading zeros and nineteen digits",
    "What they reach", "Models that are there", "Why it answered so", "bring files here", "look: naba compare",
    "the test does not allow run", "length: between", "no numbers, no clash",
)  # fmt: skip
"""Wordings that puzzled a first reader."""


def test_no_wording_that_puzzled_a_reader_came_back() -> None:
    pages = [ROOT / "README.md", *DOCS.rglob("*.md"), *(ROOT / "src").rglob("*.py")]
    texts = {path: path.read_text(encoding="utf-8") for path in pages if "_build" not in path.parts}
    assert [(path.name, words) for path, text in texts.items() for words in REWORDED if words in text] == []
    readme = texts[ROOT / "README.md"]
    assert "Systems that share a letter are not significantly different" in readme
    assert "the bootstrap resamples whole groups" in readme
    assert "significant with 80 % power" in " ".join(readme.split())


def test_the_package_of_the_page_works_as_it_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import naba
    from naba import cli
    from naba.config import packages

    page = (DOCS / "how-to" / "packages.md").read_text(encoding="utf-8")
    written = re.findall(r"<!-- package: (\S+) -->\n```\w+\n(.*?)```", page, re.DOTALL)
    assert len(written) == 7
    for path, content in written:
        (tmp_path / "mypackage" / "src" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mypackage" / "src" / path).write_text(content, encoding="utf-8")
    data = tmp_path / "mypackage" / "src" / "mypackage" / "data"
    data.mkdir()
    lines = [
        f"{number}{sign}|{sign}|أسعار النفط ترتفع {number // 3}|{text} {number}"
        for number in range(60)
        for sign, text in {"+": "أسعار النفط ترتفع اليوم", "-": "هبوط كبير!"}.items()
    ]
    (data / "prices.txt").write_text("\n".join(["% id, label, target, text", *lines]), encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NABA_PACKAGES", "./mypackage")
    try:
        settings = {"split": "grouped", "evaluation__resamples": 50, "tracking__figures": False}
        run = naba.train("mypackage_prices", "mypackage_overlap", **settings)
        assert run.scores("test")["mypackage_error_rate"].value == 0
        findings = {finding.code: finding for finding in naba.check("mypackage_prices", slow=False).findings}
        assert findings["MY01"].message == "60 texts with !"
        assert cli.main(["mypackage-silence", run.id]) == 0
        assert "test: 0.0% of the rows are without an answer" in capsys.readouterr().out
    finally:
        packages._allowed.cache_clear()
        for name in [name for name in sys.modules if name.partition(".")[0] == "mypackage"]:
            del sys.modules[name]
        from naba.data.checks.findings import CHECKS

        CHECKS.pop("MY01", None)
