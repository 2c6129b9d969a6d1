"""From a result to what is written down about it: a list of log items that a tracker performs in one batch."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from naba import config, machine
from naba.config.builders import ABOUT
from naba.config.schema import EvaluationConfig, SplitConfig
from naba.experiment.job import split_part
from naba.tracking.facts import Figure, File, Input, Item, Metric, Model, Param, Table, Tag, Text, score_metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from naba.config.schema import TrainConfig
    from naba.data.checks.findings import Report
    from naba.evaluation.slices import Slice
    from naba.experiment.job import Job, Result, Section
    from naba.models.classifier import Classifier
    from naba.tracking.facts import Facts

SLICE_RESAMPLES = 500
PREVIEWED = 200
"""Predictions that can be read in MLflow's UI."""
SECTION_TAGS = ("naba.evaluation", "naba.sections", "naba.primary_metrics")
"""Tags that say what a run was scored on."""


def opening(job: Job) -> list[Item]:
    """What is known before a training: choices, tags and the configuration, so that a failed run has them too."""
    return [*_params(job.settings), *_tags(job.facts), Text("config.yaml", _yaml(job.plain))]


def items(result: Result) -> list[Item]:
    """All that is written down about a result beside its `opening`, in the order in which it is written."""
    page, settings = summary(result), result.job.settings
    found: list[Item] = [*_metrics(result), *_tags(result.facts)]
    found += [Tag("mlflow.note.content", page), Text("summary.md", page)]
    drawn = settings.tracking.figures
    for section in result.sections.values():
        found += _section_items(section, settings.evaluation.worst_errors, result.model if drawn else None)
    if drawn:
        found += [*class_features(result), *_figures(result)]
    if result.model is not None:
        found += [Text(f"model/{name}", text) for name, text in result.model.documents().items()]
    found.append(Input(result.job.dataset, "train" if result.model is not None else "test"))
    if result.kept and result.model is not None:
        found.append(Model(result.model, classifier_description(result, result.model)))
    return found + (check_items(result.checked) if result.checked is not None else [])


def further_items(job: Job, sections: Sequence[Section], facts: Facts) -> list[Item]:
    """What is added to a finished run for sections it was scored on later: their scores, tables and predictions.

    Args:
        facts: of the run; its tags then name these sections too.
    """
    found: list[Item] = []
    for section in sections:
        found += [Metric(name, value) for name, value in score_metrics(section.name, section.scores).items()]
        found.append(Metric(f"{section.name}/rows", len(section.predictions)))
        found += _section_items(section, job.settings.evaluation.worst_errors, None)
    also = tuple(dict.fromkeys([*facts.scoring.also, *job.scoring.also]))
    primary = {**facts.primary, **{section.name: section.primary_metric for section in sections}}
    changed = replace(facts, scoring=replace(facts.scoring, also=also), primary=primary)
    return found + [tag for tag in _tags(changed) if tag.name in SECTION_TAGS]


def _figures(result: Result) -> Iterator[Item]:
    from naba.evaluation.calibration import coverage_risk_plot, reliability_diagram
    from naba.evaluation.plots import confusion_matrix

    for name, section in result.sections.items():
        figure = confusion_matrix(section.predictions, section.display_names, f"{result.job.name}\n{name}")
        yield Figure(f"figures/{name}_confusion.png", figure)
    main = result.main
    title = f"{result.job.name}\n{main.name}"
    yield Figure("figures/reliability.png", reliability_diagram(main.predictions, title))
    curve = [(config.model_name(result.job.settings.model), main.predictions)]
    yield Figure("figures/coverage_risk.png", coverage_risk_plot(curve, title))


def _params(settings: TrainConfig) -> Iterator[Param]:
    yield Param("dataset", settings.dataset.name)
    yield Param("model", config.model_name(settings.model))
    yield Param("split", settings.split.name)
    yield Param("normalisation", str(settings.normalisation.get("name", "")))
    yield Param("seed", str(settings.seed))
    if part := split_part(settings.split):
        yield Param("part", part)
    for key, value in settings.model.items():
        if key not in ABOUT:
            yield Param(f"model.{key}", str(value))
    for group, chosen, usual in (
        ("split", asdict(settings.split), asdict(SplitConfig())),
        ("evaluation", asdict(settings.evaluation), asdict(EvaluationConfig())),
    ):
        for key, value in chosen.items():
            if value != usual[key] and key not in {"name", *config.PARTS_OF_A_SPLIT}:
                yield Param(f"{group}.{key}", str(value))
    stored = str(settings.normalisation.get("name", ""))
    usual = config.section("normalisation", stored) if stored in config.names("normalisation") else {}
    for key, value in settings.normalisation.items():
        if usual and usual.get(key) != value:
            yield Param(f"normalisation.{key}", str(value))


