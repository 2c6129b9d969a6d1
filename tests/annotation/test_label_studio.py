"""Label Studio: what it imported and exported (version 1.23, run for tests/data/annotation) is read back."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from naba.annotation import answers, label_studio
from naba.annotation.project import Project, read
from naba.errors import Problems

FILES = Path(__file__).parents[1] / "data" / "annotation"
CYCLE = ["agree", "disagree", "discuss", "unrelated"]


@pytest.mark.parametrize("name", ["label_studio.json", "label_studio_min.json"])
def test_both_exports_of_a_real_project_hold_what_was_labelled(name: str) -> None:
    project = read(FILES)
    found = answers.read([FILES / name], project)
    assert found.people == ("annotator 1",)
    # Ten tasks were answered in order; the tenth answer was skipped, and skipped ones are not exported.
    assert [(one.id, one.label) for one in found.given] == [
        (row.id, CYCLE[place % 4]) for place, row in enumerate(project.rows[:9])
    ]
    assert [one.comment for one in found.given[:3]] == ["", "", "غير واضح"]
    assert {one.seconds for one in found.given} == {3.5}


def test_the_configuration_is_right_to_left_and_answers_ids(project: Project) -> None:
    root = ET.fromstring(label_studio.config(project))
    choices = root.findall(".//Choice")
    assert {choice.get("alias"): choice.get("value") for choice in choices} == dict(project.labels)
    assert [choice.get("hotkey") for choice in choices] == ["1", "2", "3", "4"]
    style = root.find("Style")
    assert style is not None
    assert "direction: rtl" in (style.text or "")
    assert {text.get("value") for text in root.findall(".//Text")} == {"$text", "$target"}
    tasks = label_studio.tasks(project)
    assert tasks[0]["data"]["naba_project"] == project.id
    assert tasks[0]["predictions"][0]["result"][0]["value"] == {"choices": ["agree"]}
    # What a row is labelled in its data set is for nobody to see.
    assert all(set(task["data"]) == {"naba_id", "naba_project", "text", "target"} for task in tasks)


def changed(tmp_path: Path, change) -> Path:
    content = json.loads((FILES / "label_studio.json").read_text(encoding="utf-8"))
    change(content)
    path = tmp_path / "export.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_people_are_told_apart_and_skipped_answers_left_out(tmp_path: Path) -> None:
    def change(content):
        first = content[0]["annotations"]
        first.append(first[0] | {"completed_by": {"id": 2, "email": "b@desk.example"}})
        content[1]["annotations"][0]["was_cancelled"] = True

    found = answers.read([changed(tmp_path, change)], read(FILES))
    assert found.people == ("annotator 1", "b@desk.example")
    assert len(found.given) == 9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c[0]["annotations"][0]["result"][0]["value"]["choices"].append("agree"), "has 2 labels"),
        (lambda c: c[0]["annotations"].append(c[0]["annotations"][0] | {"result": [
            {"from_name": "label", "value": {"choices": ["discuss"]}}]}), "annotator 1 gave two answers to"),
        (lambda c: c[0]["data"].pop("naba_id"), "expected a file saved by the page"),
        (lambda c: c[0].update(annotations=3), "not as Label Studio exports it"),
        (lambda c: c.clear(), "it holds no tasks"),
        (lambda c: [task["annotations"].clear() for task in c], "it holds no answers"),
        (lambda c: c[0]["annotations"][0]["result"][0]["value"].update(choices=["تأييد"]), "unknown label 'تأييد'"),
    ],
)  # fmt: skip
def test_bad_exports_get_one_message(change, message, tmp_path: Path) -> None:
    with pytest.raises(Problems) as error:
        answers.read([changed(tmp_path, change)], read(FILES))
    assert len(error.value.problems) == 1
    assert message in error.value.problems[0]
