"""The curves of a training reach the store while it runs, each point once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from naba.config import overrides
from naba.experiment.run import run as train
from naba.models.encoder import training
from naba.tracking.store import Store

if TYPE_CHECKING:
    from pathlib import Path

TINY = [
    "model=encoder_small", "dataset=synthetic_stance", "split=learning_curve", "split.fraction=0.1",
    "model.architecture.layers=1", "model.architecture.hidden=16", "model.architecture.heads=2",
    "model.architecture.vocabulary=300", "model.reading.max_length=16", "model.training.threads=1",
    "model.training.epochs=3", "model.training.patience=0", "evaluation.resamples=20", "tracking.figures=false",
]  # fmt: skip


def points(status: str) -> list[float]:
    from mlflow.entities import ViewType

    client = Store().client
    experiments = [one.experiment_id for one in client.search_experiments()]
    (found,) = [one for one in client.search_runs(experiments, run_view_type=ViewType.ALL) if one.info.status == status]
    return [point.step for point in client.get_metric_history(found.info.run_id, "epoch/train_loss")]


@pytest.mark.slow
def test_a_killed_run_shows_how_far_it_came(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tell = training.told

    def tell_and_die(history: Any, *rest: Any) -> None:
        tell(history, *rest)
        if len(history) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "told", tell_and_die)
        with pytest.raises(KeyboardInterrupt):
            train(overrides.compose(TINY))
    assert points("KILLED") == [1, 2]
    train(overrides.compose(TINY))
    assert points("FINISHED") == [1, 2, 3], "the epochs of the checkpoint it went on from, too, and none twice"
