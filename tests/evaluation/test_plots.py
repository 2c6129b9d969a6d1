import io

import matplotlib.pyplot as plt
import numpy as np

from naba.evaluation.plots import confusion_matrix, save
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
    save(figure, tmp_path / "confusion.png")
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
