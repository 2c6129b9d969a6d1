"""What docs/how-to/prompted.md shows works as it stands there, and the prompts that are shipped are sound."""

import re
from pathlib import Path

import pytest
import yaml

from naba import config
from naba.evaluation import columns
from naba.models.prompting import prompt

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "prompted.md"
EXAMPLES = dict(re.findall(r"<!-- example: (\w+) -->\n```\w+\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))


def test_the_prompt_of_the_page_is_one():
    found = prompt.checked(yaml.safe_load(EXAMPLES["prompt"]), "of the page")
    form = prompt.Form(found, {"agree": "تأييد", "other": "أخرى"})
    said = form.messages([prompt.Shot("ن", "ا", "other")], "{target}", "ادعاء")
    assert "1 = تأييد: النص يؤيد الادعاء\n2 = أخرى" in said[0]["content"]
    assert said[1:3] == [{"role": "user", "content": "الادعاء: ا\nالنص: ن"}, {"role": "assistant", "content": "2"}]
    assert said[3]["content"] == "الادعاء: ادعاء\nالنص: {target}", "what a text holds is never filled in"


def test_the_column_of_the_page_is_one(monkeypatch):
    monkeypatch.setattr(columns, "COLUMNS", dict(columns.COLUMNS))
    exec(compile(EXAMPLES["column"], str(PAGE), "exec"), {})
    assert "seed_count" in columns.COLUMNS


@pytest.mark.parametrize("path", sorted(prompt.FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_prompt_is_sound(path):
    found = prompt.read(path)
    assert path.stem in {f"{found.task}_{found.language}", "served_by_naba"}
    assert ("{target}" in found.row) == (found.task in {"stance", "stance_target", "entailment", "general"} and
                                         path.stem != "served_by_naba")  # fmt: skip


@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize(
    "name", [name for name in config.names("dataset") if config.section("dataset", name)["labels"]]
)
def test_every_data_set_has_a_prompt_that_names_all_its_labels(name, language):
    dataset = config.dataset_config(name)
    found = prompt.read(prompt.path_of(None, dataset.task, language))
    form = prompt.Form(found, dataset.labels)
    choices = form.choices
    assert set(choices.labels) == set(dataset.labels)
    assert len(set(choices.ids)) == len(choices.ids)
    for label, one in zip(choices.labels, choices.ids, strict=True):
        assert choices.of(one) == label
        assert choices.of(label.casefold()) == label
    assert all(f"{one} = " in form.instruction for one in choices.ids)
    if found.task != "general":
        assert set(dataset.labels) <= set(found.labels), "each label has its meaning"


def test_an_unknown_prompt_is_answered_with_those_there_are():
    with pytest.raises(Exception, match="did you mean 'stance_ar'"):
        prompt.path_of("stance_arr", "stance", "ar")
