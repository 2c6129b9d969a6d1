"""A stress test as tables, and as one self-contained page: verdict, figures, and the answers that changed."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import files
from naba.arabic.perturb import KINDS, PERTURBERS, chosen
from naba.evaluation.tables import Table, counted, number, p_text, signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.evaluation.stress import Effect, Example, Share, StressReport

ASSETS = Path(__file__).parent
SHARED_STYLE = ASSETS.parent / "page" / "page.css"
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


LONGEST = 700
"""Characters of a text in the page; of a longer one, those round the first change."""


def page(report: StressReport) -> str:
    """The page as one string of HTML; it asks no network for anything."""
    kinds = [
        {"name": kind, "about": KINDS[kind], "effects": [_shown(effect) for effect in report.of_kind(kind)]}
        for kind in KINDS
        if report.of_kind(kind)
    ]
    return files.rendered(
        ASSETS / "page.html.jinja",
        report=report,
        score=number(report.score),
        holds=all(effect.flips.count == 0 for effect in report.of_kind("kept")),
        kinds=kinds,
        by_label=[_by_label(effect, report) for effect in report.effects],
        notes=notes(report),
        data=files.in_script(_data(report)),
        css=files.asset(SHARED_STYLE, ASSETS / "page.css"),
        js=files.asset(ASSETS / "page.js"),
    )


def _shown(effect: Effect) -> dict[str, Any]:
    drop = effect.drop
    return {
        "name": effect.name,
        "summary": effect.summary,
        "rows": effect.rows,
        "flips": share_text(effect.flips),
        # Where a flip is wanted, what stays is the fault.
        "fault": round(1 - effect.flips.value if effect.kind == "changed" else effect.flips.value, 4),
        "drop": "" if drop is None else f"{signed(drop.value)} [{signed(drop.low)}, {signed(drop.high)}]",
        "p": "" if drop is None else p_text(drop.p_value),
        "survives": [percent(effect.survives[name]) for name in ("nfkc", "profile")],
        "after": [percent(effect.flips_after[name]) for name in ("nfkc", "profile")],
        "examples": len(effect.examples),
    }


def _by_label(effect: Effect, report: StressReport) -> dict[str, Any]:
    cells = []
    for label in report.labels:
        flips, rows = effect.labels.get(label, (0, 0))
        cells.append(
            {"share": flips / rows if rows else None, "text": percent(flips / rows) if rows else "", "n": rows}
        )
    return {"name": effect.name, "kind": effect.kind, "cells": cells}


def _data(report: StressReport) -> dict[str, Any]:
    examples = [
        {
            "perturbation": effect.name,
            "kind": effect.kind,
            "id": one.id,
            "gold": one.gold,
            "before": one.before,
            "after": one.after,
            "sure": [one.sure_before, one.sure_after],
            **_texts(one),
        }
        for effect in report.effects
        for one in effect.examples
    ]
    return {"names": dict(report.labels), "examples": examples}


def _texts(one: Example) -> dict[str, Any]:
    """Each side as words: [word, was it changed?], before and after."""
    text, perturbed_text = _differences(one.text, one.perturbed_text)
    target, perturbed_target = _differences(one.target, one.perturbed_target)
    same = one.target == one.perturbed_target
    return {
        "text": text,
        "target": target,
        "perturbed_text": perturbed_text,
        "perturbed_target": [] if same else perturbed_target,
    }


def _differences(before: str, after: str) -> tuple[list[list[Any]], list[list[Any]]]:
    first, second = before.split(" "), after.split(" ")
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    kept_first, kept_second = set(), set()
    for block in matcher.get_matching_blocks():
        kept_first |= set(range(block.a, block.a + block.size))
        kept_second |= set(range(block.b, block.b + block.size))
    return _excerpt(first, kept_first), _excerpt(second, kept_second)


def _excerpt(words: list[str], kept: set[int]) -> list[list[Any]]:
    """The words round the first that was changed, as many as fit `LONGEST` characters."""
    changed = next((place for place in range(len(words)) if place not in kept), 0)
    start = 0 if len(" ".join(words[: changed + 1])) < LONGEST else max(0, changed - 20)
    shown: list[list[Any]] = [["…", False]] if start else []
    length = 0
    for place in range(start, len(words)):
        length += len(words[place]) + 1
        if length > LONGEST:
            return [*shown, ["…", False]]
        shown.append([words[place], place not in kept])
    return shown
