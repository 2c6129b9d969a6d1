"""Encoders in a classifier directory: the files of a Hugging Face folder, read without running anything in them.

A fine-tuned encoder has the names of such a folder, so that it is one; a frozen one beside other parts has its own.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from naba.errors import UserError
from naba.models.classifier import DAMAGED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from naba.models.classifier import Classifier
    from naba.models.embeddings.features import Embedder
    from naba.models.embeddings.networks import Network

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
EMBEDDER = ("embedder.json", "embedder.safetensors", "embedder_tokenizer.json")
"""Configuration, weights and tokenizer of a frozen encoder."""
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


def why_not_kept(embedder: Embedder) -> str | None:
    """Why a frozen encoder, whose weights need not be loaded, could not be saved; None where it can.

    Raises:
        UserError: its checkpoint cannot be had.
    """
    from naba.models.embeddings import networks

    family = networks.family(embedder.checkpoint)
    return None if family is None or family in FAMILIES else _unknown(family)


def _unknown(family: str) -> str:
    return f"encoders of type '{family}' cannot be saved"


def save_inside(model: Classifier, folder: Path) -> None:
    """Write configuration, weights and tokenizer of the encoder inside a classifier, where there is one.

    Raises:
        UserError: the encoder is of a family that the format does not know.
    """
    from naba.models.encoder.classifier import EncoderClassifier

    encoder = model.inner
    (folder / WEIGHTS).unlink(missing_ok=True)
    if encoder.embedder is not None:
        _save_embedder(encoder.embedder, folder)
    if not isinstance(encoder, EncoderClassifier):
        return
    from safetensors.torch import save_file

    network, tokenizer = encoder.model_, encoder.tokenizer_
    if network.config.model_type not in FAMILIES:
        raise UserError(_unknown(network.config.model_type), f"known: {', '.join(FAMILIES)}")
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
    from naba.models.encoder.weights import unloaded

    encoder = model.inner
    if encoder.embedder is not None:
        _require_listed(folder, EMBEDDER, files)
        encoder.embedder.network_ = _network(folder, encoder.embedder)
    if not isinstance(encoder, EncoderClassifier):
        return
    _require_listed(folder, (CONFIG, WEIGHTS, TOKENIZER), files)
    config = _config(folder / CONFIG)
    labels = [str(label) for label in encoder.classes_]
    named = {int(place): label for place, label in config.id2label.items()}
    if [named.get(place) for place in range(len(labels))] != labels or len(named) != len(labels):
        raise UserError(
            f"{folder / CONFIG} names other labels than the classifier: {', '.join(map(str, named.values()))}"
        )
    encoder.tokenizer_ = _tokenizer(folder, encoder.special_tokens, encoder.reading.max_length)
    encoder.model_ = _model(
        folder / WEIGHTS, folder / CONFIG, config, lambda config: unloaded(config, encoder.head, pair=encoder.pair)
    )
    largest = max(encoder.tokenizer_.get_vocab().values(), default=-1)
    if encoder.tokenizer_.pad_token_id is None or largest >= int(config.to_dict().get("vocab_size", 0)):
        raise UserError(f"{folder / TOKENIZER} does not fit the weights: its largest id is {largest}")


def _require_listed(folder: Path, names: Sequence[str], files: Collection[str]) -> None:
    missing = [name for name in names if name not in files]
    if missing:
        raise UserError(f"{folder} does not list {missing[0]} among its files", DAMAGED)


def _save_embedder(embedder: Embedder, folder: Path) -> None:
    from naba.models.embeddings.networks import Transformer

    network = embedder.network_
    config, weights, tokenizer = (folder / name for name in EMBEDDER)
    if isinstance(network, Transformer):
        from safetensors.torch import save_file

        family = network.model.config.model_type
        if family not in FAMILIES:
            raise UserError(_unknown(family), f"known: {', '.join(FAMILIES)}")
        config.write_text(network.model.config.to_json_string(use_diff=True), encoding="utf-8")
        save_file({name: value.cpu().contiguous() for name, value in network.tensors().items()}, os.fspath(weights))
    else:
        from safetensors.numpy import save_file as save_arrays

        config.write_text(json.dumps(network.config()), encoding="utf-8")
        save_arrays(dict(network.tensors()), os.fspath(weights))
    tokenizer.write_text(network.plain_tokenizer(), encoding="utf-8")


def _network(folder: Path, embedder: Embedder) -> Network:
    """The network of a frozen encoder, out of its files."""
    from naba.classifier.folder import read_json
    from naba.models.embeddings.networks import STATIC, Static, Transformer

    path, weights, words = (folder / name for name in EMBEDDER)
    tokenizer = _read_tokenizer(words)
    largest = max(tokenizer.get_vocab().values(), default=-1)
    reading = embedder.reading_
    network: Network
    if read_json(path).get("model_type") == STATIC:
        table, mapping, shares = _static(weights, largest + 1)
        network = Static(table, mapping, shares, tokenizer, reading["max_length"])
    else:
        config = _config(path)
        if largest >= int(config.to_dict().get("vocab_size", 0)):
            raise UserError(f"{words} does not fit the weights: its largest id is {largest}", DAMAGED)
        network = Transformer(_model(weights, path, config, _frozen), tokenizer, **reading)
    return network


def _static(path: Path, tokens: int) -> tuple[Any, Any, Any]:
    """(vectors, mapping, weights) for so many tokens."""
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        found = load_file(os.fspath(path))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a whole safetensors file: {error}", DAMAGED) from error
    table, mapping, shares = (found.get(name) for name in ("embeddings", "mapping", "weights"))
    rows = -1 if table is None or table.ndim != 2 else len(table)
    sound = (
        (len(mapping) >= tokens and mapping.dtype.kind in "iu" and 0 <= mapping.min() <= mapping.max() < rows)
        if mapping is not None and mapping.ndim == 1 and len(mapping)
        else rows >= tokens
    )
    if not sound or (shares is not None and (shares.ndim != 1 or len(shares) < tokens)):
        raise UserError(f"{path} does not hold a vector for each of the {tokens} tokens", DAMAGED)
    if not all(np.isfinite(array).all() for array in (table, shares) if array is not None):
        raise UserError(f"{path} has weights that are not finite", DAMAGED)
    return table, mapping, shares


def _config(path: Path) -> Any:
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    from naba.classifier.folder import read_json

    content = read_json(path)
    family = content.pop("model_type", None)
    if family not in FAMILIES:
        raise UserError(f"{path}: unknown model_type {family!r}", f"known: {', '.join(FAMILIES)}")
    found = [key for key in _RUNS_CODE if content.get(key) is not None]
    if found:
        raise UserError(f"{path} asks for code or kernels from elsewhere: {found[0]}", "it is not loaded")
    try:
        return AutoConfig.for_model(family, **content)
    except (StrictDataclassError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise UserError(f"{path} is no configuration of a {family}: {error}") from error


def _read_tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(os.fspath(path))
    except Exception as error:  # the library raises nothing narrower
        raise UserError(f"{path} is no tokenizer: {error}", "export the directory again") from error


def _tokenizer(folder: Path, tokens: Mapping[str, str], max_length: int) -> Any:
    from transformers import PreTrainedTokenizerFast

    from naba.models.encoder.classifier import SPECIAL_TOKENS

    unknown = [kind for kind in tokens if kind not in SPECIAL_TOKENS]
    if unknown:
        raise UserError(f"the tokenizer has no special token '{unknown[0]}'")
    return PreTrainedTokenizerFast(
        tokenizer_object=_read_tokenizer(folder / TOKENIZER),
        model_max_length=max_length,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **{f"{kind}_token": token for kind, token in tokens.items()},
    )


def _model(path: Path, about: Path, config: Any, make: Callable[[Any], Any]) -> Any:
    """A model of transformers with the weights of a file.

    Args:
        about: the file of the configuration, for messages.
        make: from the configuration, the model with any weights.
    """
    import torch
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    try:
        with safe_open(os.fspath(path), "pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no dict
        layers = int(config.to_dict().get("num_hidden_layers") or 0)
        if layers > len(shapes):
            raise UserError(f"{about} declares {layers} layers, more than {path} has weights")
        # On the meta device nothing is allocated, however large the sizes that the configuration declares.
        with torch.device("meta"):
            wanted = make(config).state_dict()
        expected = {name: tuple(tensor.shape) for name, tensor in wanted.items()}
        if expected != shapes:
            name = min(set(expected.items()) ^ set(shapes.items()))[0]
            raise UserError(
                f"the weights do not fit {about}: '{name}' is {shapes.get(name, 'missing')} in the file and "
                f"{expected.get(name, 'not known')} in the configuration"
            )
        model = make(config)
        tensors = load_file(os.fspath(path))
        unsound = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
        if unsound:
            raise UserError(f"{path}: '{unsound[0]}' has weights that are not finite", DAMAGED)
        model.load_state_dict(tensors)
    except (
        SafetensorError, OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError,
    ) as error:  # fmt: skip
        raise UserError(
            f"{path} and {about.name} do not make a model: {str(error)[:300]}", "export it again"
        ) from error
    return model.float().eval()


def _frozen(config: Any) -> Any:
    """A frozen encoder is saved without the layer that only a head would read."""
    from transformers import AutoModel

    model = AutoModel.from_config(config)
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model
