"""Runs and what follows from them: `train`, `load_run`, `compare`, `score`, `metrics`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import tracking
from naba.api.data import dataset_choice, written
from naba.config.overrides import value_text
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from naba.data.dataset import Dataset
    from naba.evaluation.bootstrap import Score
    from naba.evaluation.leaderboard import Board
    from naba.tracking import Run

FILTERS = ("model", "task", "trained_on", "section", "pool")


def train(dataset: str | Path | Dataset, model: str, seed: int = 0, **overrides: Any) -> Run:
    """Train and evaluate a classifier, or find the finished run that did; the same run as `naba train` leaves.

    >>> import naba
    >>> run = naba.train("synthetic_stance", "tfidf_nb", seed=1, model__alpha=0.1, evaluation__resamples=100)
    >>> run.facts.model, run.sections
    ('tfidf_nb', ('validation', 'test'))
    >>> run.id == naba.train("synthetic_stance", "tfidf_nb", seed=1, model__alpha=0.1, evaluation__resamples=100).id
    True

    Args:
        dataset: a name, a path, or what `load_dataset` gave.
        model: a name of `naba list models`.
        seed: of everything that draws.
        overrides: what the command takes, `__` for a dot: `model__C=0.5` is `model.C=0.5`; `normalisation="light"`,
            `split="kfold"`, `split__fold=2`, `dataset__columns={"text": "headline"}`, `force=True`.
    Returns:
        `Run`: `.scores("test")` (metric -> value with its interval), `.predictions("test")`, `.facts`, `.command`.
    Raises:
        naba.UserError: all that is wrong with the configuration at once, before anything is trained.
    """
    from naba.config.overrides import compose, plan
    from naba.experiment.run import run

    arguments = [*dataset_choice(dataset), f"model={model}", f"seed={value_text(seed)}", *written(overrides)]
    planned = plan(arguments, multirun=False).overrides
    composed = compose(planned)
    if composed.tracking.name == "off":
        raise UserError("train gives a tracked run, so tracking='off' is not for it", "naba train … tracking=off")
    return tracking.find(run(composed, planned).run, composed.tracking.uri)


def load_run(name: str, uri: str | None = None) -> Run:
    """A tracked run.

    >>> import naba
    >>> trained = naba.train("synthetic_stance", "majority", evaluation__resamples=100)
    >>> naba.load_run(trained.id[:12]).name
    'majority synthetic_stance seed 0'

    Args:
        name: an id, the beginning of one, a run's name, `best:ans_stance` or `models:/stance@champion`.
        uri: the MLflow store; naba's own if None.
    Raises:
        naba.UserError: there is no such run, or there are several; some are listed.
    """
    if name.startswith(("best:", "models:/")):
        from naba.export.run import find_run

        return find_run(name, uri)
    return tracking.find(name, uri)


def compare(
    dataset: str | None = None,
    *,
    metric: str | None = None,
    baseline: str = "majority",
    resamples: int = 2_000,
    uri: str | None = None,
    trials: bool = False,
    **filters: str,
) -> Board:
    """The board of the finished runs that were scored on one data set, seeds grouped into cells, best cell first.

    >>> import naba
    >>> for name in ("majority", "tfidf_nb"):
    ...     run = naba.train("synthetic_stance", name, evaluation__resamples=100)
    >>> board = naba.compare("synthetic_stance", resamples=200)
    >>> board.frame()["model"].tolist()
    ['tfidf_nb', 'majority']

    Args:
        dataset: what was scored; may be left out where all runs were scored on one.
        metric: the data set's primary metric if None.
        baseline: the model that others are compared with.
        resamples: bootstrap draws.
        uri: the MLflow store; naba's own if None.
        trials: on test rows, also runs that were trials of `naba tune`.
        filters: `model`, `task`, `trained_on`, `section="validation"`, `pool="no_weights"`; `model="a,b"` for either.
    Returns:
        `Board`: `.frame()` (a table of pandas, every number in full), `.html()` (one page with an error browser).
    Raises:
        naba.UserError: there are no such runs; an unknown filter; several data sets were scored and none was named.
    """
    from naba.evaluation.leaderboard import leaderboards
    from naba.evaluation.pools import pool_of
    from naba.experiment.comparison import scored_datasets, selected_runs

    if unknown := sorted(set(filters) - set(FILTERS)):
        raise UserError(unknown_name("filter", unknown[0], FILTERS))
    pool = pool_of([filters.pop("pool", "")])
    wanted = {**({"dataset": dataset} if dataset else {}), **filters}
    runs = selected_runs(uri, wanted, trials=trials)
    boards = leaderboards(runs, metric, baseline=baseline, resamples=resamples, pool=pool)
    if len(boards) != 1:
        raise UserError(f"these runs were scored on {', '.join(scored_datasets(runs))}", "name one: compare(dataset=…)")
    return boards[0]


def score(
    predictions: str | Path | pd.DataFrame, dataset: str | Path | Dataset, split: str = "test", **overrides: Any
) -> Mapping[str, Score]:
    """Score what any other system predicted, as a model of naba's would be scored.

    >>> import naba
    >>> import pandas as pd
    >>> dataset = naba.load_dataset("synthetic_stance")
    >>> rows = dataset.indices("test")
    >>> answers = pd.DataFrame({"id": dataset.ids(rows), "label": "agree"})
    >>> round(naba.score(answers, dataset)["accuracy"].value, 2)
    0.25

    Args:
        predictions: a file, or a table with the columns `id` and `label`, and `probability_<label>` for each label
            where it has them. Every row of the split is to be there once.
        dataset: what `load_dataset` gave, or takes.
        split: `test` or `validation`.
        overrides: `evaluation__metrics=[…]`, `split="kfold"`, `seed=1`.
    Returns:
        Metric -> `Score(name, value, low, high, n)`: value and 95 % interval in the metric's unit, n rows.
    Raises:
        naba.UserError: ids are missing, unknown or given twice, a label is unknown, probabilities do not sum to 1.
    """
    import tempfile

    from naba.config.overrides import plan
    from naba.evaluation.outside import PredictionsFile
    from naba.experiment import outside

    planned = plan([*dataset_choice(dataset), *written(overrides)], multirun=False).overrides
    with tempfile.TemporaryDirectory() as folder:
        if not isinstance(predictions, (str, Path)):
            file = Path(folder) / "predictions.parquet"
            predictions.astype({name: str for name in ("id", "label") if name in predictions}).to_parquet(file)
            predictions = file
        result = outside.score(PredictionsFile(Path(predictions)), planned, split)
    return {one.name: one for one in result.sections[split].scores}


def metrics(gold: Sequence[str], predicted: Sequence[str], *names: str) -> dict[str, float]:
    """Metrics of answers, by naba's one definition of each name.

    >>> import naba
    >>> naba.metrics(["agree", "disagree", "agree"], ["agree", "agree", "agree"], "macro_f1", "f1_agree")
    {'macro_f1': 0.4, 'f1_agree': 0.8}

    Args:
        gold: (n,) label ids.
        predicted: (n,) label ids.
        names: of `naba list metrics`; macro_f1, accuracy and the F1 of each label if none are given.
    Returns:
        Name -> value, nan where it is not defined.
    Raises:
        naba.UserError: lengths differ, or there is no such metric, or it needs probabilities or targets.
    """
    import numpy as np

    from naba.evaluation.metrics import metric

    if len(gold) != len(predicted) or not len(gold):
        raise UserError(f"{len(gold)} gold labels and {len(predicted)} answers: expected as many, and at least one")
    labels = sorted({*map(str, gold), *map(str, predicted)})
    place = {label: row for row, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(counts, ([place[str(one)] for one in gold], [place[str(one)] for one in predicted]), 1)
    found = {}
    for name in names or ("macro_f1", "accuracy", *(f"f1_{label}" for label in labels)):
        chosen = metric(name, labels)
        if chosen.needs != "confusion":
            raise UserError(f"'{name}' is no metric of labels alone", "naba.score takes ids and probabilities")
        found[name] = float(chosen.function(counts, labels))
    return found
