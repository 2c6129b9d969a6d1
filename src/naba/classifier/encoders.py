"""Encoders in a classifier directory: the files of a Hugging Face folder, read without running anything in them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from naba.errors import UserError
from naba.models.classifier import DAMAGED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from naba.models.classifier import Classifier

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
FAMILIES = (
    "albert", "bert", "camembert", "convbert", "data2vec-text", "deberta", "deberta-v2", "distilbert", "electra",
    "ernie", "eurobert", "jina_embeddings_v3", "megatron-bert", "modernbert", "mpnet", "nomic_bert", "rembert",
    "roberta", "roberta-prelayernorm", "roformer", "xlm-roberta", "xlm-roberta-xl",
)  # fmt: skip
"""Model types of transformers whose code is part of the library."""
_RUNS_CODE = (
    "auto_map",
    "quantization_config",
    "attn_implementation",
    "_attn_implementation",
    "experts_implementation",
)


def save_inside(model: Classifier, folder: Path) -> None:
    """Write configuration, weights and tokenizer of the encoder inside a classifier, where there is one.

    Raises:
        UserError: the encoder is of a family that the format does not know.
    """
    from naba.models.encoder.classifier import EncoderClassifier

    encoder = model.inner
    (folder / WEIGHTS).unlink(missing_ok=True)
    if not isinstance(encoder, EncoderClassifier):
        return
    from safetensors.torch import save_file

    network, tokenizer = encoder.model_, encoder.tokenizer_
    if network.config.model_type not in FAMILIES:
        raise UserError(
            f"encoders of type '{network.config.model_type}' cannot be saved", f"known: {', '.join(FAMILIES)}"
        )
    network.config.architectures = [type(network).__name__]
    network.config.save_pretrained(folder)
    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, os.fspath(folder / WEIGHTS), metadata={"format": "pt"})
    # Every call sets these; a file should not remember the last one.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.save_pretrained(folder)


def load_inside(model: Classifier, folder: Path, files: Collection[str]) -> None:
    """Fill in the encoder inside a classifier from its files, where there is one.

    Only classes of the transformers library are made, and only safetensors is read.

    Args:
        files: those whose hashes were compared.
    Raises:
        UserError: a file is missing or damaged, or the configuration does not fit the weights.
    """
    from naba.models.encoder.classifier import EncoderClassifier

    encoder = model.inner
    if not isinstance(encoder, EncoderClassifier):
        return
    missing = [name for name in (CONFIG, WEIGHTS, TOKENIZER) if name not in files]
    if missing:
        raise UserError(f"{folder} does not list {missing[0]} among its files", DAMAGED)
    config = _config(folder)
    labels = [str(label) for label in encoder.classes_]
    named = {int(place): label for place, label in config.id2label.items()}
    if [named.get(place) for place in range(len(labels))] != labels or len(named) != len(labels):
        raise UserError(
            f"{folder / CONFIG} names other labels than the classifier: {', '.join(map(str, named.values()))}"
        )
    encoder.tokenizer_ = _tokenizer(folder, encoder.special_tokens, encoder.reading.max_length)
    encoder.model_ = _model(folder, config)
    largest = max(encoder.tokenizer_.get_vocab().values(), default=-1)
    if encoder.tokenizer_.pad_token_id is None or largest >= int(config.to_dict().get("vocab_size", 0)):
        raise UserError(f"{folder / TOKENIZER} does not fit the weights: its largest id is {largest}")


def _config(folder: Path) -> Any:
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    from naba.classifier.description import read_json

    content = read_json(folder / CONFIG)
    family = content.pop("model_type", None)
    if family not in FAMILIES:
        raise UserError(f"{folder / CONFIG}: unknown model_type {family!r}", f"known: {', '.join(FAMILIES)}")
    found = [key for key in _RUNS_CODE if content.get(key) is not None]
    if found:
        raise UserError(f"{folder / CONFIG} asks for code or kernels from elsewhere: {found[0]}", "it is not loaded")
    try:
        return AutoConfig.for_model(family, **content)
    except (StrictDataclassError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise UserError(f"{folder / CONFIG} is no configuration of a {family}: {error}") from error


def _tokenizer(folder: Path, tokens: Mapping[str, str], max_length: int) -> Any:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    from naba.models.encoder.classifier import SPECIAL_TOKENS

    unknown = [kind for kind in tokens if kind not in SPECIAL_TOKENS]
    if unknown:
        raise UserError(f"the tokenizer has no special token '{unknown[0]}'")
    path = folder / TOKENIZER
    try:
        found = Tokenizer.from_file(os.fspath(path))
    except Exception as error:  # the library raises nothing narrower
        raise UserError(f"{path} is no tokenizer: {error}", "export the directory again") from error
    return PreTrainedTokenizerFast(
        tokenizer_object=found,
        model_max_length=max_length,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **{f"{kind}_token": token for kind, token in tokens.items()},
    )


def _model(folder: Path, config: Any) -> Any:
    import torch
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file
    from transformers import AutoModelForSequenceClassification

    path = folder / WEIGHTS
    try:
        with safe_open(os.fspath(path), "pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no dict
        layers = int(config.to_dict().get("num_hidden_layers") or 0)
        if layers > len(shapes):
            raise UserError(f"{folder / CONFIG} declares {layers} layers, more than {path} has weights")
        # On the meta device nothing is allocated, however large the sizes that the configuration declares.
        with torch.device("meta"):
            wanted = AutoModelForSequenceClassification.from_config(config).state_dict()
        expected = {name: tuple(tensor.shape) for name, tensor in wanted.items()}
        if expected != shapes:
            name = min(set(expected.items()) ^ set(shapes.items()))[0]
            raise UserError(
                f"the weights do not fit {folder / CONFIG}: '{name}' is {shapes.get(name, 'missing')} in the file and "
                f"{expected.get(name, 'not known')} in the configuration"
            )
        model = AutoModelForSequenceClassification.from_config(config)
        tensors = load_file(os.fspath(path))
        unsound = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
        if unsound:
            raise UserError(f"{path}: '{unsound[0]}' has weights that are not finite", DAMAGED)
        model.load_state_dict(tensors)
    except (
        SafetensorError, OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError,
    ) as error:  # fmt: skip
        raise UserError(f"{path} and {CONFIG} do not make a model: {str(error)[:300]}", "export it again") from error
    return model.float().eval()
