"""Shots that are near by the embeddings of a real, tiny encoder: which they are, and that a folder holds it."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from naba import cli, tracking
from naba.classifier import folder as directory
from naba.config import builders, overrides
from naba.errors import UserError
from naba.experiment import planning
from naba.models import calibrated, embedded, prompted
from naba.models.embeddings import cache
from naba.models.embeddings.features import embeddings
from naba.models.prompting.shots import Shots
from store_copies import copy_store

NAMES = {"rise": "ارتفاع", "fall": "انخفاض"}
PREFIX = "سؤال: "


@pytest.fixture
def pairs(headlines):
    """(X, y, groups): pairs of headlines, two rows with each target."""
    X, y = headlines
    order = np.random.default_rng(0).permutation(len(X))[:60]
    texts = X["text"].to_numpy()[order]
    table = pd.DataFrame({"text": texts, "target": np.repeat(texts[::2], 2)}, dtype=object)
    return table, y[order], table["target"].tolist()


def fitted(server, checkpoint, pairs, **options):
    X, y, groups = pairs
    given = {"language_model": "tiny", "shots": 3, "choose": "nearest", "embeddings": str(checkpoint)} | options
    model = prompted(
        endpoint=server.url, task="stance", label_names=NAMES, pair=True, prefix=PREFIX, retries=1, **given
    )
    return model.fit(X, y, groups=groups)


def unit(checkpoint, texts):
    """Means of the token vectors, by transformers alone."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModel.from_pretrained(checkpoint).eval()
    found = []
    with torch.inference_mode():
        for text in texts:
            read = tokenizer(PREFIX + text, return_tensors="pt", truncation=True, max_length=64)
            mean = model(**read).last_hidden_state[0].mean(dim=0).numpy()
            found.append(mean / np.linalg.norm(mean))
    return np.array(found)


def test_they_are_those_of_the_highest_mean_cosine_of_both_sides(checkpoint, pairs):
    X, y, groups = pairs
    features = embeddings(str(checkpoint), PREFIX, pair=True)
    chosen = Shots(5, "nearest", features).fit(X, y, groups)
    asked = X.iloc[:6].assign(group=groups[:6])
    sides = [unit(checkpoint, X[name]) for name in ("target", "text")]
    near = np.mean([side[:6] @ side.T for side in sides], axis=0)
    for row, shots in enumerate(chosen.of(asked)):
        order = [place for place in np.argsort(-near[row], kind="stable") if groups[place] != groups[row]]
        wanted = X.iloc[order[:5]]
        # What is equally near may stand in another order.
        cosines = [near[row][(X["text"] == one.text) & (X["target"] == one.target)].max() for one in shots[::-1]]
        np.testing.assert_allclose(cosines, near[row][order[:5]], atol=2e-6)
        assert all(one.target != X["target"][row] for one in shots), "never of the row's own group"
        assert (shots[-1].text, shots[-1].target) == tuple(wanted[["text", "target"]].iloc[0]) or cosines[0] > 0.999999
    letters = Shots(5, "nearest").fit(X, y, groups)
    assert letters.of(asked) != chosen.of(asked), "which TF-IDF does not find"


def test_single_texts_have_one_side(checkpoint, headlines):
    X, y = headlines
    chosen = Shots(2, "nearest", embeddings(str(checkpoint), PREFIX, pair=False)).fit(X, y)
    (shots,) = chosen.of(X.iloc[:1])
    near = unit(checkpoint, X["text"])
    near = near @ near[0]
    assert near[X["text"].tolist().index(shots[-1].text)] == pytest.approx(np.sort(near)[-2], abs=2e-6)
    assert chosen.vectors_.shape == (1, len(X), 16)


def test_a_folder_holds_the_encoder_and_asks_the_same(server, checkpoint, pairs, tmp_path):
    shutil.copytree(checkpoint, tmp_path / "weights")
    found = fitted(server, tmp_path / "weights", pairs)
    new = pd.DataFrame({"text": ["تراجع البورصة في لبنان"], "target": ["صعود الصادرات من قطر"]}, dtype=object)
    before = found.answer(new)
    described = {"task": "stance", "dataset": "d", "input": ["text", "target"], "normalisation": None, "labels": NAMES}
    directory.save(found, tmp_path / "model", described)
    about = json.loads((tmp_path / "model" / "endpoint.json").read_text(encoding="utf-8"))
    assert (about["choose"], about["nearest_by"], about["kept_rows"]) == ("nearest", "embeddings", 60)
    asked = len(server.behaviour.seen)
    shutil.rmtree(tmp_path / "weights")
    cache.clear()
    loaded, _ = directory.load(tmp_path / "model")
    assert loaded.answer(new).probabilities.tobytes() == before.probabilities.tobytes()
    assert len(server.behaviour.seen) == asked, "the same examples, so the same request, which is answered already"
    assert cache.usage().vectors <= 2 + 2 * len(directory.PROBES), "candidates are not embedded again"


