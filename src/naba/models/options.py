"""Options of the baselines, and of the wrappers round other models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from naba.config.builders import Context, Options, options
from naba.config.schema import Fraction, Text

if TYPE_CHECKING:
    from naba.models.baselines import EchoClassifier, LabelShares
    from naba.models.calibration import Abstaining, Calibrated


@dataclass(frozen=True, kw_only=True)
class Majority(Options, builder="majority"):
    """Always the commonest label of the training part."""

    def build(self, context: Context) -> LabelShares:  # noqa: ARG002
        """See `LabelShares`."""
        from naba.models.baselines import LabelShares

        return LabelShares("majority")


@dataclass(frozen=True, kw_only=True)
class StratifiedRandom(Options, builder="stratified_random"):
    """Labels drawn at random by their shares in the training part."""

    def build(self, context: Context) -> LabelShares:
        """See `LabelShares`."""
        from naba.models.baselines import LabelShares

        return LabelShares("stratified", context.seed)


@dataclass(frozen=True, kw_only=True)
class Echo(Options, builder="echo"):
    """The label whose id stands first in the text, for authors of tests: they know what it will answer."""

    def build(self, context: Context) -> EchoClassifier:  # noqa: ARG002
        """See `EchoClassifier`."""
        from naba.models.baselines import EchoClassifier

        return EchoClassifier()


@dataclass(frozen=True, kw_only=True)
class CalibratedModel(Options, builder="calibrated"):
    """Any model with probabilities corrected on validation rows; its decisions stay what they were.

    Attributes:
        classifier: the model inside, its whole YAML.
        method: `temperature` (Guo et al. 2017) or `isotonic` (Zadrozny & Elkan 2002).
    """

    classifier: dict[Text, Any]
    method: Literal["temperature", "isotonic"] = "temperature"

    def build(self, context: Context) -> Calibrated:
        """See `Calibrated`."""
        from naba.models.calibration import Calibrated

        return Calibrated(options(self.classifier).build(context), self.method)


@dataclass(frozen=True, kw_only=True)
class AbstainingModel(Options, builder="abstaining"):
    """Any model with a threshold below which its answers are withheld.

    Attributes:
        classifier: the model inside, its whole YAML.
        risk: share of errors allowed among the answers given.
        confidence: that the risk is kept on new rows.
        uncounted: labels whose answers the risk leaves out, such as `unrelated` where nearly all is unrelated.
    """

    classifier: dict[Text, Any]
    risk: Fraction = 0.1
    confidence: Fraction = 0.95
    uncounted: tuple[Text, ...] = ()

    def build(self, context: Context) -> Abstaining:
        """See `Abstaining`."""
        from naba.models.calibration import Abstaining

        return Abstaining(options(self.classifier).build(context), self.risk, self.confidence, self.uncounted)

    def content(self) -> dict[str, Any]:
        """See `Options`; without `uncounted` where it is empty, so that runs from before it are found."""
        return {name: value for name, value in super().content().items() if name != "uncounted" or value}
