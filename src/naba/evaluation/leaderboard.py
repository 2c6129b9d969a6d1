"""From tracked runs to leaderboards: cells of seeds, intervals, paired tests, and which models are truly different.

Pure functions of `TrackedRun`s; where the runs come from is the tracker's matter.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from naba.errors import UserError
from naba.evaluation.bootstrap import Score, interval, share_groups, units_of, value
from naba.evaluation.columns import about_tests, board_notes, board_table, columns_of
from naba.evaluation.metrics import FloatArray, metric
from naba.evaluation.predictions import Predictions
from naba.evaluation.significance import (
    SIGNIFICANCE,
    CellDraws,
    Difference,
    compare_cells,
    holm,
    letters,
    shared_training,
    smallest_detectable,
)  # fmt: skip
from naba.evaluation.tables import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from naba.evaluation.page import Content
    from naba.evaluation.pools import Pool
    from naba.evaluation.predictions import IntArray

NAN = float("nan")


@dataclass(frozen=True)
class TrackedRun:
    """One finished run, as scored on one data set.

    Attributes:
        run_id, identity, cell: which run; equal cells differ in the seed only.
        dataset, task, model, seed: what was trained on what.
        metrics: metric name -> value on `scored_on`, without section or bounds.
        params, tags: as tracked.
        train_seconds, predict_seconds: wall seconds; nan if not known.
        model_bytes: size of the saved model; nan if not known.
        predictions: reads the predictions on `scored_on`; called only when a test or a page needs them.
        scored_on: the data set the metrics are of; "" for the test rows of `dataset`.
        primary_metric: the metric that `scored_on` is judged by.
        part: the fold or held-out value tested on, where the run is one of a cross-validation.
        section: the run's own name for these rows: `test`, `validation` or a further data set.
        curves: name -> (step, value) pairs, such as `validation/macro_f1` by epoch.
        kinds: tags of the model, by which pools are made.
        probabilities: where its probabilities come from; "" if not known.
        rows_per_second, money_per_1000_rows: of predicting; nan if not known.
        content: reads what a page shows of `scored_on`; called only for a page.
    """

    run_id: str
    identity: str
    cell: str
    dataset: str
    task: str
    model: str
    seed: int
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    train_seconds: float
    predict_seconds: float
    model_bytes: float
    predictions: Callable[[], Predictions]
    scored_on: str = ""
    primary_metric: str = "macro_f1"
    section: str = "test"
    part: str = ""
    curves: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    probabilities: str = ""
    rows_per_second: float = NAN
    money_per_1000_rows: float = NAN
    content: Callable[[], Content] | None = None

    @property
    def scored(self) -> str:
        """The data set whose rows were scored."""
        return self.scored_on or self.dataset


@dataclass(frozen=True, eq=False)
class Whole:
    """What one seed said of all its rows, each once.

    Attributes:
        predictions: of a cross-validation those of all its parts, in the order of their ids.
        parts: (n,) the part that each row was tested in, as codes from 0; None for other splits.
    """

    predictions: Predictions
    parts: IntArray | None = None

    def says(self, other: Whole) -> bool:
        """Does the other give the same answers to the same rows, tested in the same parts?"""
        one, two = self.predictions, other.predictions
        if len(one) != len(two) or not bool((one.ids == two.ids).all() and (one.predicted == two.predicted).all()):
            return False
        if one.labels != two.labels or not np.allclose(one.probabilities, two.probabilities, rtol=0, atol=1e-6):
            return False
        return self.parts is None or (other.parts is not None and bool((self.parts == other.parts).all()))


@dataclass(frozen=True)
class Cell:
    """The runs that differ in their seed only, on one scored data set."""

    name: str
    runs: tuple[TrackedRun, ...]

    @cached_property
    def predictions(self) -> list[Predictions]:
        """The predictions of each seed."""
        return [run.predictions() for run in self.runs]

    @cached_property
    def wholes(self) -> list[Whole]:
        """What each seed said of all rows; one for seeds that all say the same, which are no evidence of chance.

        Empty for a cross-validation that cannot be put together: its parts have different seeds, or share rows.
        """
        if not self.folds:
            found = [Whole(one) for one in self.predictions]
        else:
            found = _joined(self.runs, self.predictions, self.parts)
        return found[:1] if all(found[0].says(one) for one in found[1:]) else found

    @property
    def model(self) -> str:
        """The model's name."""
        return self.runs[0].model

    @property
    def kinds(self) -> tuple[str, ...]:
        """The tags of the model."""
        return self.runs[0].kinds

    @property
    def seeds(self) -> tuple[int, ...]:
        """The distinct seeds, in rising order."""
        return tuple(sorted({run.seed for run in self.runs}))

    @property
    def parts(self) -> tuple[str, ...]:
        """The distinct folds or held-out values of a cross-validation; () for other splits."""
        return tuple(dict.fromkeys(run.part for run in self.runs if run.part))

    @property
    def folds(self) -> int:
        """How many parts a cross-validation has; 0 for other splits and for a lone part."""
        return len(self.parts) if len(self.parts) > 1 else 0

    def mean_of(self, attribute: str) -> float:
        """Mean over the seeds of a number such as `train_seconds`."""
        return float(np.mean([getattr(run, attribute) for run in self.runs]))

    def metric_mean(self, name: str) -> float:
        """Mean over the seeds of a tracked metric; nan where a run lacks it."""
        return float(np.mean([run.metrics.get(name, NAN) for run in self.runs]))


