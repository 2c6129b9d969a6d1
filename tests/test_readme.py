"""The examples of the README and of the pages on own data and models, run as they stand."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

from naba.cli import commands

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def example(name: str, page: str) -> str:
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    found = re.search(rf"<!-- example: {name} -->\n```yaml\n(.*?)```\n<!-- end -->", text, re.DOTALL)
    assert found, f"{page} has no example '{name}'"
    return found.group(1)


def test_a_csv_data_set_and_a_model_really_are_one_yaml_each(tmp_path: Path) -> None:
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

    def naba(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "naba.cli", *arguments],
            cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False,
            env={**os.environ, "PWD": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "my_headlines" in naba("check", "my_headlines", "--quick")
    overrides = ["tracking=off", "evaluation.resamples=100", "evaluation.also=[article_stance]"]
    output = naba("train", "dataset=my_headlines", "model=tfidf_words", *overrides)
    assert "macro_f1_agree_disagree" in output
    assert "article_stance" in output


def test_readme_names_every_command() -> None:
    for name in commands():
        assert f"`naba {name}" in README, f"the README does not name naba {name}"


def test_no_placeholder_is_left() -> None:
    assert re.findall(r"@[A-Z_]+@", README) == []