def _tags(facts: Facts) -> Iterator[Tag]:
    yield from (Tag(name, value) for name, value in facts.to_tags().items())


def _metrics(result: Result) -> Iterator[Metric]:
    for section in result.sections.values():
        yield from (Metric(name, value) for name, value in score_metrics(section.name, section.scores).items())
        yield Metric(f"{section.name}/rows", len(section.predictions))
    for phase, seconds in result.job.watch.seconds.items():
        yield Metric(f"time/{phase}_seconds", seconds)
    for split, rows in result.rows.items():
        yield Metric(f"data/{split}_rows", rows)
    if result.model is not None:
        yield from (Metric(f"cost/{name}", value) for name, value in result.model.costs().items())


def curves(history: Iterable[Mapping[str, Any]]) -> list[Item]:
    """The numbers of some epochs."""
    return [
        Metric(f"epoch/{name}", float(value), int(entry.get("epoch", 0)))
        for entry in history
        for name, value in entry.items()
        if name != "epoch" and isinstance(value, (int, float))
    ]


def _section_items(section: Section, worst: int, model: Any) -> Iterator[Item]:
    from naba.evaluation.calibration import brier_score, expected_calibration_error
    from naba.evaluation.slices import slice_scores

    predictions, name = section.predictions, section.name
    yield File(f"predictions/{name}.parquet", predictions.to_parquet)
    # MLflow's UI shows no Parquet.
    yield Text(f"predictions/{name}_first_{PREVIEWED}.csv", preview(section))
    yield Table(f"tables/{name}_confusion.json", predictions.confusion_table(section.display_names))
    yield Table(f"tables/{name}_scores.json", score_table(section))
    slices = slice_scores(predictions, section.columns, section.primary_metric, SLICE_RESAMPLES)
    yield Table(f"tables/{name}_slices.json", slice_frame(slices))
    yield Metric(f"{name}/calibration_error_equal_mass_10_bins", expected_calibration_error(predictions))
    yield Metric(f"{name}/brier_score", brier_score(predictions))
    for outcome, share in predictions.outcome_shares().items():
        yield Metric(f"{name}/share_{outcome}", share)
    if worst:
        yield Table(f"tables/{name}_worst_errors.json", worst_errors(section, model, worst))


def preview(section: Section) -> str:
    """The first predictions of a section with their texts, as CSV."""
    found, rows = section.predictions, section.rows.head(PREVIEWED)
    first = slice(len(rows))
    table = rows[["text", "target"]].assign(gold=found.gold[first], predicted=found.predicted[first])
    table.insert(0, "id", found.ids[first])
    shares = found.probabilities[first].max(axis=1)
    return str(table.assign(probability=shares.round(4)).to_csv(index=False, lineterminator="\n"))


def worst_errors(section: Section, model: Any, count: int) -> pd.DataFrame:
    """The most confident errors, and, where the model can tell, the features that decided each."""
    table = section.predictions.worst_errors(count, section.rows)
    # Token attributions of an encoder take seconds a row: `naba show RUN --example ID` makes them when asked for.
    if model is None or not len(table) or model.explained_by != "features":
        return table
    if not set(table["predicted"]) <= set(model.classes_.tolist()):
        return table  # labels carried into another scheme are not the model's own
    rows = table[["text", "target"]].astype(object)
    from naba.models.explain import explain

    found = explain(model, rows, table["predicted"].tolist(), top=5)
    table["because"] = ["; ".join(f"{name} {weight:+.2f}" for name, weight in one.contributions) for one in found]
    return table


def class_features(result: Result) -> list[Item]:
    """For each label the features that spoke for it most, over the rows the run is judged by."""
    import pandas as pd

    model = result.model
    if model is None or model.explained_by != "features":
        return []
    from naba.models.explain import explain_classes

    found = explain_classes(model, result.main.rows, top=20, predicted=result.main.predictions.predicted)
    rows = [
        (label, rank, name, weight)
        for label, one in found.items()
        for rank, (name, weight) in enumerate(one.contributions, start=1)
    ]
    table = pd.DataFrame(rows, columns=["label", "rank", "feature", "contribution"])
    return [Table("tables/features_by_class.json", table)]