@dataclass(frozen=True)
class Row:
    """A line of a leaderboard.

    Attributes:
        cell: the runs.
        score: mean over the seeds, with the interval over examples and seeds; of a cross-validation over its parts.
        spread: standard deviation over the seeds, for a cross-validation over its parts; nan for one, and for seeds
            that all say the same.
        distinct: how many of its seeds say something of their own; 0 for a cross-validation that cannot be joined.
        paired: was it tested against the others? Not if it was scored on other rows.
        ranks: best and worst rank that the tests allow, from 1.
        letters: cells that share a letter cannot be told apart.
        to_best, to_baseline: this cell minus the best, minus the baseline; None for itself.
        p_best, p_baseline: their p-values after Holm's correction over all pairs of the board.
    """

    cell: Cell
    score: Score
    spread: float
    distinct: int
    paired: bool = False
    ranks: tuple[int, int] = (0, 0)
    letters: str = ""
    to_best: Difference | None = None
    to_baseline: Difference | None = None
    p_best: float = NAN
    p_baseline: float = NAN


@dataclass(frozen=True, eq=False)
class Pairs:
    """All pairs of c cells, each array (c, c), row minus column; the diagonals mean nothing.

    Attributes:
        draws: of the cells, in their order.
        p_value: Holm-corrected over the pairs.
        uncorrected: the p-values before that, and
        errors: the standard errors, of the pairs a < b; nan elsewhere.
    """

    draws: CellDraws
    p_value: FloatArray
    uncorrected: FloatArray
    errors: FloatArray

    @classmethod
    def of(cls, draws: CellDraws, tests: tuple[FloatArray, FloatArray] | None = None) -> Pairs:
        """Every two of the cells, tested, and corrected together by Holm's method.

        Args:
            tests: what `CellDraws.all_tests` says of them, where that is known.
        """
        uncorrected, errors = draws.all_tests() if tests is None else tests
        above = np.triu_indices(len(uncorrected), 1)
        p_values = np.full(uncorrected.shape, NAN)
        p_values[above] = holm(uncorrected[above])
        p_values.T[above] = p_values[above]
        return cls(draws, p_values, uncorrected, errors)

    def among(self, places: Sequence[int]) -> Pairs:
        """The pairs of some of the cells, in their order, corrected for their number alone."""
        both = np.ix_(places, places)
        return Pairs.of(self.draws.of(places), (self.uncorrected[both], self.errors[both]))

    @property
    def estimate(self) -> FloatArray:
        """The differences of the means."""
        return self.draws.means[:, None] - self.draws.means

    @property
    def detectable(self) -> FloatArray:
        """The smallest difference that the test of each pair would find significant with 80 % power."""
        return smallest_detectable(1.0) * np.fmax(self.errors, self.errors.T)

    @cached_property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """The 95 % intervals of the differences: their lower and their upper ends."""
        low, high = (np.full(self.p_value.shape, NAN) for _ in range(2))
        for a, b in combinations(range(len(low)), 2):
            one = self.draws.difference(a, b)
            low[a, b], high[a, b], low[b, a], high[b, a] = one.low, one.high, -one.high, -one.low
        return low, high

    def difference(self, a: int, b: int) -> Difference:
        """Cell a minus cell b, with the uncorrected p-value."""
        return self.draws.difference(a, b) if a < b else _flipped(self.draws.difference(b, a))


