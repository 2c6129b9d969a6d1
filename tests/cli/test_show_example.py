"""`naba show RUN --example ID` for every kind of model that can be explained."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from naba import cli, tracking
from naba.config import overrides as command_line
from naba.experiment import run

if TYPE_CHECKING:
    from pathlib import Path

ENCODER = (
    "model=encoder_small", "model.architecture.layers=1", "model.architecture.hidden=32", "model.architecture.heads=2",
    "model.training.epochs=1", "model.training.threads=1",
)  # fmt: skip


def _example(capsys: pytest.CaptureFixture[str], *overrides: str) -> tuple[str, list[str]]:
    fixed = ("dataset=synthetic_stance", "evaluation.resamples=50", "tracking.figures=false")
    outcome = run.run(command_line.compose([*fixed, *overrides]))
    wanted = tracking.find(outcome.run).predictions().ids[3]
    capsys.readouterr()
    assert cli.main(["show", outcome.run[:12], "--example", str(wanted)]) == 0
    lines = capsys.readouterr().out.splitlines()
    text = next(line for line in lines if line.startswith("text: "))
    head = next(number for number, line in enumerate(lines) if "what decided" in line)
    return text, [line.strip() for line in lines[head:] if line.strip() and "─" not in line]


def _check(table: list[str]) -> None:
    assert re.split(r"\s{2,}", table[0])[1:] == ["agree", "disagree", "discuss", "unrelated"]
    assert len(table) > 6
    for row in table[1:]:
        assert re.search(r"[+-]\d", row), row
    assert re.match(r"all \d+ together( +[+-][\d.e-]+){4}$", table[-1])


def test_a_linear_model(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, table = _example(capsys, "model=tfidf_logreg", "model.characters_to=0")
    _check(table)
    assert any(row.startswith("overlap:") for row in table)


@pytest.mark.slow
def test_boosted_trees_and_a_stack(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for model in ("pair_boosting", "stacked"):
        _, table = _example(capsys, f"model={model}", "model.iterations=3")
        _check(table)
        assert any(re.match(r"[a-z]+(_[a-z]+)+ ", row) for row in table), "pair features have names"


@pytest.mark.slow
def test_words_of_an_encoder(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, table = _example(capsys, *ENCODER, "normalisation=none")
    _check(table)
    words = [row.split()[0].removeprefix("text:") for row in table if row.startswith("text:")]
    assert words
    assert all(word in text for word in words)


def test_a_model_that_reads_nothing(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run.run(command_line.compose(["model=majority", "evaluation.resamples=50", "tracking.figures=false"]))
    wanted = tracking.find(outcome.run).predictions().ids[0]
    assert cli.main(["show", outcome.run, "--example", str(wanted)]) == 0
    assert "what decided cannot be told for this kind of model" in capsys.readouterr().err