def slice_frame(slices: Sequence[Slice]) -> pd.DataFrame:
    """Slices as plain values, the worst first."""
    import pandas as pd

    names = ["column", "value", "metric", "score", "low", "high", "rows", "share", "to_all", "small"]
    rows = [
        (one.column, one.value, one.score.name, one.score.value, one.score.low, one.score.high, one.score.n, one.share,
         one.gap, one.small)
        for one in slices
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def check_items(checked: Report) -> list[Item]:
    """The data checks that ran before the training: a page and JSON."""
    content = json.dumps(checked.to_dict(), ensure_ascii=False, indent=1)
    return [Text("data_checks.html", checked.to_html()), Text("data_checks.json", content)]


def score_table(section: Section) -> pd.DataFrame:
    """Each metric of a section with its interval: columns metric, value, low, high, rows."""
    import pandas as pd

    rows = [(score.name, score.value, score.low, score.high, score.n) for score in section.scores]
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "rows"])


def classifier_description(result: Result, model: Classifier) -> dict[str, Any]:
    """What a saved classifier must know to be used without this run: task, labels, input, normalisation, origin."""
    settings = result.job.settings
    return {
        "task": settings.dataset.task,
        "dataset": settings.dataset.name,
        "label_source": settings.dataset.label_source,
        "licence": settings.dataset.licence,
        "model": config.model_name(settings.model),
        "labels": {label: result.job.dataset.display_names.get(label, label) for label in result.job.dataset.labels},
        "input": ["text", "target"] if settings.dataset.pair else ["text"],
        # A language model reads texts as they are.
        "normalisation": None if model.remote else dict(settings.normalisation),
        "probabilities": model.probability_kind_,
        "identity": result.job.identity.run,
        "seed": settings.seed,
        "versions": dict(result.job.facts.versions),
        "primary_metric": settings.dataset.primary_metric,
        "rows": {section.name: len(section.predictions) for section in result.sections.values()},
        "provenance": {
            "fingerprint": result.job.dataset.fingerprint,
            "split": settings.split.name,
            "rows": dict(result.rows),
            "seconds": {phase: round(seconds, 3) for phase, seconds in result.job.watch.seconds.items()},
            "command": result.job.facts.command,
            "revision": machine.revision()[0],
            "hardware": dict(machine.hardware()),
        },
        "metrics": {
            f"{section.name}/{score.name}": [score.value, score.low, score.high]
            for section in result.sections.values()
            for score in section.scores
        },
    }


def _yaml(config: Mapping[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(dict(config), allow_unicode=True, sort_keys=False, width=110))


def summary(result: Result) -> str:
    """The run as a Markdown page: scores with intervals, per-class table, warnings, how to do it again."""
    settings, dataset = result.job.settings, result.job.dataset
    lines = [f"**{settings.model['name']}** on **{dataset.name}**, seed {settings.seed}", ""]
    for section in result.sections.values():
        primary = section.primary
        lines.append(
            f"- {section.name}: {primary.name} {primary.value:.3f} "
            f"[{primary.low:.3f}, {primary.high:.3f}], {primary.n} rows"
        )
    lines.append(f"\nIntervals cover {100 * settings.evaluation.confidence:g} %.")
    lines += ["", *_class_table(result.main, dataset.display_names), ""]
    if settings.dataset.label_source == "language_model":
        lines += ["Labels were given by language models; no person has checked them.", ""]
    lines += [f"Probabilities: {result.model.probability_kind_ if result.model is not None else 'model'}.", ""]
    if result.warnings:
        lines += ["Warnings:", "", *(f"- {warning}" for warning in result.warnings), ""]
    lines += ["Do it again:", "", f"    {result.job.facts.command}", ""]
    if result.kept:
        lines += ["Export it (RUN is this run's id):", "", "    naba export RUN my_classifier", ""]
    return "\n".join(lines)


def _class_table(section: Section, display_names: Mapping[str, str]) -> list[str]:
    values = {score.name: score.value for score in section.scores}
    lines = [f"| {section.name} | | precision | recall | f1 | rows |", "|---|---|---|---|---|---|"]
    for label, count in zip(section.predictions.labels, section.predictions.confusion().sum(axis=1), strict=True):
        cells = " | ".join(
            f"{values.get(f'{kind}_{label}', float('nan')):.3f}" for kind in ("precision", "recall", "f1")
        )
        lines.append(f"| {label} | {display_names.get(label, '')} | {cells} | {count} |")
    return lines
