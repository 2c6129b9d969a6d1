"""What must fail at the end fails at the start: outputs that cannot be written, names that a registry refuses.

Each command is given further mistakes that it meets as soon as it begins its work: that these are not told shows that
it has not begun.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from naba import cli, files
from naba.analysis import reading
from naba.errors import UserError

NOWHERE = "no_such_run"
FILES = [
    ["compare", f"dataset={NOWHERE}", "--html"],
    ["stress", NOWHERE, "--html"],
    ["drift", NOWHERE, NOWHERE, "--html"],
    ["check", NOWHERE, "--html"],
    ["check", NOWHERE, "--markdown"],
    ["data", "suspects", NOWHERE, "--csv"],
    ["data", "suspects", NOWHERE, "--html"],
    ["annotate", "simulate", NOWHERE, "--html"],
    ["annotate", "read", NOWHERE, "--html"],
    ["submit", NOWHERE, "--format", "tweeteval_stance"],
    ["predict", NOWHERE, "in.csv", "-o"],
    ["predict", NOWHERE, "in.csv", "--bad"],
]
FOLDERS = [
    ["annotate", "make", NOWHERE, "--out"],
    ["annotate", "read", NOWHERE, "--out"],
    ["analyse", "in.txt", "--claim-type", NOWHERE, "-o"],
    ["data", "mirror"],
    ["predict", NOWHERE, "in.parquet", "--engine", "ray", "-o"],
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a_file").write_text("kept")
    Path("a_folder").mkdir()
    return tmp_path


def there() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


NO_FILES = ("a_file/out.csv", "a_folder", "/proc/out.csv", "م" * 126 + ".csv")
NO_FOLDERS = ("a_file", "a_file/out", "/proc/out", "m" * 256)


@pytest.mark.parametrize(
    "command",
    [[*command, where] for commands, places in ((FILES, NO_FILES), (FOLDERS, NO_FOLDERS))
     for command in commands for where in places],
    ids=" ".join,
)  # fmt: skip
def test_outputs_that_cannot_be_written_are_refused_before_the_work(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(command) == 2
    said = capsys.readouterr().err
    assert command[-1][:20] in said
    assert NOWHERE not in said
    assert there() == ["a_file", "a_folder"]


def test_a_place_is_judged_without_a_trace(here: Path) -> None:
    files.check_place(here / "new" / "deep" / "page.html")
    files.check_place(here / ("م" * 125 + ".html"))
    files.check_place(here / "a_folder", folder=True)
    with pytest.raises(UserError, match="null character"):
        files.check_place(here / "a\0b")
    with pytest.raises(UserError, match="is there and is no file"):
        files.check_place(Path(os.devnull))
    assert there() == ["a_file", "a_folder"]


def test_a_name_as_long_as_names_can_be_is_written_whole_and_leaves_nothing(here: Path) -> None:
    longest = here / ("م" * 125 + ".html")
    files.write_text(longest, "first")
    files.write_text(longest, "second")
    assert longest.read_text(encoding="utf-8") == "second"
    with files.replaced(longest) as part:
        part.write_text("third")
        assert files.parts(longest) == [part]
    assert there() == ["a_file", "a_folder", longest.name]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--alias", "latest"], "MLflow keeps latest"),
        (["--alias", "V12"], "MLflow keeps latest"),
        (["--alias", "x" * 81], "up to 80 letters"),
        (["--name", "x" * 81], "up to 80 letters"),
        (["--name", "a/b"], "up to 80 letters"),
    ],
)
def test_names_that_the_registry_refuses_are_refused_before_a_version_is_made(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["promote", NOWHERE, *given]) == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert NOWHERE not in printed


@pytest.mark.parametrize("given", ["study=a/b", "study=..", f"study={'x' * 201}", "name=a/b", f"name={'x' * 81}"])
def test_names_of_a_search_are_those_of_files(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["tune", "dataset=synthetic_stance", "model=tfidf_nb", "trials=1", given]) == 2
    assert f"{given[:20]}" in capsys.readouterr().err
    assert there() == ["a_file", "a_folder"]


def test_the_yaml_of_a_search_has_a_place_before_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    Path("conf").write_text("in the way")
    assert cli.main(["tune", "dataset=synthetic_stance", "model=tfidf_nb", "trials=1"]) == 2
    captured = capsys.readouterr()
    assert "conf/model/tfidf_nb_tuned.yaml cannot be written" in captured.err
    assert "trial " not in captured.out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["ans_stance", "--guideline", "nowhere.md"], "--guideline nowhere.md"),
        (["ans_stance", "--by", "disagree", "--model", "tfidf_nb"], "--by disagree needs the answers of 2 models"),
        (
            ["in.csv", "--labels", "a,b,c,d,e,f,g,h,i,j", "--by", "random"],
            "10 labels; people label with the keys 1 to 9",
        ),
        (["in.csv", "--labels", "a,b", "--by", "suspects", "--model", "no_such_run"], "--by suspects doubts labels"),
        (["in.csv", "--labels", "a,b", "--by", "uncertain"], "--by uncertain needs the answers of 1 model"),
    ],
)
def test_what_people_cannot_label_by_is_refused_before_models_answer(
    given: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Its data set would be loaded next, and is not here.
    monkeypatch.setenv("NABA_OFFLINE", "1")
    Path("in.csv").write_text("text\nنص\n", encoding="utf-8")
    assert cli.main(["annotate", "make", *given, "--out", "round"]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not Path("round").exists()


def test_an_experiment_has_a_name_that_a_folder_can_have(capsys: pytest.CaptureFixture[str]) -> None:
    for sign, most in (("😀", 60), ("م", 120), ("x", 120)):
        train = ["train", "dataset=synthetic_stance", "model=majority"]
        assert cli.main([*train, "--cfg", "job", f"tracking.experiment='{sign * most}'"]) == 0
        assert cli.main([*train, f"tracking.experiment='{sign * (most + 1)}'"]) == 2
        assert "tracking.experiment: expected" in capsys.readouterr().err


def test_articles_with_long_names_have_files(here: Path) -> None:
    names = ["خ" * 125 + ".txt", "خ" * 124 + "ا.txt"]
    for name in names:
        (here / "a_folder" / name).write_text("قال الوزير إن النمو بلغ 5%.", encoding="utf-8")
    found = reading.sources(["a_folder"])
    assert len({one.name for one in found}) == 2
    for one in found:
        files.check_place(here / f"{one.name}.claimreview.jsonld")
