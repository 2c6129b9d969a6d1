"""`naba promote`: who takes the place of whom, and what is refused before a store is opened."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from naba import cli
from naba.errors import UserError
from naba.evaluation.predictions import Predictions, objects
from naba.evaluation.significance import Difference, paired_bootstrap
from naba.tracking import promotion
from naba.tracking.facts import Facts

LABELS = ("a", "b")


def run(name: str, right: int, primary: dict[str, str] | None = None, rows: int = 200, labels: Any = LABELS) -> Any:
    """A tracked run that answers the first `right` rows rightly."""
    predicted = objects([labels[0] if row < right else labels[1] for row in range(rows)])
    said = Predictions(
        [str(row) for row in range(rows)], objects([labels[0]] * rows), predicted,
        np.array([[float(label == one) for one in labels] for label in predicted]), labels,
    )  # fmt: skip
    return SimpleNamespace(name=name, predictions=lambda: said, facts=Facts(name, primary=primary or {}))


def test_the_new_run_is_measured_against_the_champion_by_its_primary_metric() -> None:
    new, champion = run("new", 150, {"test": "accuracy", "validation": "mcc"}), run("old", 140)
    found = promotion._difference(new, champion)
    assert found == paired_bootstrap(new.predictions(), champion.predictions(), "accuracy")
    assert found.estimate == pytest.approx(0.05)
    assert promotion._difference(run("new", 150), champion).name == "macro_f1"


@pytest.mark.parametrize(
    ("estimate", "p_value", "promoted"),
    [(0.03, 0.0499, True), (0.03, 0.05, False), (0.03, 0.4, False), (-0.03, 0.001, False)],
)
@pytest.mark.parametrize("forced", [False, True])
def test_who_is_not_significantly_better_is_promoted_by_force_alone(
    estimate: float, p_value: float, promoted: bool, forced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Difference("macro_f1", estimate, estimate - 0.02, estimate + 0.02, p_value, 0.01, 0.028, 200)
    monkeypatch.setattr(promotion, "_difference", lambda *_: found)
    arguments = (run("new", 150), run("old", 140), "stance@champion")
    said = f"{estimate:+.3f} [{estimate - 0.02:+.3f}, {estimate + 0.02:+.3f}] macro_f1 against old, p {p_value:.3f}"
    if promoted or forced:
        assert promotion._verdict(*arguments, forced=forced) == f"{said}, 200 rows"
        return
    with pytest.raises(UserError, match="'new' is not significantly better than stance@champion: not promoted"):
        promotion._verdict(*arguments, forced=forced)


def test_runs_on_other_rows_or_labels_are_not_compared_and_promoted_by_force_alone() -> None:
    for champion in (run("old", 140, rows=199), run("old", 140, labels=("a", "c"))):
        with pytest.raises(UserError, match="'stance@champion' is not comparable with old") as refused:
            promotion._verdict(run("new", 150), champion, "stance@champion", forced=False)
        assert "--force REASON" in str(refused.value.hint)
        said = promotion._verdict(run("new", 150), champion, "stance@champion", forced=True)
        assert said.startswith("not comparable with old: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--force", "no"], "--force needs a reason that others can read"),
        (["--force", "  x  "], "--force needs a reason that others can read"),
        (["--alias", "latest"], "MLflow keeps latest, v1, v2"),
        (["--alias", "V12"], "MLflow keeps latest, v1, v2"),
        (["--alias", "a/b"], "--alias"),
        (["--name", "a/b"], "--name"),
        (["--force", "yes", "--alias", "v12b"], "no run"),
        (["--alias", "latest_v1"], "no run"),
    ],
)
def test_names_and_reasons_are_checked_before_the_store_is_read(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["promote", "none", *arguments]) == 2
    assert said in capsys.readouterr().err
