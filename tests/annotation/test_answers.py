"""Reading what people saved: nothing is lost, and each bad file gets one message."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

from naba import cli
from naba.annotation import answers, resolve
from naba.data.dataset import load_named
from naba.errors import Problems

if TYPE_CHECKING:
    from pathlib import Path

    from naba.annotation.project import Project


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def broken(path: Path, kind: str) -> Path:
    text = path.read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    first = content["answers"][0]
    if kind == "half":
        path.write_text(text[: len(text) // 2], encoding="utf-8")
        return path
    if kind == "empty":
        path.write_text("", encoding="utf-8")
        return path
    changes: dict[str, Any] = {
        "ids": {"answers": [first | {"id": "r000"}]},
        "label": {"answers": [first | {"label": "agrees"}]},
        "none": {"answers": []},
        "project": {"project": "1234"},
        "nobody": {"person": " "},
        "twice": {"answers": [first, first | {"label": "disagree"}]},
        "keys": {"naba": "something"},
        "object": {"answers": {"r00": "agree"}},
        "strings": {"answers": ["r00"]},
        "seconds": {"answers": [first | {"seconds": "long"}]},
        "unlabelled": {"answers": [{"id": "r00"}]},
    }
    path.write_text(json.dumps(content | changes[kind], ensure_ascii=False), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("half", "half written, or no JSON (line 1"),
        ("empty", "the browser saved nothing"),
        ("none", "it holds no answers (12 rows are to be labelled)"),
        ("ids", "1 of its 1 ids are not in the project: 'r000'; did you mean 'r00'?"),
        (
            "label",
            "unknown label 'agrees'; did you mean 'agree'? (valid: agree, disagree, discuss, unrelated), for id 'r00'",
        ),
        ("project", "it answers another project (1234); this one is 00ff00ff00ff00ff (small)"),
        ("nobody", "it does not say who labelled"),
        ("twice", "سارة gave two answers to 'r00' (agree, disagree)"),
        ("keys", "it holds the keys naba, format, project, person, rows"),
        ("object", "its answers are an object; expected a list, as the page saves it"),
        ("strings", "answer 1 holds 'r00'; expected id and label"),
        ("seconds", "answer 1: seconds is 'long'; expected a number"),
        ("unlabelled", "answer 1 holds the keys id; expected id and label"),
    ],
)
def test_each_bad_file_gets_one_message(kind, message, save, folder, capsys) -> None:
    good = save("good.json", "عمر", {"r00": "agree"})
    bad = broken(save("bad.json", "سارة", {"r00": "agree", "r01": "agree"}), kind)
    before = sorted(folder.rglob("*"))
    assert cli.main(["annotate", "read", str(good), str(bad), "--project", str(folder)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert str(bad) in error
    assert "the answers have 1 problem:" in error
    assert sorted(folder.rglob("*")) == before


def test_all_bad_files_are_told_at_once(save, project: Project, tmp_path: Path) -> None:
    files = [broken(save(f"{kind}.json", "سارة", {"r00": "agree"}), kind) for kind in ("half", "ids", "label")]
    with pytest.raises(Problems) as error:
        answers.read([*files, tmp_path / "absent.json"], project)
    assert len(error.value.problems) == 4
    assert "there is no such file" in error.value.problems[3]


def test_who_saves_twice_counts_once_and_two_answers_are_a_question(save, project: Project) -> None:
    early = save("early.json", "سارة", {"r00": "agree"})
    late = save("late.json", "سارة", {"r00": "agree", "r01": "discuss"})
    assert len(answers.read([early, late], project).given) == 2
    other = save("other.json", "سارة", {"r01": "agree"})
    with pytest.raises(
        Problems, match=r"late.json and .*other.json: سارة gave two answers to 'r01' \(discuss, agree\)"
    ):
        answers.read([late, other], project)


def test_no_remark_is_lost(save, project: Project, folder: Path) -> None:
    def said(name: str, *given: tuple[str, str, str]) -> Path:
        return save(
            name, "سارة", {}, answers=[{"id": row, "label": label, "comment": remark} for row, label, remark in given]
        )

    early = said("early.json", ("r00", "", "لا أعرف"), ("r01", "agree", "سهل"), ("r02", "", "غير واضح"))
    late = said("late.json", ("r00", "discuss", ""), ("r01", "agree", "راجعته"))
    found = answers.read([early, late], project)
    assert [(one.id, one.label, one.comment) for one in found.given] == [
        ("r00", "discuss", "لا أعرف"), ("r01", "agree", "سهل / راجعته"), ("r02", "", "غير واضح"),
    ]  # fmt: skip
    assert (found.codes >= 0).sum() == 2
    assert [one.way for one in resolve.decide(found)[:3]] == ["one person", "one person", "unanswered"]
    resolve.write(found, resolve.decide(found), folder)
    assert rows(folder / "answers.csv")[2]["comment"] == "غير واضح"
    with pytest.raises(Problems, match="it holds no answers"):
        answers.read([said("none.json", ("r02", "", "غير واضح"))], project)


def test_labels_are_decided_by_majority_and_the_rest_goes_to_an_adjudicator(
    save, folder: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = [
        save("a.json", "ا", {"r00": "agree", "r01": "agree", "r02": "agree", "r03": "discuss"}),
        save("b.json", "ب", {"r00": "agree", "r01": "agree", "r02": "disagree"}),
        save("c.json", "ج", {"r00": "agree", "r01": "discuss", "r02": "discuss"}),
    ]
    command = ["annotate", "read", *map(str, files), "--project", str(folder)]
    assert cli.main(command) == 0
    assert "Krippendorff's α" in capsys.readouterr().out
    decided = {row["id"]: (row["label"], row["decided_by"]) for row in rows(folder / "labels.csv")}
    assert decided == {"r00": ("agree", "unanimous"), "r01": ("agree", "majority"), "r02": ("", "open"),
                       "r03": ("discuss", "one person")}  # fmt: skip
    assert len(rows(folder / "answers.csv")) == 10
    assert [(row["id"], row["ا"], row["ب"], row["ج"]) for row in rows(folder / "adjudicate.csv")] == [
        ("r01", "agree", "agree", "discuss"), ("r02", "agree", "disagree", "discuss"),
    ]  # fmt: skip
    second = json.loads((folder / "adjudication" / "project.json").read_text(encoding="utf-8"))
    assert [row["id"] for row in second["rows"]] == ["r01", "r02"]
    # The adjudicator may be one of the three: what is said in the second round is another answer.
    decision = save("d.json", "ا", {"r02": "disagree", "r01": "agree"}, project=second["id"])
    assert cli.main([*command, str(decision), "--name", "people", "--html", "people.html"]) == 0
    decided = {row["id"]: (row["label"], row["decided_by"]) for row in rows(folder / "labels.csv")}
    assert decided["r02"] == ("disagree", "adjudicator")
    dataset = load_named("people")
    assert dataset.column_values("label").tolist() == ["agree", "agree", "disagree", "discuss"]
    assert (dataset.label_source, dataset.pair, dataset.task) == ("human", True, "stance")
    assert dataset.column_values("group").tolist() == ["c0", "c0", "c1", "c1"]
    page = (tmp_path / "people.html").read_text(encoding="utf-8")
    assert "People differ on 2 rows" in page
    assert "&lt;b&gt;" in page


def test_nothing_decided_writes_no_data_set(save, project: Project, folder: Path, capsys) -> None:
    files = [save("a.json", "ا", {"r00": "agree"}), save("b.json", "ب", {"r00": "discuss"})]
    command = ["annotate", "read", *map(str, files), "--project", str(folder), "--name", "people"]
    assert cli.main(command) == 2
    assert "no row has a label yet" in capsys.readouterr().err
    assert resolve.decide(answers.read(files, project))[0].way == "open"


def test_no_project_is_said(save, tmp_path: Path, capsys) -> None:
    file = save("a.json", "ا", {"r00": "agree"})
    assert cli.main(["annotate", "read", str(file), "--project", str(tmp_path)]) == 2
    assert "--project DIR names the folder" in capsys.readouterr().err
    (tmp_path / "project.json").write_text('{"naba": "project", "rows": [{"id": 3', encoding="utf-8")
    assert cli.main(["annotate", "read", str(file), "--project", str(tmp_path)]) == 2
    assert "is damaged" in capsys.readouterr().err
