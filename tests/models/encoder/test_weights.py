"""Checkpoints that are not what they should be: one message, and no training from weights that were made up."""

import copy
import json
import re
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

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


def changed(checkpoint, folder, **content):
    """A copy of a checkpoint with other content in some files; None for a file that is gone."""
    shutil.copytree(checkpoint, folder)
    for name, text in content.items():
        path = folder / f"{name}.json"
        path.unlink() if text is None else path.write_text(text, encoding="utf-8")
    return str(folder)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"tokenizer": None, "tokenizer_config": None}, r"its tokenizer has 5 tokens, its model \d{2,}"),
        ({"tokenizer": POINTER}, r"tokenizer\.json is a Git LFS pointer"),
        ({"config": POINTER}, r"config\.json is a Git LFS pointer"),
        ({"config": '{"model_type": '}, "is not a valid JSON file"),
    ],
)
def test_a_checkpoint_without_its_tokenizer_or_configuration_is_refused(content, said, checkpoint, tmp_path):
    with pytest.raises(UserError, match=said):
        load_pretrained(changed(checkpoint, tmp_path / "bert", **content), ["a", "b"])


def test_a_tokenizer_of_another_model_is_refused(checkpoint, tokenizer, tmp_path):
    other = copy.deepcopy(tokenizer)
    other.add_tokens([f"كلمة{number}" for number in range(20)])
    folder = changed(checkpoint, tmp_path / "bert")
    other.save_pretrained(folder)
    with pytest.raises(UserError, match=f"its tokenizer has {len(other)} tokens, its model {len(tokenizer)}"):
        load_pretrained(folder, ["a", "b"])


def test_weights_that_are_no_numbers_are_refused_before_training(checkpoint, tmp_path):
    folder = changed(checkpoint, tmp_path / "bert")
    file = Path(folder) / "model.safetensors"
    weights = load_file(file)
    next(value for name, value in weights.items() if "query.weight" in name)[0, 0] = float("nan")
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"the weights .*query\.weight are not finite"):
        load_pretrained(folder, ["a", "b"])


def test_code_of_a_checkpoint_is_neither_run_nor_asked_for(checkpoint, tmp_path, capfd):
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "theirs", "auto_map": {"AutoConfig": "theirs.C", "AutoModel": "theirs.M"}}
    folder = changed(checkpoint, tmp_path / "bert", config=json.dumps(config))
    (Path(folder) / "theirs.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n", encoding="utf-8")
    with pytest.raises(UserError, match="is no encoder that transformers can load"):
        load_pretrained(folder, ["a", "b"])
    assert "Do you wish" not in capfd.readouterr().out
    assert not (tmp_path / "ran").exists()


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
