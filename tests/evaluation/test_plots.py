import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

from naba.evaluation.plots import confusion_matrix
from naba.evaluation.predictions import Predictions

LABELS = ("quantity", "causal", "prediction", "rule", "statement", "event", "opinion", "no_claim")
NAMES = dict(zip(LABELS, ("كمية", "سببية", "توقع", "قاعدة", "تصريح", "حدث", "رأي", "لا ادعاء"), strict=True))


def predictions():
    generator = np.random.default_rng(0)
    names = np.array(LABELS, dtype=object)
    gold, predicted = names[generator.integers(0, 8, 200)], names[generator.integers(0, 8, 200)]
    return Predictions(np.arange(200).astype(str), gold, predicted, np.full((200, 8), 0.125), LABELS)


def test_confusion_matrix_shows_counts_shares_and_arabic_names(tmp_path):
    figure = confusion_matrix(predictions(), NAMES, "نبأ")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()][:8] == list(NAMES.values())
    counts = predictions().confusion()
    assert axes.texts[0].get_text().startswith(f"{counts[0, 0]}\n")
    figure.savefig(tmp_path / "confusion.png")
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_arabic_is_drawn_joined(tmp_path):
    def width(text):
        figure = confusion_matrix(predictions(), {}, text)
        figure.savefig(io.BytesIO())
        return figure.axes[0].title.get_window_extent().width

    # Zero-width non-joiners force the isolated letters of a renderer without shaping; joined ones are narrower.
    assert width("سببية") < 0.8 * width("\u200c".join("سببية"))


def test_figures_leave_no_global_state():
    confusion_matrix(predictions())
    assert plt.get_fignums() == []


@pytest.mark.parametrize("labels", [("مع", "ضد"), ("yes", "no"), ("مع", "ضد", "محايد"), LABELS])
def test_no_word_of_a_figure_is_cut_off(labels):
    """The title of the upright axis was cut at the left edge of a matrix of two or three short labels."""
    names = np.array(labels, dtype=object)
    rows = predictions().take(np.arange(40))
    gold, predicted = names[np.arange(40) % len(labels)], names[np.arange(40) // 2 % len(labels)]
    some = Predictions(rows.ids, gold, predicted, np.full((40, len(labels)), 1 / len(labels)), labels)
    figure = confusion_matrix(some, {}, "test")
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert {"gold (rows)", "predicted", "share of the gold label's rows"} <= {text.get_text() for text in texts}
    for text in texts:
        box = text.get_window_extent()
        assert box.x0 >= 0, text.get_text()
        assert box.y0 >= 0, text.get_text()
        assert box.x1 <= width, text.get_text()
        assert box.y1 <= height, text.get_text()
