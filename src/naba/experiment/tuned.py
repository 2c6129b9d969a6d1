"""What a search found: the best trial, as a model's YAML of a few lines, and a page that says how far to believe it."""

from __future__ import annotations

import base64
import copy
import dataclasses
import io
import logging
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import config, files
from naba.config import builders
from naba.errors import UserError
from naba.evaluation.optimism import Nested, nested_estimate
from naba.evaluation.tables import counted
from naba.experiment.tune import RUNS, finished

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure
    from optuna import Study
    from optuna.trial import FrozenTrial

    from naba.experiment.tune import Search

logger = logging.getLogger(__name__)
MARK = "# Found by naba tune"
TEMPLATE = Path(__file__).with_name("tuned.html.jinja")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,79}")


@dataclass(frozen=True)
class Tuned:
    """A study and what follows from it; scores are the primary metric on validation rows, mean over the seeds."""

    wanted: Search
    study: Study

    @cached_property
    def complete(self) -> list[FrozenTrial]:
        """Trials that were scored with all seeds, in their order."""
        return [trial for trial in finished(self.study) if trial.state.name == "COMPLETE"]

    @cached_property
    def best(self) -> FrozenTrial:
        """The best complete trial; of equals the first.

        Raises:
            UserError: no trial is complete.
        """
        if not self.complete:
            raise UserError(f"the study {self.wanted.study} has no complete trial yet", "the same command goes on")
        return max(self.complete, key=lambda trial: (trial.value, -trial.number))

    def score(self, trial: FrozenTrial) -> float:
        """The score as the metric has it: a loss is a loss."""
        return self.wanted.sign * float(trial.value or 0.0)

    @cached_property
    def default_score(self) -> float | None:
        """The score of the model as it was, where it was a trial."""
        defaults = self.wanted.defaults
        return next((self.score(trial) for trial in self.complete if trial.params == defaults), None)

    @cached_property
    def nested(self) -> Nested | None:
        """The score to be expected of the best on rows that did not choose it; None where it cannot be estimated."""
        from naba.tracking import Store

        store = Store(self.wanted.settings.tracking.uri)
        try:
            found = [
                [store.find(run).predictions("validation") for run in trial.user_attrs[RUNS]] for trial in self.complete
            ]
            return nested_estimate(found, self.wanted.primary) if len(found) > 1 else None
        except UserError:
            return None  # runs of the study were deleted, or are in another machine's store

    @cached_property
    def importance(self) -> dict[str, float]:
        """Share of the scores' variance that each option accounts for (fANOVA, Hutter et al. 2014); {} for too few."""
        from optuna.importance import FanovaImportanceEvaluator, get_param_importances

        if len({trial.value for trial in self.complete}) < 3 or len(self.complete) < 5:
            return {}
        return get_param_importances(self.study, evaluator=FanovaImportanceEvaluator(seed=0))

    # --- the YAML -----------------------------------------------------------------------------------------------------

    def yaml(self, name: str) -> str:
        """The best trial as a model's YAML: what differs from the builder's own defaults, and what was searched."""
        import yaml

        wanted, model = self.wanted, copy.deepcopy(self.wanted.settings.model)
        for option, value in self.best.params.items():
            *groups, last = option.split(".")
            section = model
            for group in groups:
                section = section[group]
            section[last] = value
        about = {
            "name": name,
            "accepts": list(model.get("accepts", ["single", "pair"])),
            "description": f"{model['name']} with options tuned on {wanted.settings.dataset.name}",
            "builder": model["builder"],
        }
        tried = "; ".join(f"{option}: {space}" for option, space in wanted.spaces.items())
        lines = [
            f"{MARK} ({wanted.study}, {wanted.sampler}): {counted(len(finished(self.study)), 'trial')} of {tried}.",
            f"# {self._said()}",
        ]
        content = about | _changed(model, builders.options_class(str(model["builder"])))
        return "\n".join(lines) + "\n" + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)

    def _said(self) -> str:
        metric, seeds = self.wanted.primary, self.wanted.seeds
        said = f"{metric} on validation rows, mean of {seeds} seed{'s' if seeds > 1 else ''}: "
        said += f"{self.score(self.best):.3f}"
        if self.default_score is not None:
            said += f", the defaults {self.default_score:.3f}"
        if self.nested is not None:
            nested = self.nested
            said += f"; to be expected on other rows {nested.value:.3f} [{nested.low:.3f}, {nested.high:.3f}]"
        return said + "."

    def write(self, name: str) -> Path:
        """Write the YAML where own models lie; see `place`."""
        path = place(name)
        first = path.read_text(encoding="utf-8").partition("\n")[0] if path.is_file() else ""
        if first and f"({self.wanted.study}," not in first:
            logger.warning(
                "%s takes the place of another winner: %s; name=… keeps both", path, first.removeprefix("# ")
            )
        files.write_text(path, self.yaml(name))
        return path

    # --- the page -----------------------------------------------------------------------------------------------------

    def page(self) -> Path:
        """Write the page: history, importance, the trials, and how optimistic validation is."""
        path = files.home() / "tune" / f"{self.wanted.study}.html"
        files.write_text(path, self.html())
        return path

    def html(self) -> str:
        """The page as one string: no network, no scripts."""
        wanted = self.wanted
        pictures = [_picture(self._history(), "scores of the trials in their order, and the best so far")]
        if self.importance:
            pictures.append(_picture(self._importance(), "share of the variance each option accounts for"))
        optimism = (
            f"The best of {len(self.complete)} complete trials looks {self.nested.optimism:+.3f} better on the rows "
            f"that chose it than it is to be expected on others: {self.nested.value:.3f} "
            f"[{self.nested.low:.3f}, {self.nested.high:.3f}] (bootstrap bias correction, Tsamardinos et al. 2018)."
            if self.nested is not None
            else "How optimistic validation is cannot be estimated from these trials."
        )
        trials = [[str(trial.number), trial.state.name.lower(), *self._cells(trial)] for trial in finished(self.study)]
        return files.rendered(
            TEMPLATE, wanted=wanted, said=self._said(), optimism=optimism, pictures=pictures, trials=trials
        )

    def _cells(self, trial: FrozenTrial) -> list[str]:
        score = f"{self.score(trial):.3f}" if trial.value is not None else ""
        values = (trial.params.get(option, "") for option in self.wanted.spaces)
        return [score, *(f"{one:.3g}" if isinstance(one, float) else str(one) for one in values)]

    def _history(self) -> Figure:
        from naba.evaluation.plots import new_figure

        figure = new_figure(8, 3.2)
        axes = figure.add_subplot()
        numbers = [trial.number for trial in self.complete]
        scores = [self.score(trial) for trial in self.complete]
        best = [self.wanted.sign * max(self.wanted.sign * one for one in scores[: place + 1])
                for place in range(len(scores))]  # fmt: skip
        axes.plot(numbers, scores, "o", markersize=4, label="trial")
        axes.step(numbers, best, where="post", label="best so far")
        if self.default_score is not None:
            axes.axhline(self.default_score, linestyle=":", color="grey", label="defaults")
        axes.set(xlabel="trial", ylabel=self.wanted.primary)
        axes.locator_params(axis="x", integer=True)
        axes.legend()
        return figure

    def _importance(self) -> Figure:
        from naba.evaluation.plots import new_figure

        figure = new_figure(8, 0.6 + 0.4 * len(self.importance))
        axes = figure.add_subplot()
        names = list(self.importance)[::-1]
        axes.barh(names, [self.importance[name] for name in names])
        axes.set(xlabel="share of variance", xlim=(0, 1))
        return figure


