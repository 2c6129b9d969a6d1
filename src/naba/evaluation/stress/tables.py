"""Stress tests as tables: one of one run, one that puts runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba.arabic.perturb import KINDS, PERTURBERS, chosen
from naba.evaluation.tables import Table, counted, number, p_text, signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.evaluation.stress.report import Effect, Share, StressReport

SURVIVAL = "survives: texts still different behind NFKC, behind naba's news profile; then the flips that remain there"


def share_text(share: Share) -> str:
    """A share with its interval, in percent: `27.9 [23.1, 32.8]`."""
    return f"{percent(share.value)} [{percent(share.low)}, {percent(share.high)}]"


def percent(value: float) -> str:
    """A share in percent with one digit; 0 only where it is exactly zero."""
    return "0" if value == 0 else number(100 * value, 1)


def stress_tables(report: StressReport) -> list[Table]:
    """One table a kind of perturbation, in the order of the kinds."""
    return [_kind_table(report, kind, report.of_kind(kind)) for kind in KINDS if report.of_kind(kind)]


def _kind_table(report: StressReport, kind: str, effects: Sequence[Effect]) -> Table:
    header = ["perturbation", "rows", "flips %", "survives NFKC", "news", "flips after NFKC", "after news"]
    if kind != "changed":
        header[3:3] = [f"{report.metric} drop", "p"]
    rows = []
    for effect in effects:
        cells = [effect.name, str(effect.rows), share_text(effect.flips)]
        if effect.drop is not None:
            drop = effect.drop
            cells += [f"{signed(drop.value)} [{signed(drop.low)}, {signed(drop.high)}]", p_text(drop.p_value)]
        cells += [percent(effect.survives[name]) for name in ("nfkc", "profile")]
        rows.append(cells + [percent(effect.flips_after[name]) for name in ("nfkc", "profile")])
    return Table(f"{kind}: {KINDS[kind]}", header, rows, numeric=range(1, len(header)))


def label_table(report: StressReport) -> Table:
    """Flips in percent by gold label, a column each."""
    labels = list(report.labels)
    rows = []
    for effect in report.effects:
        cells = [effect.labels.get(label) for label in labels]
        texts = ["" if cell is None else f"{percent(cell[0] / cell[1])} of {cell[1]}" for cell in cells]
        rows.append([effect.name, *texts])
    return Table("flips % by gold label", ["perturbation", *labels], rows, numeric=range(1, len(labels) + 1))


def data_table(reports: Sequence[StressReport]) -> Table:
    """Every figure in full, one line a run and perturbation, for CSV."""
    header = ["run", "model", "dataset", "section", "kind", "perturbation", "rows", "flips", "flips_low", "flips_high"]
    header += ["metric", "drop", "drop_low", "drop_high", "p", "survives_nfkc", "survives_profile", "flips_after_nfkc"]
    header += ["flips_after_profile"]
    rows = []
    for report in reports:
        for effect in report.effects:
            flips, drop = effect.flips, effect.drop
            figures = [flips.value, flips.low, flips.high]
            paired = [drop.value, drop.low, drop.high, drop.p_value] if drop else [""] * 4
            behind = [values[name] for values in (effect.survives, effect.flips_after) for name in ("nfkc", "profile")]
            about = [report.run, report.model, report.dataset, report.section, effect.kind, effect.name, effect.rows]
            rows.append([str(value) for value in (*about, *figures, report.metric, *paired, *behind)])
    return Table("", header, rows)


def notes(report: StressReport) -> list[str]:
    """What a reader of the figures must know."""
    drawn = "whole groups (claims, topics) are drawn" if report.clustered else "rows are drawn"
    said = [
        f"intervals: {report.confidence:.0%}, bootstrap, {drawn}; flips: of the rows that a perturbation changes",
        "drop: the score on clean minus on perturbed texts, all rows, paired; " + SURVIVAL,
    ]
    if report.of_kind("changed"):
        said.append("changed: rows that were answered rightly with a stance; here flips are wanted")
    if report.idle:
        said.append(f"nothing to change in these rows: {', '.join(report.idle)}")
    return [*said, *report.notes]


def side_by_side(groups: Mapping[str, Sequence[StressReport]]) -> Table:
    """Flips of several systems on one data set: one line a perturbation, one column a system, means over seeds.

    Args:
        groups: system -> the reports of its runs.
    """
    reports = [report for group in groups.values() for report in group]
    there = {effect.name for report in reports for effect in report.effects}
    named = [one.name for one in chosen() if one.name in there]
    rows = []
    for name in named:
        cells = [_mean_flips(name, group) for group in groups.values()]
        rows.append([PERTURBERS[name].kind, name, *cells])
    clean = [number(sum(report.score for report in group) / len(group)) for group in groups.values()]
    rows.append(["clean", reports[0].metric, *clean])
    said = [
        f"flips in percent of the rows that a perturbation changes, {reports[0].confidence:.0%} intervals over rows or "
        "groups of one run; kept: must be 0; noise: the fewer the better; changed: the more the better"
    ]
    several = [f"{name} ({counted(len(group), 'run')})" for name, group in groups.items() if len(group) > 1]
    said += [f"means over seeds, without interval: {', '.join(several)}"] if several else []
    if len({(report.seed, report.side, report.rows, report.section) for report in reports}) > 1:
        said.append("not all were perturbed in the same way (seed, side, rows): see naba stress for each")
    title = f"stress: {reports[0].dataset}, {reports[0].section}"
    return Table(title, ["kind", "perturbation", *groups], rows, said, range(2, 2 + len(groups)), keys=2)


def _mean_flips(name: str, group: Sequence[StressReport]) -> str:
    shares = [effect.flips for report in group for effect in report.effects if effect.name == name]
    if not shares:
        return ""
    return share_text(shares[0]) if len(shares) == 1 else percent(sum(one.value for one in shares) / len(shares))
