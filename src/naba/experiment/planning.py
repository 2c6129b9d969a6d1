"""What a training would do and cost, worked out without training or asking anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from naba import config
from naba.config import overrides as command_line
from naba.data import sources
from naba.errors import UserError
from naba.evaluation.prices import prices
from naba.experiment.job import prepare
from naba.experiment.run import build, split_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from omegaconf import DictConfig

    from naba.config.overrides import Plan
    from naba.data.splits import Split
    from naba.experiment.job import Job


@dataclass(frozen=True)
class Planned:
    """A training that was not done.

    Attributes:
        rows: part -> how many.
        costs: see `Classifier.plan`; {} for a model that asks nobody.
        currency: of the money.
    """

    name: str
    rows: Mapping[str, int]
    costs: Mapping[str, float]
    currency: str

    def lines(self) -> list[str]:
        """For a person."""
        found = [f"{self.name}: {', '.join(f'{count:,} {part}' for part, count in self.rows.items())} rows"]
        if not self.costs:
            return [*found, "  asks nobody, and costs this machine's time alone"]
        costs = self.costs
        kept = int(costs["requests"] - costs["asked"])
        found.append(
            f"  would ask {costs['asked']:,.0f} of {costs['requests']:,.0f} requests ({kept:,} answers are kept "
            f"already): about {costs['tokens_in']:,.0f} tokens in, at most {costs['tokens_out']:,.0f} out"
        )
        known = f"  about {costs['money']:.4f} {self.currency}, at most" if "money" in costs else "  no price is known"
        return [*found, known]


def plan(cfg: DictConfig, overrides: Sequence[str] = ()) -> Planned:
    """What the training of a configuration would do: its rows, and what its model would ask.

    Raises:
        UserError: something the user gave is wrong.
    """
    job = prepare(cfg, overrides)
    split = split_of(job)
    dataset = job.dataset
    groups = dataset.column("group", split.train).tolist()
    model = build(job)
    asked = _asked(job, split)
    with sources.fetching(job.settings.data):
        costs = model.plan(dataset.frame(split.train), dataset.gold(split.train), groups, asked)
    rows = {"train": len(split.train), "validation": len(split.validation), "test": len(split.test)}
    inner = job.settings.model.get("classifier", job.settings.model)
    return Planned(job.name, rows, costs, prices(inner.get("prices")).currency)


def _asked(job: Job, split: Split) -> pd.DataFrame:
    """All rows that the model would be asked about."""
    import pandas as pd

    from naba.data.dataset import load

    parts = [(job.dataset, split.validation), (job.dataset, split.test)]
    others = [load(config.dataset_config(name), job.settings.data) for name in job.settings.evaluation.also]
    parts += [(other, other.indices("test")) for other in others]
    frames = [data.frame(rows).assign(group=data.column("group", rows)) for data, rows in parts]
    return pd.concat(frames, ignore_index=True)


def run(asked: Plan) -> int:
    """Print the plan of a training, or of each of a sweep."""
    # Where the jobs would run makes no difference to what they would do.
    plain = [item for item in asked.overrides if not item.lstrip("+").startswith(("hydra/launcher", "hydra.launcher"))]
    jobs = command_line.jobs(plain) if asked.multirun else [plain]
    if jobs is None:
        raise UserError("--dry-run cannot list the jobs of globs, or of Hydra's own settings", "name the choices")
    for one in jobs:
        print("\n".join(plan(asked.composition.of(one)).lines()), flush=True)
    return 0
