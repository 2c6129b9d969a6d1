"""Models over frozen embeddings: what is embedded, remembered, chosen and kept."""

from __future__ import annotations

import json
import pickle
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import naba
from naba import cli, tracking
from naba.classifier import folder as directory
from naba.errors import UserError
from naba.models import embedded
from naba.models.embeddings import cache, networks
from naba.models.embeddings.features import Embedder, EmbeddingFeatures

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["ارتفاع أسعار النفط في مصر", "انخفاض الصادرات", "صعود البورصة في تونس والمغرب والعراق ولبنان", "هبوط"]
DESCRIPTION = {"task": "claim_type", "dataset": "synthetic", "input": ["text"],
               "labels": {"fall": "هبوط", "rise": "صعود"}}  # fmt: skip


@pytest.fixture(scope="session")
def static_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> Path:
    """A folder as model2vec writes it, with fewer vectors than tokens and a weight for each token."""
    from model2vec import StaticModel

    drawn = np.random.default_rng(0)
    size = len(tokenizer)
    model = StaticModel(
        drawn.normal(size=(size // 2, 12)).astype(np.float32),
        tokenizer.backend_tokenizer,
        config={"normalize": True},
        normalize=True,
        weights=drawn.random(size).astype(np.float32),
        token_mapping=drawn.integers(0, size // 2, size),
    )
    folder = tmp_path_factory.mktemp("static")
    model.save_pretrained(folder)
    return folder


def sentence_transformer(folder: Path, checkpoint: Path, pooling: str = "cls", *more: Any) -> Any:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    encoder = modules.Transformer(str(checkpoint))
    parts = [encoder, modules.Pooling(16, pooling_mode=pooling), *more, modules.Normalize()]
    model = SentenceTransformer(modules=parts, prompts={"query": "سؤال: "}, default_prompt_name="query")
    model.save_pretrained(str(folder))
    return model


def halves(headlines: Any) -> Any:
    X, y = headlines
    held = np.arange(len(X)) % 3 == 0
    return (X[~held], y[~held]), (X[held], y[held])


def fitted(headlines: Any, checkpoint: Path, **options: Any) -> Any:
    train, held = halves(headlines)
    return embedded(checkpoint=str(checkpoint), max_length=32, **options).fit(*train, validation=held)


# --- what is embedded ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_vectors_are_those_of_transformers(pooling: str, checkpoint: Path) -> None:
    """One text at a time, without padding: nothing of a batch can be in them."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    found = Embedder(str(checkpoint), "سؤال: ", pooling, 32).load().vectors([*TEXTS, "", TEXTS[0]])
    tokenizer, model = AutoTokenizer.from_pretrained(checkpoint), AutoModel.from_pretrained(checkpoint).eval()
    for text, vector in zip(TEXTS, found, strict=False):
        with torch.inference_mode():
            hidden = model(**tokenizer("سؤال: " + text, return_tensors="pt")).last_hidden_state[0]
        wanted = {"mean": hidden.mean(0), "cls": hidden[0], "last": hidden[-1]}[pooling].numpy()
        np.testing.assert_allclose(vector, wanted / np.linalg.norm(wanted), atol=1e-5)
    assert not found[4].any(), "nothing is said of an empty text"
    assert found[5].tobytes() == found[0].tobytes()


def test_a_folder_of_sentence_transformers_says_pooling_and_prefix(checkpoint: Path, tmp_path: Path) -> None:
    theirs = sentence_transformer(tmp_path / "st", checkpoint)
    ours = Embedder(str(tmp_path / "st"), max_length=32).load()
    np.testing.assert_allclose(ours.vectors(TEXTS), theirs.encode(TEXTS), atol=1e-5)
    assert (ours.prefix_, ours.reading_["pooling"]) == ("سؤال: ", "cls")
    with pytest.raises(UserError, match=r"model.pooling is mean, but .* was trained with cls"):
        Embedder(str(tmp_path / "st"), pooling="mean").load()


def test_a_part_that_is_not_known_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    from sentence_transformers.sentence_transformer import modules

    sentence_transformer(tmp_path / "dense", checkpoint, "mean", modules.Dense(16, 4))
    with pytest.raises(UserError, match="has a part 'Dense'"):
        Embedder(str(tmp_path / "dense"), max_length=32).load()
    sentence_transformer(tmp_path / "max", checkpoint, "max")
    with pytest.raises(UserError, match="pools by max"):
        Embedder(str(tmp_path / "max"), max_length=32).load()


def test_static_vectors_are_those_of_model2vec(static_folder: Path) -> None:
    from model2vec import StaticModel

    texts = [*TEXTS, "٪٪٪", "نص فيه كلمات لم يرها المرمز قط"]
    theirs = StaticModel.from_pretrained(static_folder).encode(texts)
    np.testing.assert_allclose(Embedder(str(static_folder)).load().vectors(texts), theirs, atol=1e-6)


def test_a_missing_folder_and_too_long_a_window_are_said(checkpoint: Path) -> None:
    with pytest.raises(UserError, match="there is no folder '/nonexistent/e5'"):
        Embedder("/nonexistent/e5").load()
    with pytest.raises(UserError, match=r"model.max_length is 65, but .* has 64 positions"):
        Embedder(str(checkpoint), max_length=65).load()


def test_a_pointer_in_place_of_weights_is_said(checkpoint: Path, tmp_path: Path) -> None:
    shutil.copytree(checkpoint, tmp_path / "lfs")
    (tmp_path / "lfs" / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(UserError, match="is a Git LFS pointer, not the weights"):
        Embedder(str(tmp_path / "lfs"), max_length=32).load()


def test_a_long_text_is_read_where_it_speaks_of_the_target(checkpoint: Path) -> None:
    """Its tokens are more than are read; without the choice of passages the beginning would be all there is."""
    filler = ". ".join(["هبوط البورصة في تونس وعمان"] * 30)
    target = "ارتفاع أسعار النفط من مصر"
    rows = pd.DataFrame({"text": [f"{filler}. {target}. {filler}", filler], "target": [target] * 2}, dtype=object)
    features = EmbeddingFeatures(Embedder(str(checkpoint), max_length=48), pair=True).fit(rows)
    assert features.transform(rows)[0, -1] > features.transform(rows)[1, -1]
    short = rows.assign(text=["نص قصير", target])
    width = features.embedder_.network_.width
    np.testing.assert_array_equal(
        features.transform(short)[:, width : 2 * width], features.embedder_.vectors(short["text"].tolist())
    )


# --- what is remembered ----------------------------------------------------------------------------------------------


def test_each_text_is_embedded_once_for_all_runs(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Embedder(str(checkpoint), max_length=32).load()
    first = embedder.vectors([*TEXTS, *TEXTS])
    asked: list[str] = []
    encode = embedder.network_.encode
    monkeypatch.setattr(embedder.network_, "encode", lambda texts: asked.extend(texts) or encode(texts))
    again = Embedder(str(checkpoint), max_length=32).load().vectors([*TEXTS, "نص جديد"])
    assert asked == ["نص جديد"]
    assert again[:4].tobytes() == first[:4].tobytes()
    Embedder(str(checkpoint), "سؤال: ", max_length=32).load().vectors(TEXTS)
    assert asked[1:] == ["سؤال: " + text for text in TEXTS], "another prefix is another text"


def test_other_weights_in_the_same_folder_are_others(checkpoint: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "changed"
    shutil.copytree(checkpoint, folder)
    before = Embedder(str(folder), max_length=32).load()
    first, digest = before.vectors(TEXTS), before.network_.digest()
    weights = load_file(folder / "model.safetensors")
    name = next(one for one in weights if "word_embeddings" in one)
    weights[name] = weights[name] + torch.randn_like(weights[name])
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    after = Embedder(str(folder), max_length=32).load()
    assert after.network_.digest() != digest
    assert not np.allclose(after.vectors(TEXTS), first)


def test_the_same_weights_elsewhere_are_the_same(checkpoint: Path, tmp_path: Path) -> None:
    shutil.copytree(checkpoint, tmp_path / "copy")
    digests = [Embedder(str(one), max_length=32).load().network_.digest() for one in (checkpoint, tmp_path / "copy")]
    assert digests[0] == digests[1]


# --- what is learnt --------------------------------------------------------------------------------------------------


def test_learns_and_says_which_words_decided(headlines: Any, checkpoint: Path) -> None:
    model = fitted(headlines, checkpoint)
    _, (X, y) = halves(headlines)
    assert (model.predict(X) == y).mean() > 0.9
    assert model.strength_ is not None
    decided = model.explain(X, (model.predict(X) == "rise").astype(int))
    assert [name for name, _ in decided[0]] == [f"text:{word}" for word in X["text"].iloc[0].split()]
    verbs = np.mean([row[0][1] for row in decided])
    others = np.mean([part for row in decided for _, part in row[1:]])
    assert verbs > 2 * abs(others), "the first word, the verb, decides"
    chances = model.predict_proba(X.assign(text=[text.partition(" ")[2] for text in X["text"]]))
    places = (model.predict(X) == "rise").astype(int)
    lost = (model.predict_proba(X) - chances)[np.arange(len(X)), places]
    np.testing.assert_allclose([row[0][1] for row in decided], lost, atol=1e-6)


@pytest.mark.parametrize("head", ["network", pytest.param("both", marks=pytest.mark.slow)])
def test_heads_of_networks_depend_on_the_seed_alone(head: str, headlines: Any, checkpoint: Path) -> None:
    answers = [fitted(headlines, checkpoint, head=head, seed=seed) for seed in (0, 0, 1)]
    X = halves(headlines)[1][0]
    first, same, other = (one.predict_proba(X) for one in answers)
    assert first.tobytes() == same.tobytes()
    assert not np.allclose(first, other)


def test_regularisation_is_chosen_on_validation_rows_and_can_be_given(headlines: Any, checkpoint: Path) -> None:
    (X, y), (held, gold) = halves(headlines)
    chosen = fitted(headlines, checkpoint).strength_
    flipped = np.where(gold == "rise", "fall", "rise").astype(object)
    contrary = embedded(checkpoint=str(checkpoint), max_length=32).fit(X, y, validation=(held, flipped))
    assert contrary.strength_ < chosen, "where the truth is turned round, the weakest model errs least"
    assert fitted(headlines, checkpoint, C=0.5).strength_ is None
    assert fitted(headlines, checkpoint, C=0.5).classifier_["logistic"].C == 0.5


def test_shots_are_so_many_rows_of_each_label(headlines: Any, checkpoint: Path) -> None:
    from naba.models.embeddings.classifier import few

    codes = np.array([0, 1] * 40 + [2] * 3)
    rows = few(codes, 16, 0)
    assert np.bincount(codes[rows]).tolist() == [16, 16, 3]
    assert rows.tolist() == few(codes, 16, 0).tolist() != few(codes, 16, 1).tolist()
    few_rows = fitted(headlines, checkpoint, shots=4)
    X, y = halves(headlines)[1]
    assert (few_rows.predict(X) == y).mean() < (fitted(headlines, checkpoint).predict(X) == y).mean()


# --- what is kept ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["checkpoint", "static_folder", pytest.param("roberta_checkpoint", marks=pytest.mark.slow)]
)
def test_a_folder_answers_to_the_last_bit_without_the_weights_it_came_from(
    kind: str, headlines: Any, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(request.getfixturevalue(kind), tmp_path / "weights")
    model = fitted(headlines, tmp_path / "weights", head="both", prefix="سؤال: ")
    X = halves(headlines)[1][0]
    directory.save(model, tmp_path / "model", DESCRIPTION)
    shutil.rmtree(tmp_path / "weights")
    digest, wanted = model.embedder.network_.digest(), model.predict_proba(X).tobytes()
    loaded, _ = directory.load(tmp_path / "model")
    assert loaded.embedder.network_.digest() == digest, "what was embedded before need not be embedded again"
    monkeypatch.setenv(cache.LIMIT_VARIABLE, "0")
    assert loaded.predict_proba(X).tobytes() == wanted
    directory.save(loaded, tmp_path / "again", DESCRIPTION)
    names = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert [(tmp_path / "again" / name).read_bytes() for name in names] == [
        (tmp_path / "model" / name).read_bytes() for name in names
    ]
    copy = pickle.loads(pickle.dumps(model))
    assert copy.predict_proba(X).tobytes() == wanted


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory, headlines: Any, checkpoint: Path) -> Path:
    folder = tmp_path_factory.mktemp("honest")
    directory.save(fitted(headlines, checkpoint), folder, DESCRIPTION)
    return folder


def changed(honest: Path, target: Path, file: str, content: bytes) -> Path:
    """A copy with another file, and sizes and hashes as an attacker would write them."""
    shutil.copytree(honest, target)
    (target / file).write_bytes(content)
    directory.seal(target, json.loads((target / "naba.json").read_text(encoding="utf-8")))
    return target


@pytest.mark.parametrize("name", ["embedder.json", "embedder.safetensors", "embedder_tokenizer.json"])
def test_broken_files_are_refused(name: str, honest: Path, tmp_path: Path) -> None:
    whole = (honest / name).read_bytes()
    for place, content in enumerate((b"", b"{}", whole[:-40], b"\x80\x04." * 9)):
        with pytest.raises(UserError):
            directory.load(changed(honest, tmp_path / str(place), name, content))


@pytest.mark.parametrize(
    "change",
    [
        {"auto_map": {"AutoModel": "evil.Model"}},
        {"model_type": "gpt2"},
        {"model_type": "static"},
        {"hidden_size": 2**40},
        {"num_hidden_layers": 10**9},
        {"vocab_size": 10**12},
        {"num_attention_heads": 0},
    ],
)  # fmt: skip
def test_hostile_configurations_are_refused(change: dict[str, Any], honest: Path, tmp_path: Path) -> None:
    content = json.loads((honest / "embedder.json").read_text(encoding="utf-8")) | change
    with pytest.raises(UserError):
        directory.load(changed(honest, tmp_path / "model", "embedder.json", json.dumps(content).encode()))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(value: float, honest: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save

    weights = load_file(honest / "embedder.safetensors")
    name = next(iter(weights))
    weights[name].view(-1)[0] = value
    with pytest.raises(UserError, match="not finite"):
        directory.load(changed(honest, tmp_path / "model", "embedder.safetensors", save(weights)))


def test_a_static_table_with_too_few_rows_is_refused(headlines: Any, static_folder: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save

    directory.save(fitted(headlines, static_folder), tmp_path / "honest", DESCRIPTION)
    found = load_file(tmp_path / "honest" / "embedder.safetensors")
    for place, other in enumerate(
        ({"mapping": found["mapping"] + 10**6}, {"mapping": found["mapping"][:5]}, {"weights": found["weights"][:5]})
    ):
        folder = changed(tmp_path / "honest", tmp_path / str(place), "embedder.safetensors", save(found | other))
        with pytest.raises(UserError, match="does not hold a vector for each"):
            directory.load(folder)


def test_weights_of_another_folder_do_not_reach_the_cache(honest: Path, checkpoint: Path, tmp_path: Path) -> None:
    """Whoever sends a classifier cannot make this machine remember wrong vectors for weights it has."""
    from safetensors.torch import load_file, save

    weights = {name: value + 1 for name, value in load_file(honest / "embedder.safetensors").items()}
    folder = changed(honest, tmp_path / "other", "embedder.safetensors", save(weights))
    with pytest.raises(UserError):
        directory.load(folder)
    cache_before = cache.usage().vectors
    assert cache_before > 0
    wanted = Embedder(str(checkpoint), max_length=32).load()
    kept = wanted.vectors([text for text, _ in directory.PROBES])
    np.testing.assert_array_equal(kept, wanted.network_.encode([text for text, _ in directory.PROBES]))


def test_default_prefix_of_a_plain_checkpoint_is_none(checkpoint: Path) -> None:
    assert networks.default_prefix(str(checkpoint)) == ""


@pytest.mark.slow
def test_the_plain_entry_asks_for_its_weights_before_a_run(own_home: Path, checkpoint: Path) -> None:
    """Nothing is loaded, claimed or written without them; with them it is called as they are."""
    with pytest.raises(UserError, match=r"model\.checkpoint: say which encoder embeds"):
        naba.train("synthetic_claim_type", "embedded")
    assert not list(own_home.glob("**/*.db"))
    run = naba.train(
        "synthetic_claim_type", "embedded", model__checkpoint=str(checkpoint), model__max_length=32,
        evaluation__resamples=100, tracking__figures=False,
    )  # fmt: skip
    assert run.facts.model == f"embedded_{checkpoint.name}"


@pytest.mark.slow
@pytest.mark.parametrize("model", ["embedded", "setfit", "blended"])
def test_a_run_with_embeddings_is_exported_and_reproduced(
    model: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The export needs neither the checkpoint's folder nor what is kept of embeddings."""
    folder = tmp_path / "checkpoint"
    shutil.copytree(checkpoint, folder)
    dataset = "synthetic_stance" if model == "blended" else "synthetic_claim_type"
    key = "embeddings" if model == "blended" else "checkpoint"
    more = {"blended": ["model.iterations=3", "model.bags=1"], "embedded": ["model.max_length=32"],
            "setfit": ["model.max_length=32", "model.steps=3", "model.threads=1"]}[model]  # fmt: skip
    given = [f"dataset={dataset}", f"model={model}", f"model.{key}={folder}", *more, "evaluation.resamples=50",
             "tracking.figures=false"]  # fmt: skip
    assert cli.main(["train", *given]) == 0
    (run,) = tracking.search()
    assert cli.main(["reproduce", run.id]) == 0
    assert "byte-equal" in capsys.readouterr().out
    cache.clear()
    shutil.rmtree(folder)
    assert cli.main(["export", run.id, str(tmp_path / "export")]) == 0
    loaded, _ = directory.load(tmp_path / "export")
    assert loaded.embedder is not None
    rows = pd.DataFrame({"text": TEXTS, "target": TEXTS[::-1]}, dtype=object)
    assert np.isfinite(loaded.predict_proba(rows)).all()
