"""Every YAML of conf/model, as it is found there: it trains on the embedded corpus, and equal seeds agree."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from filelock import FileLock

from naba import config
from naba.arabic.normalise import NEWS
from naba.classifier import encoders
from naba.classifier import folder as directory
from naba.config import overrides
from naba.data.dataset import load_named
from naba.errors import UserError
from naba.files import shipped
from naba.models import build, pretrained
from naba.models.explain import explain

YAMLS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((shipped("conf") / "model").glob("*.yaml"))
}
EMBEDDED = [name for name, content in YAMLS.items() if content["builder"] in {"embedded", "setfit"}]
NEED_A_SERVER = [name for name, content in YAMLS.items() if "endpoint" in content]
FROZEN = [
    *EMBEDDED,
    *(name for name, content in YAMLS.items() if content.get("embeddings") and name not in NEED_A_SERVER),
]
NEED_WEIGHTS = [name for name, content in YAMLS.items() if "checkpoint" in content and name not in FROZEN]
NEED_NONE = [name for name in YAMLS if name not in {*NEED_WEIGHTS, *FROZEN, *NEED_A_SERVER}]
FAMILIES = {
    "arabert": "bert", "araelectra": "electra", "arbert": "bert", "camelbert": "bert", "marbert": "bert",
    "mdeberta": "deberta-v2", "multilingual_e5": "xlm-roberta", "xlm_roberta": "xlm-roberta",
}  # fmt: skip
"""Beginning of a YAML's name -> the architecture of its checkpoint."""
TOGETHER = {"convbert", "deberta", "deberta-v2"}
"""Architectures whose code takes no mask for each token."""
SENTENCEPIECE = {"deberta-v2", "xlm-roberta"}
USUAL = ("bert", "deberta-v2", "distilbert", "xlm-roberta")
"""Architectures that the default suite trains; the others are for the slow one."""
ONE_OF_EACH = {
    "araelectra", "xlm_roberta_base",
    "embedded", "embedded_static", "claim_guideline_e5_small",
}  # fmt: skip
"""YAMLs of each kind; further ones differ from them in the checkpoint that they name."""


def slow_but(default, names):
    """Parameters, of which only those of the default suite are not slow."""
    return [pytest.param(name, marks=() if name in default else pytest.mark.slow) for name in names]


def _dataset(name):
    return "synthetic_stance" if "pair" in YAMLS[name]["accepts"] else "synthetic_claim_type"


# --- equal seeds ---------------------------------------------------------------------------------------------------

ANSWERS = """
import hashlib, json, sys
import numpy as np
from joblib import Parallel, delayed
from naba import config
from naba.config import overrides as command_line
from naba.experiment import run as train
from naba.experiment.job import prepare
from naba.data.splits import Split
from naba.models.explain import explain

TINY = {"iterations": 3, "epochs": 1, "layers": 1, "hidden": 32, "heads": 2, "vocabulary": 300, "components": 5}

def tiny(section):
    return {key: tiny(value) if isinstance(value, dict) else TINY.get(key, value) for key, value in section.items()}

def answer(name, dataset):
    import warnings

    warnings.filterwarnings("ignore", "no threshold keeps errors")
    job = prepare(command_line.compose([f"model={name}", f"dataset={dataset}", "seed=3"]))
    job.settings.model = tiny(job.settings.model)
    data = job.dataset
    every = {part: data.indices(part) for part in ("train", "validation", "test")}
    split = Split(every["train"][::6], every["validation"][::4], every["test"][::6], "given")
    model = train.build(job)
    train.fit(model, data, split)
    rows = data.frame(split.test)
    probabilities = np.asarray(model.predict_proba(rows))
    assert np.allclose(probabilities.sum(axis=1), 1)
    labels = model.predict(rows).tolist()
    assert set(labels) <= set(data.labels) and len(labels) == len(rows)
    decided = [one.contributions for one in explain(model, rows[:3])] if model.explained_by else []
    digests = [hashlib.sha256(found).hexdigest() for found in (probabilities.tobytes(), repr(labels).encode())]
    return name, *digests, decided

workers, names = int(sys.argv[1]), json.loads(sys.argv[2])
print(json.dumps(Parallel(n_jobs=workers)(delayed(answer)(*pair) for pair in names)))
"""


def _answers(names, workers, hash_seed, threads, home):
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    environment = os.environ | threads | {"PYTHONHASHSEED": str(hash_seed), "NABA_HOME": str(home)}
    pairs = json.dumps([(name, _dataset(name)) for name in names])
    done = subprocess.run(
        [sys.executable, "-c", ANSWERS, str(workers), pairs], env=environment, stdout=-1, check=True, text=True
    )
    return {name: rest for name, *rest in json.loads(done.stdout)}


