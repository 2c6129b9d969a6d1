"""The examples of the README and of the pages on own data and models, run as they stand."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

from naba import cli

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def example(name: str, page: str) -> str:
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    found = re.search(rf"<!-- example: {name} -->\n```yaml\n(.*?)```\n<!-- end -->", text, re.DOTALL)
    assert found, f"{page} has no example '{name}'"
    return found.group(1)


def test_a_csv_data_set_and_a_model_really_are_one_yaml_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for group, name, page in (("dataset", "my_headlines", "own-data.md"), ("model", "tfidf_words", "own-model.md")):
        folder = tmp_path / "conf" / group
        folder.mkdir(parents=True)
        (folder / f"{name}.yaml").write_text(example(group, page), encoding="utf-8")
    for part, rows in (("train", 60), ("dev", 18), ("test", 18)):
        with (tmp_path / f"{part}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "headline", "claim", "stance"])
            for row in range(rows):
                text = ("ارتفاع أسعار النفط", "تراجع أسعار النفط", "فوز المنتخب في المباراة")[row % 3]
                label = ("1", "-1", "0")[row % 3]
                writer.writerow([f"00{part}{row}", f"{text} {row} {part}", f"النفط يرتفع {part} {row}", label])

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))

    def naba(*arguments: str) -> str:
        capsys.readouterr()
        assert cli.main([*arguments]) == 0, capsys.readouterr()
        return capsys.readouterr().out

    assert "my_headlines" in naba("check", "my_headlines", "--quick")
    overrides = ["tracking=off", "evaluation.resamples=100", "tracking.figures=false"]
    overrides += ["evaluation.also=[article_stance]"]
    output = naba("train", "dataset=my_headlines", "model=tfidf_words", *overrides)
    assert "macro_f1_agree_disagree" in output
    assert "article_stance" in output


def test_readme_names_every_command() -> None:
    for name in cli.commands():
        assert f"`naba {name}" in README, f"the README does not name naba {name}"


def test_no_placeholder_is_left() -> None:
    assert re.findall(r"@[A-Z_]+@", README) == []
