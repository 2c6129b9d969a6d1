"""`naba data new`: a YAML that loads, from any file, under a name that later commands take."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from naba import cli
from naba.config.schema import SplitConfig
from naba.data import catalogue, splits
from naba.data.dataset import load_named
from naba.data.own_yaml import Guess, ascii_name, guess_columns, new
from naba.data.rows import read_bytes
from naba.errors import UserError

CASES = Path(__file__).parent / "cases"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NABA_CONF", raising=False)
    return tmp_path


def written(text: str, name: str = "my.csv") -> Path:
    Path(name).write_text(text, encoding="utf-8")
    return Path(name)


def guessed(header: str, *row: str, rows: int = 24) -> Guess:
    lines = [",".join(cell.replace("#", str(number)) for cell in row) for number in range(rows)]
    return guess_columns(read_bytes((header + "\n" + "\n".join(lines) + "\n").encode(), "f.csv"))


def test_a_yaml_loads_as_it_is() -> None:
    lines = [f"{i:03d},ادعاء {i // 4},خبر طويل رقم {i},{['agree', 'لا', 'None'][i % 3]}" for i in range(24)]
    entry = new(written("id,claim,headline,stance\n" + "\n".join(lines), "my set.csv"))
    assert entry.guess == Guess("headline", "stance", "claim", "id", "claim", None)
    assert entry.path == Path("conf/dataset/my_set.yaml")
    dataset = load_named("my_set")
    assert dataset.ids([0])[0] == "000"
    assert set(dataset.labels) == {"agree", "label_2", "None"}
    assert splits.make(dataset, SplitConfig(), 0).name == "grouped by group"
    with pytest.raises(UserError, match="already there"):
        new(Path("my set.csv"))
    with pytest.raises(UserError, match="no such file"):
        new(Path("none.csv"))


def test_labels_that_yaml_would_read_otherwise_stay_as_they_are() -> None:
    values = ["no", "-1", "1e3", "1_000", "null", "~", "0x1F", "${oc.env:HOME}", "a: b", "12:30", "'", "محايد # لا"]
    rows = "\n".join(f"نص {number},{value}" for number, value in enumerate(values * 3))
    new(written(f"text,label\n{rows}\n"))
    dataset = load_named("my")
    shown = dataset.display_names
    assert [shown[label] for label in dataset.gold(range(len(values)))] == values


def test_columns_with_arabic_names_are_known() -> None:
    """Review F12: المصدر, the outlet, was taken for the label."""
    guess = guessed("المعرف,العنوان,الادعاء,الموقف,المصدر", "#", "عنوان الخبر رقم #", "ادعاء", "مع", "صحيفة #")
    assert guess == Guess("العنوان", "الموقف", "الادعاء", "المعرف", "الادعاء", None)
    guess = guessed("مُعرّف,إدّعاء,النصّ,التصنيف", "#", "ادعاء #", "نص", "أ")
    assert guess == Guess("النصّ", "التصنيف", "إدّعاء", "مُعرّف", None, None)
    assert guessed("Tweet ID,Tweet-Text,Class_Label", "#", "نص", "a") == Guess(
        "Tweet-Text", "Class_Label", None, "Tweet ID", None, None
    )


def test_columns_with_names_of_several_words_are_known() -> None:
    """The outlet, with fewer values than there are stances, was taken for the label, and the text for its target."""
    guess = guessed("رقم التغريدة,جهة النشر,تصنيف الموقف,نص التغريدة,نص الادعاء", "#", "صحيفة", "مع", "نص #", "ادعاء")
    assert guess == Guess("نص التغريدة", "تصنيف الموقف", "نص الادعاء", "رقم التغريدة", "نص الادعاء", None)
    guess = guessed("post_id,outlet,stance label,news text,main topic", "#", "daily", "a", "نص #", "نفط")
    assert guess == Guess("news text", "stance label", None, "post_id", None, None)
    # The whole name comes before the head of another.
    assert guessed("claim id,id,text body,text,label", "x", "#", "نص نص نص", "نص", "a").text == "text"


def test_columns_are_guessed_from_values_too() -> None:
    rows = "\n".join(f"{i},a somewhat longer cell {i},{i % 2}" for i in range(20))
    guess = guess_columns(read_bytes(f"n,words,kind\n{rows}\n".encode(), "f.csv"))
    assert (guess.text, guess.label) == ("words", "kind")


def test_columns_that_are_named_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    rows = "\n".join(f"{i},نص {i},{'ab'[i % 2]},{'xyz'[i % 3]},{i // 6}" for i in range(24))
    written(f"key,words,label,second,about\n{rows}\n")
    named = ["--text", "words", "--label", "second", "--target", "about", "--id", "key"]
    assert cli.main(["data", "new", "my.csv", *named]) == 0
    dataset = load_named("my")
    assert (dataset.labels, dataset.pair) == (("x", "y", "z"), True)
    assert dataset.column("target", [7])[0] == "1"
    assert dataset.ids([7])[0] == "7"
    assert cli.main(["data", "new", "my.csv", "--name", "other", "--label", "lable"]) == 2
    assert "--label: unknown column 'lable'; did you mean 'label'" in capsys.readouterr().err


REFUSED = ["قاعدة", "a b", "a/b", "../../evil", "", ".a", "-a", "x" * 81, "null", "12e5", "file", "ans_stance"]


@pytest.mark.parametrize("name", REFUSED)
def test_names_that_later_commands_refuse_are_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(CASES / "data-new-name" / "base.csv", tmp_path / "base.csv")
    assert cli.main(["data", "new", "base.csv", f"--name={name}"]) == 2
    said = capsys.readouterr().err
    assert "cannot be the name" in said or "is the name of a data set of naba's" in said
    assert "--name" in said
    assert [path.name for path in tmp_path.rglob("*")] == ["base.csv"]
    assert not (tmp_path.parent / "evil.yaml").exists()


@pytest.mark.parametrize("name", ["1a", "a.b", "A-1", "on", "x" * 80])
def test_names_that_are_taken_are_found_by_later_commands(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(CASES / "data-new-name" / "base.csv", "base.csv")
    assert cli.main(["data", "new", "base.csv", "--name", name]) == 0
    assert name in catalogue.names()
    assert cli.main(["check", name, "--quick"]) in {0, 1}
    assert cli.main(["train", f"dataset={name}", "model=majority", "--cfg", "job"]) == 0
    assert "base.csv" in capsys.readouterr().out


def test_an_arabic_file_has_a_name_in_ascii() -> None:
    assert ascii_name("أخبار-my") == "akhbar-my"
    assert ascii_name("المَوقِف ٢") == "almwqf"
    assert ascii_name("新聞") == "own"
    entry = new(written("text,label\n" + "نص,a\nخبر,b\n" * 5, "أخبار.csv"))
    assert entry.path == Path("conf/dataset/akhbar.yaml")


def test_rows_without_a_label(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(CASES / "label-empty" / "halfempty.csv", "half.csv")
    assert cli.main(["data", "new", "half.csv"]) == 2
    said = capsys.readouterr().err
    assert "row 2, line 3: there is no label (column 'label'); 30 rows have this problem" in said
    assert "--drop-unlabelled" in said
    assert cli.main(["data", "new", "half.csv", "--drop-unlabelled"]) == 0
    assert len(load_named("half")) == 30


@pytest.mark.parametrize(
    ("case", "arguments"),
    [
        ("csv-semicolon/semi.csv", []),
        ("csv-semicolon/sepline.csv", []),
        ("csv-semicolon/tab.csv", []),
        ("csv-semicolon/semi.csv", ["--delimiter", ";"]),
        ("tab-delimiter/tab.csv", ["--delimiter", "\\t"]),
        ("utf16-no-bom/utf16nobom.csv", []),
        ("data-new-encoding/win1256.csv", []),
        ("data-new-encoding/win1256.csv", ["--encoding", "windows-1256"]),
        ("headerless/headerless.tsv", ["--no-header", "--text", "column_1", "--label", "column_2"]),
    ],
)
def test_how_a_file_is_read_is_a_part_of_its_yaml(
    case: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(CASES / case, Path(case).name)
    assert cli.main(["data", "new", Path(case).name, "--name", "mine", *arguments]) == 0
    said = capsys.readouterr().err
    assert ("looks like" in said or "first line says" in said) == (not arguments)
    assert cli.main(["check", "mine", "--quick"]) in {0, 1}
    captured = capsys.readouterr()
    assert "looks like" not in captured.err
    assert "cannot be read" not in captured.out
    assert len(load_named("mine")) == 60