@pytest.fixture(scope="session")
def twice(tmp_path_factory):
    """model -> answers of two processes that differ in all that must not matter; made once for all test workers."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    file = shared / "answers.json"
    with FileLock(shared / "answers.lock"):
        if not file.is_file():
            alone = _answers(NEED_NONE, 1, 1, 1, folder)
            busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            try:
                crowded = _answers(NEED_NONE[::-1], 2, 2, 2, folder)
            finally:
                busy.kill()
                busy.wait()
            file.write_text(json.dumps([alone, crowded]), encoding="utf-8")
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("name", NEED_NONE)
def test_equal_seeds_give_equal_answers(name, twice):
    """Whatever the hash seed, the number of threads and of workers, the order of trainings, and the machine's load."""
    alone, crowded = twice
    assert alone[name] == crowded[name]
    *_, decided = alone[name]
    silent = {"majority", "stratified_random", "echo"}
    assert bool(decided) == (name not in silent), "a model of naba can say what decided"


# --- checkpoints ---------------------------------------------------------------------------------------------------

SIZES = {
    "hidden_size": 16, "dim": 16, "embedding_size": 16, "input_embedding_size": 16, "output_embedding_size": 16,
    "num_hidden_layers": 1, "n_layers": 1, "num_attention_heads": 2, "n_heads": 2, "head_ratio": 1,
    "intermediate_size": 32, "hidden_dim": 32, "max_position_embeddings": 70, "conv_kernel_size": 3,
}  # fmt: skip