@dataclass(frozen=True)
class Board:
    """Cells on one scored data set and metric, best first.

    Attributes:
        scored: the data set.
        metric: the metric's name.
        rows: the lines; paired cells first.
        pairs: every two of the paired cells, in the order of `rows`; None if there are none.
        notes: what a reader must know.
        higher_is_better: direction of the metric.
        baseline: the model that the others are also compared with.
    """

    scored: str
    metric: str
    rows: tuple[Row, ...]
    pairs: Pairs | None = None
    notes: tuple[str, ...] = ()
    higher_is_better: bool = True
    baseline: str = "majority"

    @property
    def title(self) -> str:
        """What was scored, and by what."""
        folds = max((row.cell.folds for row in self.rows), default=0)
        return f"{self.scored}{f', {folds} folds' if folds else ''}: {self.metric}"

    @property
    def paired(self) -> tuple[Row, ...]:
        """The rows that were tested against one another."""
        return tuple(row for row in self.rows if row.paired)

    def frame(self) -> pd.DataFrame:
        """One line a cell, best first, every number in full; columns as in `naba compare --csv`."""
        import pandas as pd

        columns = columns_of(self, "csv")
        return pd.DataFrame([{one.key: one.value(row) for one in columns} for row in self.rows])

    def html(self) -> str:
        """One self-contained page with an error browser, as `naba compare --html` writes it.

        Where the files of the data set cannot be had, it is without texts and examples, and says so.
        """
        from naba.evaluation.page import page

        return page([self])

    def __repr__(self) -> str:
        from naba.evaluation.tables import text

        return text(board_table(self))

    def _repr_html_(self) -> str:
        from naba.evaluation.tables import html

        return html(board_table(self))


def _flipped(one: Difference) -> Difference:
    return replace(one, estimate=-one.estimate, low=-one.high, high=-one.low)


def cells_of(runs: Sequence[TrackedRun]) -> list[Cell]:
    """Runs grouped into cells, for each scored data set; a seed that was run twice counts once (the first given).

    The folds (or held-out topics) of a cross-validation are one cell, each standing for itself in its mean.

    A cell is named by its model, its training set where that is not the scored one, and, where several cells would
    have the same name, by the parameters in which they differ.
    """
    grouped: dict[tuple[str, str], dict[tuple[int, str], TrackedRun]] = defaultdict(dict)
    for run in runs:
        grouped[(run.scored, run.cell)].setdefault((run.seed, run.part), run)
    cells = [Cell(_plain_name(found), found) for found in (_by_seed(seeds) for seeds in grouped.values())]
    twins: dict[tuple[str, str], dict[str, Cell]] = defaultdict(dict)
    for cell in cells:
        twins[(cell.model, cell.runs[0].dataset)].setdefault(cell.runs[0].cell, cell)
    return [_named(cell, list(twins[(cell.model, cell.runs[0].dataset)].values())) for cell in cells]


def _named(cell: Cell, twins: Sequence[Cell]) -> Cell:
    return cell if len(twins) == 1 else replace(cell, name=f"{cell.name} {_what_differs(cell, twins)}")


def _by_seed(seeds: Mapping[tuple[int, str], TrackedRun]) -> tuple[TrackedRun, ...]:
    return tuple(seeds[seed] for seed in sorted(seeds))


def _plain_name(runs: Sequence[TrackedRun]) -> str:
    first = runs[0]
    parts = {run.part for run in runs if run.part}
    name = f"{first.model} (only part {first.part})" if len(parts) == 1 else first.model
    return name if first.section in {"test", "validation"} else f"{name} ({first.dataset})"


def _what_differs(cell: Cell, twins: Sequence[Cell]) -> str:
    said = what_differs(cell.runs[0].params, [twin.runs[0].params for twin in twins])
    return said or cell.runs[0].cell[:8]


