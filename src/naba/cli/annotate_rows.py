"""What `naba annotate make` chooses from: a data set of the catalogue with its models, or a file with trained ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from naba.cli.arguments import add_reading_options, data_options, reading_options
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    import argparse

    from naba.cli.arguments import Parser
    from naba.data.dataset import Dataset
    from naba.evaluation.metrics import FloatArray

COMMITTEES = {True: ["tfidf_logreg", "pair_linear"], False: ["tfidf_logreg", "tfidf_nb"]}
"""The models asked where none is named, for pairs and for single texts; all but `disagree` ask the first."""


def add_arguments(parser: Parser) -> None:
    """The source, its columns and labels, and the models."""
    parser.add_argument("source", metavar="DATASET|FILE", help="of `naba list datasets`, or a file of texts")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="as for naba train, with a DATASET")
    parser.add_argument("--split", default="train", choices=["train", "validation", "test", "all"], help="of a DATASET")
    parser.add_argument("--model", type=names, default=[], metavar="NAME,…",
                        help="of the catalogue for a DATASET, runs or classifier folders for a FILE")  # fmt: skip
    parser.add_argument("--scheme", metavar="DATASET", help="FILE: the labels and the guideline of this data set")
    parser.add_argument("--labels", type=names, default=[], metavar="NAME,…", help="FILE: labels of your own")
    parser.add_argument("--text", default="text", metavar="COLUMN", help="FILE: of the text (default text)")
    parser.add_argument("--target", metavar="COLUMN", help="FILE: of the claim, for pairs")
    parser.add_argument("--id", metavar="COLUMN", help="FILE: of the id (default: id, where there is one)")
    parser.add_argument("--seed", type=int, default=0)
    add_reading_options(parser)


def rows_of(options: argparse.Namespace) -> tuple[Dataset, list[FloatArray], list[str]]:
    """The rows to choose from, each model's probabilities, and the models' names."""
    from naba.annotation import selection
    from naba.annotation.project import check_labels
    from naba.annotation.selection import STRATEGIES, require_models
    from naba.config import dataset_config

    if options.by not in STRATEGIES:
        raise UserError(f"--by: {unknown_name('way to choose', options.by, STRATEGIES)}")
    if selection.is_dataset(options.source):
        models = options.model
        if not models and options.by not in {"random", "diverse"}:
            models = COMMITTEES[dataset_config(options.source).pair][: 2 if options.by == "disagree" else 1]
        require_models(options.by, len(models))
        if known := dataset_config(options.source).labels:
            check_labels(options.source, known)
        dataset, found = selection.labelled(options.source, models, options.split, options.overrides, options.seed)
        return dataset, found, models
    file = Path(options.source)
    if not file.is_file():
        from naba.data import catalogue

        raise UserError(
            f"{options.source}: no such file, and {unknown_name('dataset', options.source, catalogue.names())}"
        )
    return _of_file(file, options)


def _of_file(file: Path, options: argparse.Namespace) -> tuple[Dataset, list[FloatArray], list[str]]:
    from naba.annotation import selection
    from naba.annotation.project import check_labels
    from naba.annotation.selection import require_models
    from naba.config.schema import ColumnsConfig
    from naba.evaluation.predictions import answers
    from naba.predict.locate import open_classifier

    require_models(options.by, len(options.model))
    if options.by == "suspects":
        raise UserError(
            f"--by suspects doubts labels, and the rows of {file} have none", "name a DATASET of labelled rows"
        )
    opened = [open_classifier(name) for name in options.model]
    labels = selection.Labels.of(options.scheme, options.labels)
    if labels is None and opened:
        about = opened[0].description
        labels = selection.Labels(dict(about["labels"]), about.get("task") or "own")
    if labels is None:
        raise UserError(
            f"{file}: which labels are there to choose among?",
            "--scheme DATASET takes those of a data set, --labels a,b,c names them, --model RUN takes the model's",
        )
    check_labels(str(file), labels.names)
    columns = ColumnsConfig(text=options.text, label=None, target=options.target, id=options.id)
    dataset = selection.of_file(file, columns, labels, data_options(), reading_options(options))
    for name, one in zip(options.model, opened, strict=True):
        if one.pair != dataset.pair:
            needed = "pairs: --target COLUMN names the claim" if one.pair else "single texts: leave --target out"
            raise UserError(f"--model {name} reads {needed}")
    found = [answers(one.model, dataset.frame(range(len(dataset))), dataset.labels, str(file))[1] for one in opened]
    return dataset, found, list(options.model)


def names(text: str) -> list[str]:
    """Names with commas between them, for argparse."""
    return [name.strip() for name in text.split(",") if name.strip()]