def place(name: str) -> Path:
    """Where a model's YAML of one's own is written: the first folder of `NABA_CONF`, or `./conf`.

    Raises:
        UserError: it is no name, or is taken by a model that no search has written.
    """
    if not NAME.fullmatch(name):
        raise UserError(f"name={name}: a model's name is made of letters, digits, '_', '-' and '.'")
    named = os.environ.get("NABA_CONF", "").split(os.pathsep)[0]
    path = Path(named or "conf").expanduser() / "model" / f"{name}.yaml"
    written = path.is_file() and path.read_text(encoding="utf-8").startswith(MARK)
    if not written and (path.exists() or name in config.names("model")):
        raise UserError(f"there is a model '{name}' already", "name=… gives the winner another name")
    files.check_place(path)
    return path


def _changed(model: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """The options that are not the builder's own defaults; groups of options by what differs in them."""
    found: dict[str, Any] = {}
    for one in dataclasses.fields(kind):
        value, usual = model.get(one.name), one.default
        if one.default_factory is not dataclasses.MISSING:
            usual = one.default_factory()
        if dataclasses.is_dataclass(usual) and isinstance(value, dict):
            if inside := _changed(value, type(usual)):
                found[one.name] = inside
        elif usual is dataclasses.MISSING or value != usual:
            found[one.name] = value
    return found


def _picture(figure: Figure, about: str) -> tuple[str, str]:
    """A figure as PNG in base64, and what it shows."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return base64.b64encode(stream.getvalue()).decode(), about