def what_differs(mine: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> str:
    """The parameters, `key=value`, in which one differs from others; an empty one says no more than a missing one."""
    params, flat = [_flat(one) for one in others], _flat(mine)
    keys = sorted(
        {key for one in params for key in one if key not in {"seed", "part"} and not key.startswith("evaluation.")}
    )
    differing = [key for key in keys if len({one.get(key) for one in params}) > 1]
    return " ".join(f"{key.removeprefix('model.')}={flat[key]}" for key in differing if key in flat)


EMPTY = frozenset({"()", "[]"})
"""Values of parameters that say no more than a missing one."""
_ABOUT = ("description", "accepts", "builder")


def _flat(params: Mapping[str, str]) -> dict[str, str]:
    """Parameters with groups of options taken apart: `model.training.epochs=1` for a dictionary of ten."""
    flat: dict[str, str] = {}
    for key, text in params.items():
        group = None
        if text.startswith("{"):
            # Cut by the store, or no dictionary after all: shown as it is.
            with suppress(ValueError, SyntaxError):
                group = ast.literal_eval(text)
        if isinstance(group, dict):
            flat |= _flat({f"{key}.{name}": str(one) for name, one in group.items() if name not in _ABOUT})
        elif text not in EMPTY:
            flat[key] = text
    return flat


def _joined(runs: Sequence[TrackedRun], predictions: Sequence[Predictions], parts: Sequence[str]) -> list[Whole]:
    """One whole a seed, where every part has every seed and no row is in two parts."""
    of_seed: dict[int, dict[str, Predictions]] = defaultdict(dict)
    for run, one in zip(runs, predictions, strict=True):
        of_seed[run.seed][run.part] = one
    wholes = []
    for folds in of_seed.values():
        chosen = [folds[part] for part in parts if part in folds]
        ids = np.concatenate([one.ids for one in chosen])
        if len(chosen) < len(parts) or len(set(ids)) < len(ids) or len({one.labels for one in chosen}) > 1:
            return []
        order = np.argsort(ids.astype(str), kind="stable")
        groups = [one.groups for one in chosen if one.groups is not None]
        outcomes = [one.outcomes for one in chosen if one.outcomes is not None]
        wholes.append(
            Whole(
                Predictions(
                    ids[order],
                    np.concatenate([one.gold for one in chosen])[order],
                    np.concatenate([one.predicted for one in chosen])[order],
                    np.concatenate([one.probabilities for one in chosen])[order],
                    chosen[0].labels,
                    np.concatenate(groups)[order] if len(groups) == len(chosen) else None,
                    chosen[0].fingerprint,
                    np.concatenate(outcomes)[order] if len(outcomes) == len(chosen) else None,
                ),
                np.repeat(np.arange(len(chosen)), [len(one) for one in chosen])[order],
            )
        )
    return wholes


def leaderboards(
    runs: Sequence[TrackedRun],
    measure: str | None = None,
    baseline: str = "majority",
    resamples: int = 10_000,
    seed: int = 0,
    by_group: bool | None = None,
    pool: Pool | None = None,
) -> list[Board]:
    """One board for each scored data set, in the order of their names, and one for each kind of cross-validation of it.

    Args:
        measure: the metric; each data set's own primary metric if None.
        baseline: the model that every other is also compared with, where it was run.
        by_group: draw whole groups; by default where `bootstrap.share_groups` says so, and the notes say it.
        pool: the systems to compare; ranks, letters and corrections are among them alone, since how many others were
            tried is no concern of somebody who could not use them.
    Raises:
        UserError: there are no runs, the metric is unknown, or no system is in the pool.
    """
    if not runs:
        raise UserError("there are no finished runs to compare", "train some: naba train -m …")
    boards: dict[tuple[str, int], list[Cell]] = defaultdict(list)
    for cell in cells_of(runs):
        boards[(cell.runs[0].scored, cell.folds)].append(cell)
    if pool is not None:
        pool.require([cell for cells in boards.values() for cell in cells])
    found = []
    for key in sorted(boards):
        cells = boards.pop(key)
        chosen = cells if pool is None else [cell for cell in cells if pool.holds(cell)]
        if not chosen:
            continue
        measured = measure or chosen[0].runs[0].primary_metric
        board = leaderboard(chosen, measured, baseline, resamples, seed, by_group)
        # Cells that have not read their predictions: those of thousands of runs do not stay in memory.
        rows = tuple(replace(row, cell=replace(row.cell)) for row in board.rows)
        notes = board.notes if pool is None else (pool.note(board, cells), *board.notes)
        found.append(replace(board, rows=rows, notes=notes))
    return found


def leaderboard(
    cells: Sequence[Cell],
    measure: str,
    baseline: str = "majority",
    resamples: int = 10_000,
    seed: int = 0,
    by_group: bool | None = None,
) -> Board:
    """Cells on one scored data set, best first, with intervals and paired tests.

    Examples are resampled jointly over all cells and seeds within each (`significance.compare_cells`). Every pair is
    tested, and all p-values are corrected together by Holm's method, so letters, ranks and p-values are one family.
    The parts of a cross-validation are put together, each row once, and compared row by row; their scores stay means
    over the parts. Cells on other rows than most (a lone fold, another version of the data) are listed without tests.
    """
    scored = cells[0].runs[0].scored
    item = metric(measure, cells[0].predictions[0].labels)
    paired, alone = ([], list(cells)) if item.needs == "ranking" else _on_the_same_rows(cells)
    notes = board_notes(cells, paired, alone)
    rows = [_alone(cell, measure, resamples, seed) for cell in alone]
    rows.sort(key=lambda row: -row.score.value if item.higher_is_better else row.score.value)
    if not paired:
        return Board(scored, measure, tuple(rows), notes=tuple(notes), higher_is_better=item.higher_is_better)
    first = paired[0].wholes[0].predictions
    grouped = share_groups(first, [item]) if by_group is None else by_group
    draws = _draws(paired, measure, resamples, seed, grouped)
    order = np.argsort(-draws.means if item.higher_is_better else draws.means, kind="stable")
    paired, draws = [paired[place] for place in order], draws.of(order)
    pairs = Pairs.of(draws)
    untested = [
        Row(cell, Score(measure, float(draws.means[place]), *draws.interval(place), draws.rows),
            _spread(_values(cell, measure)), len(cell.wholes), paired=True)
        for place, cell in enumerate(paired)
    ]  # fmt: skip
    best_first = tested(untested, pairs, baseline)
    drawn = ""
    if grouped:
        units = len(np.unique(units_of(first)))
        drawn = "; the bootstrap resamples whole groups" + (f" ({units})" if units < len(first) else "")
    notes.append(f"{counted(draws.rows, 'row')}{drawn}; intervals 95 %" + about_tests(len(paired)))
    return Board(scored, measure, (*best_first, *rows), pairs, tuple(notes), item.higher_is_better, baseline)


def _draws(cells: Sequence[Cell], measure: str, resamples: int, seed: int, grouped: bool) -> CellDraws:
    whole = cells[0].wholes[0]
    parts = None
    if whole.parts is not None:
        parts = [[one.parts for one in cell.wholes if one.parts is not None] for cell in cells]
    predictions = [[one.predictions for one in cell.wholes] for cell in cells]
    return compare_cells(predictions, measure, resamples, seed, grouped, parts)


def _on_the_same_rows(cells: Sequence[Cell]) -> tuple[list[Cell], list[Cell]]:
    signatures = [{_signature(one) for one in cell.wholes} for cell in cells]
    common = Counter(next(iter(found)) for found in signatures if len(found) == 1)
    if not common:
        return [], list(cells)
    most = max(common.values())
    chosen = next(key for found in signatures for key in found if len(found) == 1 and common[key] == most)
    paired = [found == {chosen} for found in signatures]
    return (
        [cell for cell, same in zip(cells, paired, strict=True) if same],
        [cell for cell, same in zip(cells, paired, strict=True) if not same],
    )


def _signature(whole: Whole) -> int:
    one, parts = whole.predictions, 1 if whole.parts is None else int(whole.parts.max()) + 1
    return hash((one.labels, parts, frozenset(zip(one.ids, one.gold, strict=True))))


def tested(rows: Sequence[Row], pairs: Pairs, baseline: str) -> list[Row]:
    """The lines, best first, with what their tests against one another say."""
    p_values = pairs.p_value
    different = p_values < SIGNIFICANCE
    groups = letters(different)
    base = next((place for place, row in enumerate(rows) if row.cell.model == baseline), None)
    found = []
    for place, row in enumerate(rows):
        better, worse = int(different[place, :place].sum()), int(different[place, place + 1 :].sum())
        found.append(
            replace(
                row,
                ranks=(1 + better, len(rows) - worse),
                letters=groups[place],
                to_best=pairs.difference(place, 0) if place else None,
                to_baseline=pairs.difference(place, base) if base is not None and base != place else None,
                p_best=float(p_values[place, 0]),
                p_baseline=float(p_values[place, base]) if base is not None else NAN,
            )
        )
    return found


def _spread(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else NAN


def _values(cell: Cell, measure: str) -> list[float]:
    """The scores that a cell's spread is over: of its parts, each the mean of its seeds, or else of its seeds."""
    if not cell.folds:
        return [value(one.predictions, measure) for one in cell.wholes]
    by_part: dict[str, list[float]] = defaultdict(list)
    for run, one in zip(cell.runs, cell.predictions, strict=True):
        by_part[run.part].append(value(one, measure))
    return [float(np.mean(found)) for found in by_part.values()]


def _alone(cell: Cell, measure: str, resamples: int, seed: int) -> Row:
    values = _values(cell, measure)
    if len(values) == 1:
        one = cell.wholes[0].predictions
        return Row(cell, interval(one, measure, resamples, seed=seed), NAN, len(cell.wholes))
    from scipy.special import stdtrit

    # Rows of its own has each part, or without parts each seed: their spread holds that of the examples too.
    stretch = shared_training(len(values)) if cell.folds else 1.0
    reach = stretch * float(stdtrit(len(values) - 1, 0.975)) * _spread(values) / np.sqrt(len(values))
    mean = float(np.mean(values))
    tested = {name for one in cell.predictions for name in one.ids}
    return Row(cell, Score(measure, mean, mean - reach, mean + reach, len(tested)), _spread(values), len(cell.wholes))
