"""What a stress test found, as plain values that are kept as JSON with the run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FORMAT = 1


@dataclass(frozen=True)
class Share:
    """A share of rows with its interval; `count` of `n`."""

    value: float
    low: float
    high: float
    count: int
    n: int


@dataclass(frozen=True)
class Drop:
    """How far a metric falls from clean to perturbed texts, on the same rows (paired); negative where it rises."""

    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Example:
    """A row to read, with its answers and their probabilities before and after."""

    id: str
    text: str
    target: str
    perturbed_text: str
    perturbed_target: str
    gold: str
    before: str
    after: str
    sure_before: float
    sure_after: float


@dataclass(frozen=True)
class Effect:
    """What one perturbation does.

    Attributes:
        name, kind, summary: of the perturber.
        rows: rows that it changes, of all; for the kind `changed`, those with an answer that was right and that the
            change should overturn.
        flips: of these, the share whose answer changes.
        drop: of the metric, over all rows; None for the kind `changed`, after which the gold labels no longer hold.
        survives: what was done to the text first (`nfkc`, `profile`) -> share of the changed texts still different.
        flips_after: the same -> share of answers that still change.
        labels: gold label -> (flips, rows).
        moves: (answer before, answer after, rows), the most frequent first.
        examples: answers that changed (of the kind `changed`: that stayed), the surest first.
    """

    name: str
    kind: str
    summary: str
    rows: int
    flips: Share
    drop: Drop | None
    survives: Mapping[str, float] = field(default_factory=dict)
    flips_after: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    moves: Sequence[tuple[str, str, int]] = ()
    examples: Sequence[Example] = ()


@dataclass(frozen=True)
class StressReport:
    """What a stress test of one run found.

    Attributes:
        run, name, model: which run.
        dataset, section, rows: what was perturbed.
        profile: name and version of the run's normalisation; "" where it has none.
        metric, score: on clean texts.
        side: `text`, `target` or `both`.
        seed: of the perturbations.
        confidence: coverage of the intervals.
        clustered: were whole groups (claims, topics) drawn?
        labels: label -> name for people.
        effects: one for each perturbation that changed a row.
        idle: perturbations that changed none.
        notes: what a reader must know.
    """

    run: str
    name: str
    model: str
    dataset: str
    section: str
    rows: int
    profile: str
    metric: str
    score: float
    side: str
    seed: int
    confidence: float
    clustered: bool
    labels: Mapping[str, str]
    effects: Sequence[Effect]
    idle: Sequence[str] = ()
    notes: Sequence[str] = ()

    def of_kind(self, kind: str) -> list[Effect]:
        """The effects of one kind, in the order of the table."""
        return [effect for effect in self.effects if effect.kind == kind]

    @property
    def verdict(self) -> str:
        """One sentence: does the model hold where the meaning is kept, and does it listen where it is changed?"""
        kept, changed = self.of_kind("kept"), self.of_kind("changed")
        said = []
        if kept:
            worst = max(kept, key=lambda effect: effect.flips.value)
            held = sum(effect.flips.count == 0 for effect in kept)
            said.append(
                f"holds: none of {len(kept)} ways to write the same text changes an answer"
                if held == len(kept)
                else f"does not hold: {len(kept) - held} of {len(kept)} ways to write the same text change answers, at "
                f"worst {worst.name}, {worst.flips.value:.1%} of them"
            )
        if changed:
            stay = 1 - sum(effect.flips.count for effect in changed) / sum(effect.rows for effect in changed)
            said.append(f"where the meaning is changed, {stay:.0%} of right answers stay")
        return "; ".join(said) or "nothing was changed by these perturbations"

    def to_json(self) -> str:
        """As `stress/report.json` of a run has it."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, allow_nan=False)

    @classmethod
    def read(cls, path: Path) -> StressReport:
        """What `to_json` wrote.

        Raises:
            UserError: the file is none, or is damaged.
        """
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if content.pop("format") != FORMAT:
                raise UserError(f"{path} is of another version of naba", "naba stress RUN makes it again")
            effects = [_effect(effect) for effect in content.pop("effects")]
            return cls(effects=effects, **content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path} is no report of naba stress: {error}", "naba stress RUN makes it again") from error


def _effect(content: dict[str, Any]) -> Effect:
    drop = content.pop("drop")
    return Effect(
        flips=Share(**content.pop("flips")),
        drop=None if drop is None else Drop(**drop),
        labels={label: (flips, rows) for label, (flips, rows) in content.pop("labels").items()},
        moves=[(before, after, rows) for before, after, rows in content.pop("moves")],
        examples=[Example(**example) for example in content.pop("examples")],
        **content,
    )
