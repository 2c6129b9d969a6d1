"""Checkpoints that are not what they should be: one message, and no training from weights that were made up."""

import re
from pathlib import Path

import pytest

from naba.errors import UserError
from naba.models.encoder.weights import load_pretrained

CASES = Path(__file__).parents[2] / "data" / "cases"


@pytest.mark.parametrize(
    ("case", "said", "hint"),
    [
        ("checkpoint-wrong-names/prefix", "37 of the 39 weights of the encoder are not in it", "out of a wrapper"),
        ("checkpoint-wrong-names/half", "16 of the 39 weights of the encoder are not in it", "belong together"),
        (
            "checkpoint-wrong-names/shape",
            r"37 are of another shape .*\[32\], config.json says \[48\]",
            "belong together",
        ),
        ("checkpoint-broken/lfs", "is a Git LFS pointer, not the weights", "git lfs pull"),
        ("checkpoint-broken/trunc", "is not whole, 45116 bytes", "download it again"),
        ("checkpoint-broken/bin", "the weights of checkpoint .* cannot be read$", "download it again"),
        ("checkpoint-folder-hints", "holds no checkpoint: it has no config.json", "it needs config.json"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(case, said, hint):
    with pytest.raises(UserError) as refused:
        load_pretrained(str(CASES / case), ["a", "b"])
    assert re.search(said, refused.value.message)
    assert hint in (refused.value.hint or "")


def test_a_folder_that_does_not_exist_is_no_name_on_the_hub():
    with pytest.raises(UserError, match="there is no folder") as refused:
        load_pretrained("/nonexistent/marbert", ["a", "b"])
    assert "hf download" not in str(refused.value)


def test_new_weights_of_the_head_are_named(checkpoint, caplog):
    load_pretrained(str(checkpoint), ["a", "b", "c"])
    assert "classifier.bias, classifier.weight" in caplog.text


def test_a_head_that_fits_is_no_news(checkpoint, caplog):
    load_pretrained(str(checkpoint), ["a", "b"])
    assert not caplog.records
