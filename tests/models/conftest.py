"""Tiny real checkpoints and a small task, for the tests of encoders."""

import numpy as np
import pandas as pd
import pytest

from naba.models.encoder.options import Architecture

PLACES = ["مصر", "الأردن", "تونس", "المغرب", "العراق", "لبنان", "قطر", "عمان", "دمشق", "القدس"]
VERBS = {"rise": ["ارتفاع", "صعود", "زيادة"], "fall": ["انخفاض", "هبوط", "تراجع"]}
THINGS = ["أسعار النفط في", "الصادرات من", "البورصة في"]


@pytest.fixture(scope="session")
def headlines():
    """(X, y): 180 single headlines about rises and falls."""
    rows = [
        (f"{verb} {thing} {place}", label)
        for label, verbs in VERBS.items()
        for verb in verbs
        for thing in THINGS
        for place in PLACES
    ]
    texts, labels = zip(*rows, strict=True)
    X = pd.DataFrame({"text": texts, "target": [""] * len(texts)}, dtype=object)
    return X, np.array(labels, dtype=object)


@pytest.fixture(scope="session")
def tokenizer(headlines):
    from naba.models.encoder.weights import new_tokenizer

    return new_tokenizer(headlines[0]["text"].tolist(), 200, 64)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory, tokenizer):
    """A folder with a real BERT checkpoint of one layer."""
    import torch

    from naba.models.encoder.weights import new_model

    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    new_model(Architecture(1, 16, 2), tokenizer, ["a", "b"], 64).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def roberta_checkpoint(tmp_path_factory, tokenizer):
    """A folder with a checkpoint that has no segments (as XLM-RoBERTa), and no weights for a head."""
    import torch
    from transformers import RobertaConfig, RobertaModel

    folder = tmp_path_factory.mktemp("roberta")
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=70, type_vocab_size=1, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    RobertaModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
