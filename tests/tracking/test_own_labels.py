"""Own data whose labels are called as bounds of intervals once were: they stand on every page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba import cli

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SMALL = ("evaluation.resamples=50", "tracking.figures=false", "tracking.log_model=false")


def data(folder: Path) -> Path:
    words = {"low": "ضعيف", "high": "قوي"}
    for part, count in (("train", 24), ("test", 12)):
        lines = [f"{part}{n},{words[label]} خبر {n},{label}" for n in range(count) for label in [list(words)[n % 2]]]
        (folder / f"{part}.csv").write_text("id,text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_labels_low_and_high_are_on_every_page(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = data(tmp_path)
    chosen = ["train", "dataset=file", f"dataset.path={folder}", *SMALL]
    for model in ("majority", "tfidf_nb"):
        assert cli.main([*chosen, f"model={model}"]) == 0
        said = capsys.readouterr().out
        assert "f1_low" in said, said
        assert "f1_high" in said, said
    for label in ("low", "high"):
        assert cli.main(["compare", f"metric=f1_{label}", "--csv", "--resamples", "50"]) == 0
        assert capsys.readouterr().out.count(f",f1_{label},") == 2
    assert cli.main(["compare", "--html", str(tmp_path / "board.html"), "--resamples", "50"]) == 0
    page = (tmp_path / "board.html").read_text(encoding="utf-8")
    assert page.count('"low"') + page.count(">low<"), "the page knows the label"
    capsys.readouterr()
    runs = [line for line in _listed(capsys) if "majority" in line]
    assert len(runs) == 1
    assert cli.main(["show", runs[0].split()[0]]) == 0
    shown = capsys.readouterr().out
    assert "f1_low" in shown
    assert "again: naba train dataset=file" in shown


def _listed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert cli.main(["list", "runs"]) == 0
    return capsys.readouterr().out.splitlines()
