"""The model card: metadata that the Hub reads, and what a reader has to know."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from naba import files as paths
from naba.classifier.formats import Format, format_of
from naba.export import card
from naba.export.card import meaning

DATASET = {"title": "ANS, headline stance", "licence": "Apache-2.0", "homepage": "https://example.org/ans",
           "citation": "Khouja 2020", "label_source": "language_model"}  # fmt: skip


def description(**changes: Any) -> dict[str, Any]:
    return {
        "files": {}, "task": "stance", "dataset": "ans_stance", "model": "tfidf_nb", "input": ["text", "target"],
        "labels": {"agree": "تأييد", "disagree": "معارضة"}, "primary_metric": "macro_f1", "rows": {"test": 379},
        "metrics": {"test/accuracy": [0.7, 0.6, 0.8], "test/macro_f1": [0.65, 0.6, None],
                    "test/f1_agree": [0.8, 0.7, 0.9], "test/f1_disagree": [0.5, 0.4, 0.6]},
        "provenance": {"rows": {"train": 10, "test": 379}, "seconds": {"fit": 3.0}, "hardware": {"cores": "2"}},
    } | changes  # fmt: skip


def rendered(content: dict[str, Any], *others: Any) -> str:
    form: Format = format_of(content)
    return card.render(form, content, *others)


def metadata(text: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text.split("---\n")[1]))


def test_metadata_is_what_the_hub_reads() -> None:
    text = rendered(description(), DATASET)
    assert metadata(text)["language"] == ["ar"]
    assert metadata(text)["license"] == "apache-2.0"
    assert ModelCard(text).data.pipeline_tag == "text-classification"
    metrics = metadata(text)["model-index"][0]["results"][0]["metrics"]
    assert [one["type"] for one in metrics] == ["macro_f1", "accuracy"]
    assert metrics[1]["name"] == "accuracy (95% interval 0.600 to 0.800, 379 rows)"
    results = ModelCard(text).data.eval_results
    assert {one.metric_type for one in results or []} == {"macro_f1", "accuracy"}


def test_reader_learns_labels_source_and_failures() -> None:
    slices = [
        {"column": "has negation", "value": "yes", "metric": "macro_f1", "score": 0.4, "to_all": -0.25, "rows": 50,
         "small": False},
        {"column": "topic", "value": "rare", "metric": "macro_f1", "score": 0.1, "to_all": -0.5, "rows": 2,
         "small": True},
    ]  # fmt: skip
    text = rendered(description(), DATASET, slices)
    assert "| `agree` | تأييد | the text says or clearly implies that the claim is true |" in text
    assert "language models; no person has checked them" in text
    assert "weakest label is `disagree`" in text
    assert "has negation = yes: macro_f1 0.400 (-0.250" in text
    assert "rare" not in text
    assert "folder.load(" in text


@pytest.mark.parametrize("licence", ["", "research only", "CC BY-NC-SA 4.0"])
def test_licences_of_the_data_are_not_made_up(licence: str) -> None:
    text = rendered(description(), {**DATASET, "licence": licence})
    assert metadata(text)["license"] == ("cc-by-nc-sa-4.0" if licence.startswith("CC") else "other")
    assert f"Licence of the data: {licence or 'none stated'}" in text


def test_a_run_without_test_rows_claims_no_test_scores() -> None:
    text = rendered(description(metrics={"validation/macro_f1": [0.6, 0.5, 0.7]}, rows={"validation": 40}), DATASET)
    assert "model-index" not in metadata(text)
    assert "validation, 40 rows" in text


def test_every_label_of_every_data_set_has_a_meaning_in_english() -> None:
    unknown = {}
    for path in sorted(paths.shipped("conf").glob("dataset/*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for label in content.get("labels") or {}:
            said = meaning(label, content["task"])
            if len(said.split()) < 3:
                unknown[label] = path.stem
    assert not unknown
    assert meaning("my_own_label", "mine") == "my own label"


def test_text_graphs_say_what_is_left_to_the_reader() -> None:
    profile = {"name": "news"}
    text = rendered(description(kind="onnx", normalisation=profile, input=["text"]), DATASET)
    assert "needs onnxruntime and numpy alone" in text
    assert "In the graph: tokens, n-grams, TF-IDF" in text
    assert "the normalisation profile, then lower case" in text
    assert "text_cased" not in text
    assert "`text_cased` and `target_cased`" in rendered(description(kind="onnx"), DATASET)
    commonest = rendered(description(kind="onnx", model="majority"), DATASET)
    assert "the same answer whatever the text is" in commonest
    assert "TF-IDF" not in commonest


@pytest.mark.parametrize("kind", ["directory", "onnx", "pt2"])
def test_a_calibrated_encoder_says_where_its_probabilities_are_corrected(kind: str) -> None:
    files = {"model.safetensors": {}} if kind == "directory" else {"tokenizer.json": {}}
    calibration = {"method": "temperature", "temperature": 1.4}
    full = description(kind=kind, files=files, calibration=calibration, probabilities="calibrated")
    text = rendered(full, DATASET)
    assert "Its probabilities are those before calibration" in text
    assert "a pair is given as target, then text" in text
    assert ("can run code" in text) == (kind == "pt2")
    assert "before calibration" not in rendered(full | {"calibration": None}, DATASET)