def _tokenizer(family, texts):
    """As the family's own: word pieces with [CLS] and [SEP], or sentence pieces with the family's marks."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import DebertaV2Tokenizer, XLMRobertaTokenizer

    from naba.models.encoder.weights import new_tokenizer

    if family not in SENTENCEPIECE:
        return new_tokenizer(texts, 300, 64)
    pieces = Tokenizer(models.Unigram())
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    pieces.train_from_iterator(texts, trainers.UnigramTrainer(vocab_size=250, show_progress=False, unk_token="<unk>"))
    learned = [tuple(piece) for piece in json.loads(pieces.to_str())["model"]["vocab"] if piece[0] != "<unk>"]
    special, kind = {
        "xlm-roberta": (["<s>", "<pad>", "</s>", "<unk>"], XLMRobertaTokenizer),
        "deberta-v2": (["[PAD]", "[CLS]", "[SEP]", "[UNK]"], DebertaV2Tokenizer),
    }[family]
    return kind(vocab=[*((mark, 0.0) for mark in special), *learned])


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """A function: family -> a folder with a checkpoint of random weights and no head, as the Hub has it."""
    import torch
    from transformers import AutoConfig, AutoModel

    made = {}

    def make(family):
        if family in made:
            return made[family]
        dataset = load_named("synthetic_stance")
        tokenizer = _tokenizer(family, dataset.frame(dataset.indices("train")[:300])["text"].tolist())
        known = AutoConfig.for_model(family)
        sizes = {key: value for key, value in SIZES.items() if hasattr(known, key)}
        marks = {
            f"{kind}_token_id": getattr(tokenizer, f"{kind}_token_id") for kind in ("pad", "bos", "eos", "cls", "sep")
        }
        sizes |= {key: value for key, value in marks.items() if hasattr(known, key) and value is not None}
        torch.manual_seed(0)
        model = AutoModel.from_config(AutoConfig.for_model(family, vocab_size=len(tokenizer), **sizes))
        folder = tmp_path_factory.mktemp(family)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        made[family] = folder
        return folder

    return make


def _rows(dataset, part, step):
    indices = dataset.indices(part)[::step]
    return dataset.frame(indices), dataset.gold(indices)


DESCRIPTION = {
    "task": "stance", "dataset": "synthetic_stance", "input": ["text", "target"], "normalisation": NEWS.to_dict(),
    "labels": {"agree": "تأييد", "disagree": "معارضة", "discuss": "مناقشة", "unrelated": "لا صلة"},
}  # fmt: skip


@pytest.mark.parametrize("name", slow_but(ONE_OF_EACH, NEED_WEIGHTS))
def test_fine_tunes_a_checkpoint_of_its_architecture(name, checkpoints, tmp_path):
    (family,) = {family for beginning, family in FAMILIES.items() if name.startswith(beginning)}
    assert family in encoders.FAMILIES
    settings = config.check(overrides.compose([
        f"model={name}", "dataset=synthetic_stance", f"model.checkpoint={checkpoints(family)}",
        "model.training.epochs=1", "model.training.threads=1", "model.reading.max_length=48",
        "model.training.frozen_layers=0",
    ]))  # fmt: skip
    dataset = load_named("synthetic_stance")
    X, y = _rows(dataset, "train", 10)
    model = build(settings.model, seed=0, normalisation=NEWS, pair=True, primary_metric="macro_f1")
    model.fit(X, y, validation=_rows(dataset, "validation", 8))
    assert model.model_.config.model_type == family
    assert model.history_[0]["validation_macro_f1"] >= 0
    _same_after_saving(model, _rows(dataset, "test", 12)[0], tmp_path)


@pytest.mark.parametrize("name", slow_but(ONE_OF_EACH, FROZEN))
def test_reads_frozen_weights(name, checkpoints, tmp_path):
    key = "checkpoint" if name in EMBEDDED else "embeddings"
    more = ["model.max_length=48"] if key == "checkpoint" else []
    folder = checkpoints("bert" if "triplet" in name else "xlm-roberta")
    settings = config.check(
        overrides.compose([f"model={name}", f"dataset={_dataset(name)}", f"model.{key}={folder}", *more])
    )
    dataset = load_named(_dataset(name))
    pair = "pair" in YAMLS[name]["accepts"]
    X, y = _rows(dataset, "train", 10)
    model = build(settings.model | {"iterations": 3} if "iterations" in settings.model else settings.model,
                  seed=0, normalisation=NEWS, pair=pair, primary_metric="macro_f1").fit(X, y)  # fmt: skip
    described = DESCRIPTION | {"input": ["text", "target"] if pair else ["text"]}
    directory.save(model, tmp_path / "model", described | {"labels": {str(label): "اسم" for label in model.classes_}})
    loaded, _ = directory.load(tmp_path / "model")
    rows = _rows(dataset, "test", 12)[0]
    assert loaded.predict_proba(rows).tobytes() == model.predict_proba(rows).tobytes()
    (decided,) = explain(loaded, rows[:1], top=1000)
    assert len(decided.contributions) > 3


def _same_after_saving(model, X, folder):
    directory.save(model, folder / "model", DESCRIPTION | {"labels": {str(label): "اسم" for label in model.classes_}})
    loaded, _ = directory.load(folder / "model")
    X.loc[len(X)] = ["نص لم يره النموذج: 5 ملايين؟", ""]
    assert loaded.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    (decided,) = explain(loaded, X[:1], top=100)
    words = [name.partition(":")[2] for name, weight in decided.contributions if weight]
    assert len(words) > 3
    assert all(np.isfinite(weight) for _, weight in decided.contributions)
    swapped = X.rename(columns={"text": "target", "target": "text"})
    assert not np.array_equal(loaded.predict_proba(swapped), model.predict_proba(X)), "which side is which is not seen"


@pytest.mark.parametrize("family", slow_but(USUAL, encoders.FAMILIES))
def test_every_architecture_of_the_format_is_the_same_after_saving(family, checkpoints, tmp_path):
    dataset = load_named("synthetic_stance")
    X, y = _rows(dataset, "train", 40)
    training = {"epochs": 1, "threads": 1, "precision": "float32"}
    reading = {"max_length": 32, "preprocessing": "none"}
    model = pretrained(checkpoint=str(checkpoints(family)), reading=reading, training=training, pair=True).fit(X, y)
    _same_after_saving(model, pd.DataFrame(_rows(dataset, "test", 40)[0]), tmp_path)


@pytest.mark.parametrize("family", slow_but(USUAL, encoders.FAMILIES))
def test_the_sides_of_a_pair_are_read_apart_or_the_architecture_is_refused(family, checkpoints):
    dataset = load_named("synthetic_stance")
    X, y = _rows(dataset, "train", 40)
    options = {"reading": {"max_length": 32, "preprocessing": "none"}, "head": "means", "pair": True}
    model = pretrained(checkpoint=str(checkpoints(family)), training={"epochs": 1, "threads": 1}, **options)
    if family in TOGETHER:
        with pytest.raises(UserError, match=f"encoders of type '{family}' cannot read the sides of a pair apart"):
            model.fit(X, y)
    else:
        assert model.fit(X, y).predict_proba(X).shape == (len(X), 4)


def test_a_sentencepiece_model_alone_says_what_to_install(checkpoints, tmp_path, monkeypatch):
    """mDeBERTa is on the Hub without a tokenizer.json."""
    import shutil

    from transformers.utils import sentencepiece_model_pb2_new as proto

    folder = tmp_path / "mdeberta"
    shutil.copytree(checkpoints("deberta-v2"), folder)
    (folder / "tokenizer.json").unlink()
    model = proto.ModelProto()
    for piece in ("[UNK]", "▁"):
        model.pieces.add(piece=piece, score=-1.0)
    (folder / "spm.model").write_bytes(model.SerializeToString())
    dataset = load_named("synthetic_stance")
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(UserError, match="sentencepiece") as caught:
        pretrained(checkpoint=str(folder)).fit(*_rows(dataset, "train", 40))
    assert "pip install" in str(caught.value)


# --- no network ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"NABA_OFFLINE": "1"}, "nor in the local cache"),
        ({"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}, "the Hub cannot be reached"),
    ],
)
def test_weights_that_cannot_be_had_give_one_message_and_no_retries(environment, said, own_home):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-m", "naba.cli", "train", "model=arabert_v02_base", "tracking=off"],
        env=kept | environment | {"HF_HOME": str(own_home)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.startswith(
        "naba: checkpoint 'aubmindlab/bert-base-arabertv02' is neither a folder nor in the local cache"
    )
    assert said in first
    assert "hf download aubmindlab/bert-base-arabertv02 --local-dir FOLDER" in second
    assert "model.checkpoint=FOLDER" in second
    assert "model=encoder_small" in second
