"""`naba tune`: search a model's options.

naba tune dataset=ans_stance model=pair_boosting hours=1
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from naba.cli import console
from naba.cli.arguments import Parser
from naba.errors import UserError, is_interrupt, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naba.experiment.tune import Told
    from naba.experiment.tuned import Tuned

DESCRIPTION = """Search a model's options with Optuna (pip install 'naba[tune]'). The best trial is written as a model's
YAML, and a page shows the history, which options matter, and how optimistic validation is.

  trials=50       of the whole study, pruned ones among them; more of them go on with it
  hours=1         this process starts no trial later
  seeds=3         of each trial that is not pruned after its first
  sampler=tpe     or random
  name=NAME       of the winner: conf/model/NAME.yaml (default: MODEL_tuned)
  study=NAME      and storage=URL (sqlite:///… or postgresql://…): where machines work on one study together
  search.C=…      a range of your own: 'search.C={low: 0.1, high: 10, log: true}', 'search.words=[1, 2]', or null

The objective is the primary metric on validation rows, mean over the seeds; test rows decide nothing. All else is as
for naba train (dataset=, model=, model.words=1, split=, seed=). Every trial is a run of its own (naba ui; tag
naba.tuned_from; on boards with naba compare section=validation). Several processes may give the same command; after
Ctrl-C or a kill the same command goes on."""

NUMBERS = {"trials": int, "hours": float, "seeds": int}
WORDS = ("name", "study", "storage", "sampler")
SAMPLERS = ("tpe", "random")
STUDY = r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,199}"
"""Its page is a file of this name."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba tune`."""
    parser = Parser("tune", DESCRIPTION)
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="dataset=… model=… and what stands above")
    options = parser.parse_args(arguments)
    given, ranges, overrides = _sorted(options.overrides)
    from naba.experiment import tune, tuned

    words = {key: given.pop(key, "") for key in ("name", "study", "storage")}
    wanted = tune.prepare(overrides, ranges, words["study"], words["storage"], **given)
    name = words["name"] or f"{wanted.settings.model['name']}_tuned"
    tuned.place(name)
    spaces = ", ".join(f"{option} {space}" for option, space in wanted.spaces.items())
    print(f"study {wanted.study}: {spaces}")
    try:
        study = tune.run(wanted, _print)
    except BaseException as error:
        if not is_interrupt(error):
            raise
        console.note(f"stopped; the same command goes on with the study {wanted.study}")
        raise KeyboardInterrupt from error
    _print_end(tuned.Tuned(wanted, study), name)
    return 0


def _sorted(arguments: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """The study's settings, ranges of one's own, and what naba train takes."""
    import yaml

    given: dict[str, Any] = {}
    ranges: dict[str, Any] = {}
    overrides: list[str] = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key in NUMBERS:
            given[key] = _number(key, value)
        elif key in WORDS:
            given[key] = value
        elif key.startswith("search."):
            try:
                ranges[key.removeprefix("search.")] = yaml.safe_load(value)
            except yaml.YAMLError as error:
                raise UserError(f"{argument}: {' '.join(str(error).split())}", "naba tune --help") from error
        else:
            overrides.append(argument)
    if "study" in given and not re.fullmatch(STUDY, given["study"]):
        raise UserError(f"study={given['study'][:80]}: a name is made of up to 200 letters, digits, '_', '-' and '.'")
    if given.get("sampler", "tpe") not in SAMPLERS:
        raise UserError(unknown_name("sampler", given["sampler"], SAMPLERS))
    return given, ranges, overrides


def _number(key: str, value: str) -> float:
    try:
        number = NUMBERS[key](value)
    except ValueError:
        number = 0
    if not 0 < number < 1e9:
        raise UserError(f"{key}={value}: expected a {'number' if key == 'hours' else 'whole number'} above 0")
    return number


def _print(told: Told) -> None:
    score = "" if told.value is None else f"{told.value:.3f}"
    options = " ".join(f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}"
                       for key, value in told.options.items())  # fmt: skip
    line = f"trial {told.number:>3}  {told.state:<8} {score:>6}  {told.seconds:6.1f} s  {options}  {told.message}"
    print(line.rstrip(), flush=True)


def _print_end(found: Tuned, name: str) -> None:
    metric = found.wanted.primary
    print(f"best: trial {found.best.number}, {metric} {found.score(found.best):.3f} on validation rows")
    if found.default_score is not None:
        print(f"the model as it was: {found.default_score:.3f}")
    if found.nested is not None:
        nested = found.nested
        print(f"to be expected on other rows: {nested.value:.3f} [{nested.low:.3f}, {nested.high:.3f}]")
    print(f"wrote {found.write(name)}")
    print(f"page: {found.page()}")
    print(f"next, once: naba train dataset={found.wanted.settings.dataset.name} model={name}, naba compare")