def test_vectors_that_do_not_fit_the_rows_are_refused(server, checkpoint, pairs, tmp_path):
    found = fitted(server, checkpoint, pairs)
    found.shots_.vectors_ = found.shots_.vectors_[:, :-1]
    with pytest.raises(UserError, match="the examples of the prompt are not as naba writes them"):
        directory.save(found, tmp_path / "model", {"task": "stance", "input": ["text", "target"], "labels": NAMES})


def content(**options):
    return builders.content({"builder": "prompted", "language_model": "tiny", "choose": "nearest", **options})[
        "options"
    ]


def test_weights_count_by_what_is_in_them_and_only_where_they_are_read(checkpoint, tmp_path):
    shutil.copytree(checkpoint, tmp_path / "weights")
    here, there = (content(shots=5, embeddings=str(folder)) for folder in (checkpoint, tmp_path / "weights"))
    assert here == there != content(shots=5)
    assert content(embeddings=str(checkpoint)) == content(), "zero-shot is zero-shot"
    assert not {"embeddings", "prefix"} & set(content(shots=5)), "runs from before there were embeddings are found"
    weights = tmp_path / "weights" / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    assert content(shots=5, embeddings=str(tmp_path / "weights")) != here


@pytest.fixture
def home(empty_store, own_home):
    copy_store(empty_store, own_home)
    return own_home


def given(server, checkpoint, **more):
    options = {"dataset": "synthetic_stance", "model": "prompted", "model.endpoint": server.url,
               "model.language_model": "gpt-4o-mini", "model.shots": 2, "model.choose": "nearest",
               "model.embeddings": checkpoint, "model.at_once": 8, "model.retries": 1, "evaluation.resamples": 50,
               "tracking.figures": "false"} | more  # fmt: skip
    return [f"{key}={value}" for key, value in options.items()]


def test_embeddings_that_nobody_reads_and_weights_that_are_not_there_are_refused_before_anything(
    server, home, checkpoint, capsys, tmp_path
):
    assert cli.main(["train", *given(server, checkpoint, **{"model.choose": "balanced"})]) == 2
    said = capsys.readouterr().err
    assert "model.choose: balanced shots need no embeddings; say nearest" in said
    assert cli.main(["train", *given(server, tmp_path / "nowhere")]) == 2
    said = capsys.readouterr().err
    assert str(tmp_path / "nowhere") in said
    assert "Traceback" not in said
    assert server.behaviour.seen == []
    assert not [run for run in tracking.search(finished=False) if run.status == "FINISHED"]


@pytest.mark.slow
def test_what_is_planned_is_asked_exported_and_reproduced(server, home, checkpoint, capsys, tmp_path):
    shutil.copytree(checkpoint, tmp_path / "weights")
    options = given(server, tmp_path / "weights")
    planned = planning.plan(overrides.compose(options))
    assert server.behaviour.seen == []
    assert cli.main(["train", *options]) == 0
    rows = server.behaviour.rows()
    assert len(rows) == planned.costs["asked"]
    letters = sum(len(one["content"]) for row in rows for one in row["messages"])
    assert planned.costs["tokens_in"] == letters / 2
    assert all([one["role"] for one in row["messages"]].count("assistant") == 2 for row in rows)
    (run,) = tracking.search()
    asked = len(server.behaviour.seen)
    assert cli.main(["reproduce", run.id]) == 0
    assert "byte-equal" in capsys.readouterr().out
    shutil.rmtree(tmp_path / "weights")
    cache.clear()
    assert cli.main(["export", run.id, str(tmp_path / "export")]) == 0
    assert len(server.behaviour.seen) == asked, "neither reproducing nor exporting asks anything"
    loaded, described = directory.load(tmp_path / "export")
    assert loaded.embedder is not None
    assert described["prompted"]["nearest_by"] == "embeddings"
    assert dataclasses.asdict(loaded.shots_.of(pd.DataFrame({"text": ["x"], "target": ["y"]}))[0][0])["label"]


def test_weights_that_no_folder_can_hold_are_said_before_anything_is_asked(server, tokenizer, tmp_path):
    from transformers import Qwen3Config, Qwen3Model

    config = Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8,
    )  # fmt: skip
    Qwen3Model(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    reason = "encoders of type 'qwen3' cannot be saved"
    model = prompted(endpoint=server.url, language_model="tiny", shots=1, choose="nearest", embeddings=str(tmp_path))
    assert directory.why_not_kept(model) == reason
    assert directory.why_not_kept(embedded(checkpoint=str(tmp_path))) == reason
    assert directory.why_not_kept(calibrated(classifier={"builder": "embedded", "checkpoint": str(tmp_path)})) == reason
    assert server.behaviour.seen == []
