"""The model card: README.md with the metadata of the Hugging Face Hub, filled from the run; what labels mean.

The page itself is `card.md.jinja`; here is what it is filled with.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.classifier.formats import Format
    from naba.export.parity import Parity

MEANINGS = {
    # Stance towards a claim: Baly et al. 2018 and AraStance 2021, as the annotation guideline of naba words them.
    "agree": "the text says or clearly implies that the claim is true",
    "disagree": "the text says or clearly implies that the claim is false; another number, date, place or agent for "
    "the same event makes it so",
    "discuss": "the text is about the same matter but takes no side: it reports the claim without vouching for it, "
    "gives both sides, or settles only another part of it",
    "unrelated": "the text is about another matter, even if it shares people, places or words",
    "other": "neither: the two do not bear on each other, or it cannot be told",
    # Stance towards a topic.
    "favor": "for the target",
    "against": "against the target",
    "none": "no stance towards the target",
    # Claim types: what would a fact-checker have to check? After Full Fact (Konstantinovskiy et al. 2018).
    "quantity": "the news is a number, rate, price, rank, record, comparison, rise or fall of what can be measured",
    "causal": "the news is that one thing causes, prevents or explains another",
    "prediction": "the news is what will, may or is planned to happen",
    "rule": "the news is what a law, regulation, treaty or standing agreement allows, forbids, requires or promises",
    "statement": "the news is that somebody said, accused, denied, warned, praised, demanded or promised it",
    "event": "the news is that something happened, or that a state of affairs holds",
    "opinion": "not to be checked: a judgement, interpretation or figure of speech in the writer's own voice",
    "no_claim": "nothing to check: a question, a teaser, a title without a proposition, a fragment, an exhortation",
    # Others.
    "real": "a headline as it was published",
    "fake": "a headline that was changed to say something false",
    "entails": "who reads the first sentence would conclude the second",
    "not_entails": "the second sentence does not follow from the first",
    "OBJ": "objective: the sentence does not show the author's own opinion",
    "SUBJ": "subjective: the sentence shows the author's own opinion",
    "no_not_interesting": "nothing that policy makers should attend to",
    "yes_asks_question": "policy makers should attend to it: it asks a question",
    "yes_blame_authorities": "policy makers should attend to it: it blames the authorities",
    "yes_calls_for_action": "policy makers should attend to it: it calls for action",
    "harmful": "policy makers should attend to it: it is harmful",
    "yes_contains_advice": "policy makers should attend to it: it contains advice",
    "yes_discusses_action_taken": "policy makers should attend to it: it discusses action taken",
    "yes_discusses_cure": "policy makers should attend to it: it discusses a cure",
    "yes_other": "policy makers should attend to it for another reason",
}
"""Label -> its meaning, where the label has one meaning in all data sets."""

OF_TASK = {
    "checkworthiness": {"yes": "a fact-checker should check it", "no": "a fact-checker need not check it"},
    "claim_detection": {
        "yes": "it holds a claim that could be checked",
        "no": "it holds no claim that could be checked",
    },
    "harmfulness": {"yes": "harmful to society", "no": "not harmful to society"},
    "speech": {
        "none": "the sentence reports nobody's words",
        "direct": "it reports somebody's words between quotation marks",
        "indirect": "it reports what somebody said in the writer's words",
        "mixed": "it reports both ways, or with quoted words inside the writer's",
    },
    "persuasion": {"true": "it uses a technique of persuasion", "false": "it uses none"},
}
"""Task -> lower-case label -> its meaning."""
TEMPLATE = Path(__file__).with_name("card.md.jinja")
LICENCES = {
    "apache-2.0": "apache-2.0", "mit": "mit", "cc by 4.0": "cc-by-4.0", "cc-by-4.0": "cc-by-4.0",
    "cc by-nc-sa 4.0": "cc-by-nc-sa-4.0", "cc by-sa 4.0": "cc-by-sa-4.0", "cc by-nc 4.0": "cc-by-nc-4.0",
}  # fmt: skip
"""Licences as data sets name them -> identifiers of the Hub."""
SOURCES = {
    "human": "people",
    "language_model": "language models; no person has checked them",
    "construction": "the way the data set was built (for example, corrupted headlines); nobody read them one by one",
    "unknown": "unknown",
}
PROBABILITIES = {
    "model": "the model's own", "calibrated": "calibrated", "one_hot": "0 and 1 only, no measure of certainty",
    "tokens": "the language model's own, of the first token of its answer", "votes": "shares of repeated answers",
}  # fmt: skip
WORST = 5


def meaning(label: str, task: str = "") -> str:
    """What a label means; where nothing is known of it, its name in words."""
    return OF_TASK.get(task, {}).get(label.lower()) or MEANINGS.get(label) or label.replace("_", " ")


@dataclass(frozen=True)
class Value:
    """A metric with its 95 % interval."""

    name: str
    value: float | None
    low: float | None
    high: float | None


def render(
    form: Format,
    description: Mapping[str, Any],
    dataset: Mapping[str, str],
    slices: Sequence[Mapping[str, Any]] = (),
    parity: Parity | None = None,
) -> str:
    """The model card of an export.

    Args:
        form: its format.
        description: `naba.json`.
        dataset: title, licence, homepage, citation and label_source of the training data, and the part of a
            cross-validation that tested.
        slices: rows of the run's slice table, the worst first.
        parity: the export against its run.
    """
    from huggingface_hub import ModelCardData
    from jinja2 import Environment, StrictUndefined

    # Markdown, which is not escaped as HTML is.
    environment = Environment(autoescape=False, undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701
    environment.filters["number"] = _number
    about = {"title": str(description.get("dataset", "")), "licence": "", "homepage": "", "citation": "", "part": ""}
    about |= {key: value for key, value in dataset.items() if value}
    data = ModelCardData(**_metadata(description, about))
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        card_data=data.to_yaml(),
        parity=parity,
        dataset=about,
        loading="\n".join(form.card(description)),
        **_facts(description, about),
        **_failures(description, slices),
    )


def _metadata(description: Mapping[str, Any], about: Mapping[str, str]) -> dict[str, Any]:
    licence = LICENCES.get(about["licence"].strip().lower())
    encoder = "model.safetensors" in description.get("files", {})
    found: dict[str, Any] = {
        "language": ["ar"],
        "license": licence or "other",
        "license_name": None if licence else "see-training-data",
        "library_name": "transformers" if encoder else "naba",
        "pipeline_tag": "text-classification",
        "tags": ["arabic", "news", "naba", str(description.get("task", ""))],
    }
    results = _results(description, about)
    if results:
        # The Hub takes only names of its own data sets in its other field.
        found["model_name"] = f"{description.get('model', 'model')} {description.get('dataset', '')}".strip()
        found["eval_results"] = results
    return found


def _results(description: Mapping[str, Any], about: Mapping[str, str]) -> list[Any]:
    from huggingface_hub import EvalResult

    rows = description.get("rows", {}).get("test", 0)
    found = []
    for score in _scores(description, "test"):
        if score.value is None:
            continue
        known = score.low is not None and score.high is not None
        interval = f" (95% interval {score.low:.3f} to {score.high:.3f}, {rows} rows)" if known else ""
        result = EvalResult(
            task_type="text-classification",
            task_name=str(description.get("task", "")),
            dataset_type=str(description.get("dataset", "")) or "unknown",
            dataset_name=about["title"] or "unknown",
            dataset_split="test",
            metric_type=score.name,
            metric_name=f"{score.name}{interval}",
            metric_value=round(score.value, 4),
        )
        found.append(result)
    return found


def _scores(description: Mapping[str, Any], section: str) -> list[Value]:
    """The scores over all labels of a section, the primary one first."""
    primary = description.get("primary_metric", "macro_f1")
    single = {f"{kind}_{label}" for kind in ("f1", "precision", "recall") for label in description["labels"]}
    found = [
        Value(name.removeprefix(f"{section}/"), *values)
        for name, values in description.get("metrics", {}).items()
        if name.startswith(f"{section}/")
    ]
    return sorted((one for one in found if one.name not in single), key=lambda one: one.name != primary)


def _facts(description: Mapping[str, Any], about: Mapping[str, str]) -> dict[str, Any]:
    provenance = description.get("provenance", {})
    rows, seconds, hardware = (
        part if isinstance(part := provenance.get(name), dict) else {} for name in ("rows", "seconds", "hardware")
    )
    task = str(description.get("task", ""))
    sections = [
        {"name": name, "rows": count, "scores": scores}
        for name, count in description.get("rows", {}).items()
        if (scores := _scores(description, name))
    ]
    return {
        "model": description.get("model", "a classifier"),
        "task": task or "text classification",
        "pair": "target" in description["input"],
        "abstain": description.get("abstain"),
        "probabilities": PROBABILITIES.get(str(description.get("probabilities")), "unknown"),
        "labels": [
            {"id": label, "arabic": name, "meaning": meaning(label, task)}
            for label, name in description["labels"].items()
        ],
        "label_source": SOURCES.get(about.get("label_source", "unknown"), "unknown"),
        "counts": ", ".join(f"{count} {split}" for split, count in rows.items() if count),
        "split": provenance.get("split"),
        "profile": (description.get("normalisation") or {}).get("name"),
        "normalisation_hash": description.get("normalisation_hash"),
        "results": sections,
        "seconds": float(seconds.get("fit", 0)),
        "machine": ", ".join(f"{key} {value}" for key, value in hardware.items() if key in {"processor", "cores"}),
        "command": provenance.get("command"),
    }


def _failures(description: Mapping[str, Any], slices: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    section = "test" if description.get("rows", {}).get("test") else "validation"
    metrics = description.get("metrics", {})
    weak = [
        (values[0], label)
        for label in description["labels"]
        if (values := metrics.get(f"{section}/f1_{label}")) and values[0] is not None
    ]
    weakest = dict(zip(("value", "label"), min(weak), strict=True)) | {"section": section} if weak else None
    worst = [one for one in slices if not one.get("small") and (one.get("to_all") or 0) <= -0.01][:WORST]
    return {"weakest": weakest, "slices": worst}


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


def slice_rows(table: str) -> list[dict[str, Any]]:
    """The rows of a stored table (`tables/test_slices.json`) as mappings."""
    content = json.loads(table)
    names, rows = content.get("columns", []), content.get("data", [])
    return [dict(zip(names, row, strict=True)) for row in rows]
