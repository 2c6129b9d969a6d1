"""A stress test as one self-contained page: verdict, figures, and the answers that changed, with what was changed."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import files
from naba.arabic.perturb import KINDS
from naba.evaluation.stress.tables import notes, percent, share_text
from naba.evaluation.tables import number, p_text, signed

if TYPE_CHECKING:
    from naba.evaluation.stress.report import Effect, Example, StressReport

ASSETS = Path(__file__).parent
SHARED_STYLE = ASSETS.parent / "page" / "page.css"

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
