"""Figures from predictions. No pyplot: figures are values, and nothing global is touched.

matplotlib 3.11 joins and orders Arabic itself, and DejaVu Sans, which it ships, has the letters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from naba.evaluation.metrics import ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from naba.evaluation.predictions import Predictions

DPI = 120


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of width x height inches that draws with Agg."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def confusion_matrix(
    predictions: Predictions, display_names: Mapping[str, str] | None = None, title: str = ""
) -> Figure:
    """Confusion matrix: counts, and under each the share of its gold label's rows.

    Args:
        display_names: label -> the name to show (Arabic); a label without one is shown as it is.
        title: over the figure.
    """
    counts = predictions.confusion()
    shares = ratio(counts, counts.sum(axis=1, keepdims=True))
    size, width = counts.shape
    names = [(display_names or {}).get(label, label) for label in predictions.labels]
    figure = new_figure(2.6 + 0.85 * width, 1.9 + 0.75 * size)
    axes = figure.add_subplot()
    # Cells fill the axes: constrained layout forgets the axis titles of an image that has to stay square.
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row in range(size):
        for column in range(width):
            axes.text(
                column,
                row,
                f"{counts[row, column]}\n{shares[row, column]:.0%}",
                ha="center",
                va="center",
                fontsize=8.5,
                color="white" if shares[row, column] > 0.55 else "black",
            )
    across = [*names, "no answer"][:width]
    axes.set_xticks(range(width), across, rotation=30 if width > 4 else 0, ha="right" if width > 4 else "center")
    axes.set_yticks(range(size), [f"{name}  ({total})" for name, total in zip(names, counts.sum(axis=1), strict=True)])
    axes.set_xlabel("predicted")
    axes.set_ylabel("gold (rows)")
    axes.set_title(title, fontsize=11)
    _grid(axes, size, width)
    figure.colorbar(image, ax=axes, label="share of the gold label's rows", shrink=0.8)
    return figure


def _grid(axes: Axes, size: int, width: int) -> None:
    axes.set_xticks(np.arange(width + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="0.85", linewidth=0.8)
    axes.tick_params(which="both", length=0)
