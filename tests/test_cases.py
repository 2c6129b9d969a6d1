"""Small inputs that went wrong in version 0.1: each is run as its `case.txt` says, and what is right is asserted.

A case is a list of steps (what is typed, its exit code, what is said and what is not), and what must hold afterwards.
The folders lie in `tests/data/cases`; where one has no `base.csv`, the one that many share is put beside its files.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from naba import cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER = Path(__file__).parent / "data" / "cases"
BASE = FOLDER / "data-new-name" / "base.csv"
FAST = ["evaluation.resamples=20", "tracking.figures=false", "evaluation.worst_errors=3"]
NB = "model=tfidf_nb"
MARBERT = ["model=marbert_v2", "model.training.epochs=1", "model.reading.max_length=32", "tracking=off", *FAST]


@dataclass(frozen=True)
class Step:
    """One command and what is right.

    Attributes:
        typed: the arguments of naba; `{here}` is the folder of the case.
        code: its exit code, or those that are right.
        said: patterns in what it prints, of either kind.
        never: patterns that must not be there; a traceback never is.
        environment: further variables; the command is then a process of its own.
        largest: bytes of a file beyond which writing fails, as on a full disk; also a process of its own.
        inside: what goes on meanwhile.
    """

    typed: list[str]
    code: int | tuple[int, ...] = 0
    said: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    largest: int = 0
    inside: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext


@dataclass(frozen=True)
class Case:
    """Steps, then a check of what is left; `before` prepares the folder or the home."""

    steps: list[Step]
    after: Callable[[Path], None] | None = None
    before: Callable[[Path], Any] | None = None
    marks: tuple[Any, ...] = ()


def train(file: str = "base.csv", *more: str, tracked: bool = False) -> list[str]:
    """`naba train` on a file; kept as a run only where that is asked for, which takes longer."""
    off = [] if tracked else ["tracking=off"]
    model = [] if any(item.startswith("model=") for item in more) else [NB]
    return ["train", "dataset=file", f"dataset.path={file}", *model, *off, *FAST, *more]


def columns_of(file: Path, name: str) -> list[str]:
    import csv

    with file.open(encoding="utf-8", newline="") as opened:
        return [row[name] for row in csv.DictReader(opened)]


# What must hold afterwards.


def the_figure_is_whole(here: Path) -> None:
    """No ink in the outermost pixels, where the title of the upright axis was cut."""
    from matplotlib.image import imread

    (figure,) = Path(os.environ["NABA_HOME"]).rglob("test_confusion.png")
    edge = imread(figure)[:, :2, :3]
    assert edge.min() > 0.99


def entities_stay(here: Path) -> None:
    from naba.arabic.normalise import NEWS, normalise

    text = columns_of(here / "entities.csv", "text")[0]
    assert "&1582;" not in normalise(text, NEWS)


def all_below_the_home(here: Path) -> None:
    # A `?` is taken or refused with a message; nothing may lie beside the folder either way.
    there = {path.name for path in here.iterdir()} - {"x?1"}
    assert there == {"base.csv", "case.txt", "pct%20x", "x#1"}
    for name in ("pct%20x", "x#1"):
        assert (here / name / "mlflow.db").is_file()


def minus_one_stays(here: Path) -> None:
    assert columns_of(here / "out.csv", "label") == ["1", "-1"]


def the_old_home_stays_away(here: Path) -> None:
    assert not (here / "a").exists()


def ids_are_no_part_of_the_text(here: Path) -> None:
    for name in ("out.csv", "out2.csv"):
        assert columns_of(here / name, "id")[:2] == ["1", "2"]


def readable_by_all(here: Path) -> None:
    before = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (here / "ex").iterdir()}
    assert set(before.values()) == {0o644}
    kept = [path for path in (here / "shared" / "artifacts").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o044 for path in kept} == {0o044}


def no_password(here: Path) -> None:
    for path in here.parent.rglob("*"):
        if path.is_file() and path.name != "case.txt":
            assert b"PASSWORD" not in path.read_bytes(), path


def the_old_board_stays(here: Path) -> None:
    assert (here / "board.html").read_text() == "the old board"
    assert sorted(path.name for path in here.iterdir()) == ["base.csv", "board.html", "case.txt"]


def nothing_is_left(here: Path) -> None:
    assert sorted(path.name for path in here.iterdir()) == ["base.csv", "case.txt"]


def own_yaml_counts(here: Path) -> None:
    from naba import config

    assert config.section("model", "tfidf_logreg")["C"] == 99.0


def numbers_with_thousands(here: Path) -> None:
    from naba.arabic.numbers import number, quantities
    from naba.arabic.segment import tokens

    assert (number("1,234.5"), number("1,234,567.89"), number("١٬٢٣٤٫٥")) == (1234.5, 1234567.89, 1234.5)
    assert number("2015,2016") != 2015.2016
    for row in columns_of(here / "numbers.csv", "text"):
        assert [found.value for found in quantities(tokens(row))] == [1234.5e6]


def numbers_in_words(here: Path) -> None:
    from naba.arabic.normalise import NEWS, normalise
    from naba.arabic.numbers import quantities
    from naba.arabic.segment import tokens

    lines = (here / "words.txt").read_text(encoding="utf-8").splitlines()
    found = [[(one.value, one.unit) for one in quantities(tokens(normalise(line, NEWS)))] for line in lines]
    values = [[value for value, _ in line] for line in found]
    assert values == [[11], [12], [15], [300_000], [400], [90], [50], [26013.94]]
    assert [line[0][1] for line in found[5:7]] == ["percent", "percent"]


def all_rows_of_the_workbook(here: Path) -> None:
    import io
    import zipfile

    import openpyxl

    from naba.data.rows import read_bytes

    book, plain = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["id", "text", "label"])
    for number in range(100):
        book.active.append([str(number), f"نص {number}", "a" if number % 2 else "b"])
    book.save(plain)
    members = zipfile.ZipFile(plain)
    for stored in ("A1:C101", "A1:C11", "A1", "A1:B101"):
        changed = io.BytesIO()
        with zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as out:
            for name in members.namelist():
                written = f'<dimension ref="{stored}"'.encode()
                out.writestr(name, members.read(name).replace(b'<dimension ref="A1:C101"', written))
        table = read_bytes(changed.getvalue(), "x.xlsx")
        assert (len(table), list(table.columns)) == (100, ["id", "text", "label"])


def named_columns_are_served(here: Path) -> None:
    from naba.serve.limits import Limits, read_table

    limits = Limits(("text",), body_bytes=4096, rows=5, characters=200)
    body = json.dumps({"inputs": {"text": ["أكد", "نفى"]}}).encode()
    assert read_table(body, limits) == [{"text": "أكد"}, {"text": "نفى"}]


# What must be there before.


def an_old_board(here: Path) -> None:
    (here / "board.html").write_text("the old board")


HOLD_THE_STORE = """
import sqlite3, sys, time
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(7)
"""


@contextlib.contextmanager
def locked_store() -> Iterator[None]:
    """Another process has the store for itself, for some seconds."""
    command = [sys.executable, "-c", HOLD_THE_STORE, str(Path(os.environ["NABA_HOME"]) / "mlflow.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield


SEMICOLON = r"the delimiter looks like ';'"
HEADERLESS = ["headerless.tsv", "dataset.columns.text=column_1", "dataset.columns.label=column_2"]

CASES: dict[str, Case] = {
    "checkpoint-broken": Case([
        Step(train("base.csv", "model.checkpoint={here}/lfs", *MARBERT), 2, ("is a Git LFS pointer",)),
        Step(train("base.csv", "model.checkpoint={here}/trunc", *MARBERT), 2, ("is not whole",)),
        Step(train("base.csv", "model.checkpoint={here}/bin", *MARBERT), 2, ("cannot be read",)),
    ]),
    "checkpoint-folder-hints": Case([
        Step(train("base.csv", "model.checkpoint=/nonexistent/marbert", *MARBERT), 2, ("there is no folder",),
             ("hf download",)),
        Step(train("base.csv", "model.checkpoint={here}", *MARBERT), 2, ("it has no config.json",), ("sentencepiece",)),
    ]),
    "checkpoint-wrong-names": Case([
        Step(train("base.csv", "model.checkpoint={here}/prefix", *MARBERT), 2, ("37 of the 39 weights",)),
        Step(train("base.csv", "model.checkpoint={here}/half", *MARBERT), 2, ("16 of the 39 weights",)),
        Step(train("base.csv", "model.checkpoint={here}/shape", *MARBERT), 2, ("37 are of another shape",)),
    ]),
    "csv-semicolon": Case([
        Step(train("semi.csv"), 0, (SEMICOLON, "dataset.options.delimiter")),
        Step(train("sepline.csv"), 0, ("the delimiter is ';', as its first line says",)),
        Step(train("tab.csv"), 0, ("the delimiter looks like a tab",)),
        Step(["data", "new", "semi.csv"], 0, (SEMICOLON, "--delimiter", "delimiter: ';'|delimiter: \";\"")),
    ]),
    "data-new-encoding": Case([
        Step(["data", "new", "win1256.csv", "--encoding", "windows-1256"], 0, ("encoding: .windows-1256",)),
        Step(["data", "new", "win1256.csv", "--name", "guessed"], 0, ("looks like windows-1256", "--encoding NAME")),
    ]),
    "data-new-name": Case([
        *(Step(["data", "new", "base.csv", "--name", name], 2, ("--name my_",))
          for name in ("قاعدة", "a b", "a/b", "../../evil", "ans_stance")),
    ], nothing_is_left),
    "export-copy-traceback": Case([
        Step(train("{here}/base.csv", tracked=True)),
        Step(["export", "best:base", "ex"], 1, ("naba: ", "ex.unfinished|File too large"), (), {}, 3000),
    ], nothing_is_left, marks=(pytest.mark.slow,)),
    "figure-clipped": Case([
        Step(["train", "dataset=file", "dataset.path=arlab.csv", NB, "evaluation.resamples=20"]),
    ], the_figure_is_whole, marks=(pytest.mark.slow,)),
    "headerless": Case([
        Step(train("headerless.tsv"), 2, ("without a header line", "--no-header")),
        Step(train(*HEADERLESS, "dataset.options.header=false"), 0, ("labels .*OBJ",)),
        Step(["check", "file", "--no-header", *(f"dataset.path={each}" if at == 0 else each
                                                 for at, each in enumerate(HEADERLESS))], (0, 1), ("60 rows",)),
    ]),
    "home-percent-hash": Case([
        *(Step(train("{here}/base.csv", tracked=True), environment={"NABA_HOME": f"{{here}}/{name}"})
          for name in ("x#1", "pct%20x")),
        Step(train("{here}/base.csv", tracked=True), (0, 2), (),
             environment={"NABA_HOME": "{here}/x?1"}),
    ], all_below_the_home, marks=(pytest.mark.slow,)),
    "html-entities": Case([
        Step(["check", "file", "dataset.path=entities.csv"], (0, 1), ("HTML entities or tags in 60 of 60 rows",)),
    ], entities_stay),
    "html-one-missing": Case([
        Step(train("{here}/base.csv", tracked=True)),
        Step(["train", "dataset=synthetic_stance", NB, "tracking.log_model=true", *FAST]),
        Step(["rm", "base.csv"]),
        Step(["compare", "--html", "all.html", "--resamples", "50"], 0, ("wrote all.html", "no texts, examples")),
        Step(["export", "best:base", "ex"], 0, ("not compared",)),
        Step(["predict", "ex", "--example", "نص"]),
    ], marks=(pytest.mark.slow,)),
    "html-truncated": Case([
        Step(train("{here}/base.csv", tracked=True)),
        Step(["compare", "--html", "board.html", "--resamples", "50"], (1, 2), ("board.html",), (), {}, 3000),
    ], the_old_board_stays, an_old_board, marks=(pytest.mark.slow,)),
    "label-empty": Case([
        Step(train("halfempty.csv"), 2, ("row 2, line 3: there is no label", "30 rows have this problem",
                                         "drop_unlabelled")),
        Step(train("halfempty.csv", "dataset.drop_unlabelled=true"), 0, ("30 of 60 rows have no label",)),
    ]),
    "label-merge": Case([Step(train("merge.csv"), 0, (r"مع = label_1 \(|مع = ", r"label_2 \(", r"label_3 \("))]),
    "label-minus-one": Case([
        Step(train("minus.csv", tracked=True), 0, (r"= id\): -1 \(20\), 0 \(20\), 1 \(20\)",), ("is not kept",)),
        Step(["predict", "tfidf_nb minus stratified seed 0", "todo.csv", "-o", "out.csv"]),
    ], minus_one_stays),
    "model-mode-0600": Case([
        Step(train("{here}/base.csv", tracked=True), environment={"NABA_HOME": "{here}/shared"}),
        Step(["export", "best:base", "ex"], environment={"NABA_HOME": "{here}/shared"}),
    ], readable_by_all, marks=(pytest.mark.slow,)),
    "moved-home": Case([
        Step(train("{here}/base.csv", tracked=True), environment={"NABA_HOME": "{here}/a"}),
        Step(["mv", "a", "b"]),
        *(Step(typed, environment={"NABA_HOME": "{here}/b"}) for typed in (
            ["compare", "--resamples", "50"], ["show", "tfidf_nb base stratified seed 0"],
            ["predict", "best:base", "base.csv", "-o", "out.csv", "--prefix", "p_"], ["export", "best:base", "ex"],
        )),
    ], the_old_home_stays_away, marks=(pytest.mark.slow,)),
    "number-thousands-decimal": Case([], numbers_with_thousands),
    "number-words": Case([], numbers_in_words),
    "own-yaml-shadowed": Case([
        Step(["train", "model=tfidf_logreg", "--cfg", "job"], 0, (r"C: 99\.0", "takes the place of naba's own")),
    ], own_yaml_counts),
    "password-in-uri": Case([
        Step(train("base.csv", "tracking.uri=http://admin:PASSWORD@127.0.0.1:9", tracked=True), (1, 2), (),
             ("PASSWORD",), {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "2"}),
    ], no_password, marks=(pytest.mark.slow,)),
    "predict-semicolon": Case([
        Step(train("{here}/base.csv", tracked=True)),
        Step(["predict", "best:base", "q_semi.csv", "-o", "out.csv"], 0, (SEMICOLON, "--delimiter"), ("text;id",)),
        Step(["predict", "best:base", "q_1256.csv", "-o", "out2.csv"], 0, ("looks like windows-1256", "--encoding")),
    ], ids_are_no_part_of_the_text),
    "reproduce-cwd": Case([
        Step(train("minus.csv", tracked=True)),
        Step(["cd", "/"]),
        Step(["reproduce", "tfidf_nb minus stratified seed 0"], 0, ("equal",), ("no such file",)),
    ]),
    "same-file-name": Case([
        Step(train("A/data.csv", tracked=True)),
        Step(train("B/data.csv", tracked=True)),
        Step(["compare", "--resamples", "50"], 0, (r"data \(A\): macro_f1", r"data \(B\): macro_f1")),
        Step(["compare", "--resamples", "50", "dataset=data"], 0, (r"data \(A\): macro_f1", r"data \(B\): macro_f1")),
    ]),
    "score-argmax": Case([
        Step(["score", "p_arg.csv", "dataset=ans_stance"], 2, ("are not the most probable ones",)),
    ], marks=(pytest.mark.mirror,)),
    "score-hint": Case([
        Step(["score", "p_upper.csv", "dataset=ans_stance"], 2, ("did you mean 'ID'", "--id COLUMN"),
             ("dataset.columns",)),
        Step(["score", "p_upper.csv", "dataset=ans_stance", "--id", "ID", "--label", "Label"], (0, 2), (),
             ("unknown column",)),
        Step(["score", "p_semi.csv", "dataset=ans_stance"], (0, 2), (SEMICOLON,), ("dataset.columns",)),
    ], marks=(pytest.mark.mirror,)),
    "serve-inputs-columns": Case([], named_columns_are_served),
    "sqlite-locked": Case([
        Step(train("{here}/base.csv", tracked=True)),
        Step(["compare", "--resamples", "50"], (0, 2), (), ("is not an MLflow store", "move it away"),
             inside=locked_store),
    ], marks=(pytest.mark.slow,)),
    "stdout-encoding": Case([
        Step(["train", "--help"], environment={"PYTHONIOENCODING": "cp1252"}),
        Step(["list", "datasets"], environment={"PYTHONIOENCODING": "iso-8859-6"}),
        Step(train("base.csv", tracked=True), environment={"PYTHONIOENCODING": "cp1252"}),
        Step(["compare", "--resamples", "50"], environment={"PYTHONIOENCODING": "cp1252"}),
    ], marks=(pytest.mark.slow,)),
    "tab-delimiter": Case([Step(train("tab.csv", r"dataset.options.delimiter='\t'"), 0)]),
    "utf16-no-bom": Case([Step(train("utf16nobom.csv"), 0, ("looks like utf-16-le", "dataset.options.encoding"))]),
    "xlsx-dimension": Case([], all_rows_of_the_workbook),
}  # fmt: skip


def test_each_folder_is_a_case() -> None:
    assert sorted(CASES) == sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


SHELL: dict[str, Callable[..., Any]] = {"cd": os.chdir, "mv": os.rename, "rm": os.remove}


def in_a_process(step: Step, typed: list[str], here: Path) -> tuple[int, str]:
    def limited() -> None:
        if step.largest:
            # Python ignores the signal, so a write beyond the limit is an OSError, as on a full disk.
            resource.setrlimit(resource.RLIMIT_FSIZE, (step.largest, step.largest))

    given = {name: value.replace("{here}", str(here)) for name, value in step.environment.items()}
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-m", "naba.cli", *typed], env=os.environ | given, capture_output=True,
        check=False, preexec_fn=limited, timeout=600,
    )  # fmt: skip
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


@pytest.mark.parametrize("name", [pytest.param(name, marks=case.marks) for name, case in CASES.items()])
def test_a_case_is_right(
    name: str,
    tmp_path: Path,
    store: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    here = Path(shutil.copytree(FOLDER / name, tmp_path / name))
    if not (here / "base.csv").is_file():
        shutil.copy(BASE, here / "base.csv")
    monkeypatch.chdir(here)
    case = CASES[name]
    if pytest.mark.mirror in case.marks:
        monkeypatch.setenv("NABA_MIRROR", str(request.getfixturevalue("mirror")))
    if case.before is not None:
        case.before(here)
    for step in case.steps:
        typed = [part.replace("{here}", str(here)) for part in step.typed]
        if typed[0] in SHELL:
            SHELL[typed[0]](*typed[1:])
            continue
        with step.inside():
            if step.environment or step.largest:
                code, printed = in_a_process(step, typed, here)
            else:
                code = cli.main(typed)
                printed = "".join(capfd.readouterr())
        flat = " ".join(printed.split())
        assert code in (step.code if isinstance(step.code, tuple) else (step.code,)), printed
        assert not [said for said in step.said if not re.search(said, flat)], printed
        assert not [said for said in ("Traceback", *step.never) if re.search(said, flat)], printed
    if case.after is not None:
        case.after(here)
