"""What a test set can show: the smallest difference it detects, and the rows a difference needs."""

from __future__ import annotations

import math


def _quantile(share: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(share))


def smallest_detectable(standard_error: float, power: float = 0.8, significance: float = 0.05) -> float:
    """The smallest true difference that a two-sided test finds with probability `power`.

    (z(1 - significance / 2) + z(power)) x standard error of the difference: 2.8 standard errors at the defaults
    (Bloom 1995, "Minimum detectable effects"; for NLP systems Card et al. 2020, arXiv 2010.06595).

    Args:
        standard_error: of the estimated difference, in the unit of the metric; from the paired bootstrap it already
            knows how far the two systems agree.
    Returns:
        a difference in the unit of the metric.
    """
    return (_quantile(1 - significance / 2) + _quantile(power)) * standard_error


def power_of(difference: float, standard_error: float, significance: float = 0.05) -> float:
    """The probability that a two-sided test finds a true `difference`, by the normal approximation (Bloom 1995)."""
    from scipy.special import ndtr

    if standard_error == 0:
        return 1.0 if difference else significance
    critical, shift = _quantile(1 - significance / 2), abs(difference) / standard_error
    return float(ndtr(shift - critical) + ndtr(-shift - critical))


def rows_needed(
    difference: float, standard_error: float, rows: int, power: float = 0.8, significance: float = 0.05
) -> int | None:
    """Test rows on which a true `difference` would be found with probability `power`.

    The standard error seen on `rows` rows is taken to shrink with their square root.

    Returns:
        a number of rows, or None for no difference at all, which no test set can show.
    """
    if difference == 0:
        return None
    return math.ceil(rows * (smallest_detectable(standard_error, power, significance) / difference) ** 2)
