"""Where an encoder comes from: a checkpoint, or an architecture and a tokenizer trained on the training texts."""

from __future__ import annotations

import logging
import os
import re
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, TypeVar

from safetensors import SafetensorError, safe_open

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from naba.models.encoder.options import Architecture

logger = logging.getLogger(__name__)
LFS = b"version https://git-lfs"
SPECIAL = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
HUB_SECONDS = 10
"""How long the Hub may take to say whether it has a model."""
_SMALL_FILES = ("*.json", "*.txt", "*.model", "*/config.json", "*/tokenizer.json")
_HUB_NAME = re.compile(r"[\w.\-]+(/[\w.\-]+)?")
_Loaded = TypeVar("_Loaded")
DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")


def load_pretrained(
    checkpoint: str, labels: Sequence[str], head: str = "first", *, pair: bool = False
) -> tuple[Any, Any]:
    """(tokenizer, model) of a checkpoint, with a new classification head for `labels`.

    The local cache is asked before the network; offline (NABA_OFFLINE or data.offline, or HF_HUB_OFFLINE), only it.

    Args:
        checkpoint: a folder, or a model's name on the Hub, which may end in `@revision`.
        head: see `naba.models.encoder.options.Pretrained`.
        pair: is the input of two segments?
    Raises:
        UserError: it is not there, or has no fast tokenizer; says what to do offline.
    """
    means = head == "means"
    tokenizer, model = _found(checkpoint, lambda name, common: _load(name, labels, common, headless=means))
    if means:
        from naba.models.encoder.layers import Means

        model = Means(model, pair=pair)
        if pair:
            model.require_sides_apart()
    return tokenizer, model


def unloaded(config: Any, head: str, *, pair: bool) -> Any:
    """The classifier of a configuration, with the weights that torch draws; arguments as of `load_pretrained`."""
    from transformers import AutoModel, AutoModelForSequenceClassification

    if head == "first":
        return AutoModelForSequenceClassification.from_config(config)
    from naba.models.encoder.layers import Means

    return Means(AutoModel.from_config(config), pair=pair)


def load_encoder(folder: Path) -> tuple[Any, Any]:
    """(tokenizer, model) of a checkpoint's folder, without any head.

    Raises:
        UserError: it is not whole, or has no fast tokenizer.
    """
    return _found(str(folder), lambda name, common: _load(name, None, common))


def fetched(checkpoint: str) -> Path:
    """The folder of a checkpoint: itself, or where the Hub's files are kept.

    Raises:
        UserError: it is not there, and cannot be fetched.
    """
    return _found(checkpoint, _fetch)


def _fetch(name: str, common: dict[str, Any]) -> Path:
    if Path(name).is_dir():
        return Path(name)
    if not _HUB_NAME.fullmatch(name):
        raise OSError("it is no name that the Hub could have")
    from huggingface_hub import snapshot_download

    def snapshot(*patterns: str) -> Path:
        return Path(snapshot_download(name, allow_patterns=[*_SMALL_FILES, *patterns], **common))

    folder = snapshot("*.safetensors", "*/*.safetensors")
    return folder if any(folder.rglob("*.safetensors")) else snapshot("pytorch_model*.bin")


def _found(checkpoint: str, load: Callable[[str, dict[str, Any]], _Loaded]) -> _Loaded:
    """What `load` makes of a checkpoint's name, from a folder, the local cache or the Hub, in this order."""
    from huggingface_hub import constants

    from naba.data import sources

    folder = Path(checkpoint).expanduser()
    name, _, revision = (str(folder), "", "") if folder.is_dir() else checkpoint.partition("@")
    offline = sources.is_offline(sources.current()) or constants.HF_HUB_OFFLINE
    common: dict[str, Any] = {"revision": revision} if revision else {}
    with _quiet():
        try:
            return load(name, {**common, "local_files_only": True})
        except OSError as error:
            if offline or Path(name).exists() or name.startswith((".", "/", "~")):
                raise _missing(checkpoint, error) from error
        try:
            _reach(name, revision)
            return load(name, common)
        except OSError as error:
            raise _missing(checkpoint, error) from error


def _reach(name: str, revision: str) -> None:
    """Ask the Hub for the model, once: without a network, loading would try again and again for each of its files.

    Raises:
        OSError: the Hub cannot be reached, or has no such model.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    # The HTTP library below differs between versions of the client; this is its error for all that can go wrong.
    http_error: Any = HfHubHTTPError.__bases__[0]
    try:
        HfApi().model_info(name, revision=revision or None, timeout=HUB_SECONDS)
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        found = "model" if isinstance(error, RepositoryNotFoundError) else f"revision '{revision}'"
        raise OSError(f"the Hub has no such {found}, or it is private and needs HF_TOKEN") from error
    except (http_error, HFValidationError) as error:
        raise OSError(f"the Hub cannot be reached ({str(error).partition(chr(10))[0]})") from error


def _load(
    name: str, labels: Sequence[str] | None, common: dict[str, Any], *, headless: bool = False
) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

    check_files(Path(name))
    kind: Any = AutoModel
    head: dict[str, Any] = {}
    common = {**common, "trust_remote_code": False}  # otherwise transformers asks at the terminal
    if labels is not None:
        kind = kind if headless else AutoModelForSequenceClassification
        named = {label: place for place, label in enumerate(labels)}
        head = {"num_labels": len(labels), "id2label": dict(enumerate(labels)), "label2id": named}
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **common)
        if not tokenizer.is_fast:
            raise UserError(f"checkpoint '{name}' has no fast tokenizer", "it needs a tokenizer.json")
        model, loading = kind.from_pretrained(
            name, ignore_mismatched_sizes=True, output_loading_info=True, **head, **common
        )
    except (SafetensorError, UnpicklingError, EOFError, RuntimeError) as error:
        # torch advises to run the pickle unseen, which nobody should.
        reason = "" if isinstance(error, UnpicklingError) else f": {str(error).strip().splitlines()[0]}"
        raise UserError(
            f"the weights of checkpoint '{name}' cannot be read{reason}",
            "download it again: the file is damaged, or not all of it is there",
        ) from error
    except ValueError as error:
        reason = str(error)
        hint = "it may need: pip install 'naba[sentencepiece]'" if "sentencepiece" in reason else None
        first = reason.splitlines()[0]
        raise UserError(f"checkpoint '{name}' is no encoder that transformers can load: {first}", hint) from error
    _check_weights(name, model, loading)
    _check_tokens(name, len(tokenizer), model)
    return tokenizer, model.float()


def check_files(folder: Path) -> None:
    """Refuse a folder with a pointer in the place of a file, or with weights that are not whole.

    Raises:
        UserError: they are.
        OSError: the folder has no configuration.
    """
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise OSError("it has no config.json")
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not path.is_file():
            continue
        with path.open("rb") as stream:
            start = stream.read(len(LFS))
        if start == LFS:
            weights = path.suffix in (".safetensors", ".bin")
            raise UserError(
                f"{path} is a Git LFS pointer, not the {'weights' if weights else 'file itself'}",
                "fetch it with `git lfs pull` in the folder it came from, or with `hf download`",
            )
        if path.suffix == ".safetensors":
            try:
                with safe_open(os.fspath(path), "np"):
                    pass
            except SafetensorError as error:
                raise UserError(
                    f"{path} is not whole, {path.stat().st_size} bytes: {error}", "download it again"
                ) from error


def _check_tokens(name: str, tokens: int, model: Any) -> None:
    """Refuse a tokenizer that does not belong to the model.

    Without its files transformers makes an empty one, to which every word is unknown.
    """
    rows = getattr(model.get_input_embeddings(), "num_embeddings", tokens)
    if not rows / 2 < tokens <= rows:
        raise UserError(
            f"checkpoint '{name}': its tokenizer has {tokens:,} tokens, its model {rows:,}",
            "do the tokenizer and the weights belong together, and is tokenizer.json there?",
        )


def _check_weights(name: str, model: Any, loading: Mapping[str, Any]) -> None:
    """Refuse a checkpoint without some of the encoder's weights; say which weights of the head are new.

    Raises:
        UserError: weights that training would have to invent are missing, are of another shape, or are no numbers.
    """
    unsound = [one for one, weight in model.named_parameters() if not weight.isfinite().all()]
    if unsound:
        raise UserError(f"checkpoint '{name}': the weights {unsound[0]} are not finite", "download it again")
    inside = f"{model.base_model_prefix}." if hasattr(model, model.base_model_prefix) else ""
    # What stands above the encoder is the head, which is new unless the checkpoint was fine-tuned.
    missing = sorted(loading["missing_keys"])
    wrong = {one[0]: one[1:] for one in loading["mismatched_keys"]}
    lacking = [one for one in missing if one.startswith(inside) and not one.startswith(f"{inside}pooler.")]
    reshaped = sorted(one for one in wrong if one.startswith(inside))
    if lacking or reshaped:
        total = sum(one.startswith(inside) for one in model.state_dict())
        problems = []
        if lacking:
            problems.append(f"{len(lacking)} of the {total} weights of the encoder are not in it ({lacking[0]}, …)")
        for one in reshaped[:1]:
            theirs, ours = (list(shape) for shape in wrong[one])
            problems.append(f"{len(reshaped)} are of another shape ({one}: {theirs}, config.json says {ours})")
        wanted = tuple(one.removeprefix(inside) for one in lacking)
        renamed = [one for one in sorted(loading["unexpected_keys"]) if lacking and one.endswith(wanted)]
        hint = "do config.json and the weights belong together?"
        if renamed:
            hint = f"it has others, such as {renamed[0]}: was it saved out of a wrapper?"
        raise UserError(f"checkpoint '{name}' does not fit its config.json: {'; '.join(problems)}", hint)
    new = sorted({*missing, *wrong})
    # An encoder without a head is not asked for what stands above it.
    if new and inside:
        logger.warning("checkpoint '%s': these weights are new and start at random: %s", name, ", ".join(new))


def _missing(checkpoint: str, error: OSError) -> UserError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if checkpoint.startswith(("/", ".", "~")) and not Path(checkpoint).expanduser().exists():
        return UserError(
            f"there is no folder '{checkpoint}'", "model.checkpoint is a folder, or a model's name on the Hub"
        )
    if Path(checkpoint).is_dir():
        return UserError(
            f"folder '{checkpoint}' holds no checkpoint: {reason}",
            "it needs config.json, model.safetensors and tokenizer.json",
        )
    return UserError(
        f"checkpoint '{checkpoint}' is neither a folder nor in the local cache, and cannot be fetched: {reason}",
        f"offline: run `hf download {checkpoint.partition('@')[0]} --local-dir FOLDER` on a machine with a network, "
        "copy the folder here, and give model.checkpoint=FOLDER; or train without weights: model=encoder_small",
    )


def freeze(model: Any, layers: int) -> None:
    """Exclude the lowest layers of an encoder, and the vectors below them, from training; 0 excludes nothing.

    Raises:
        UserError: it does not have so many.
    """
    import torch

    if not layers:
        return
    stacks = [one for one in model.modules() if isinstance(one, torch.nn.ModuleList)]
    stack = max(stacks, key=len, default=())
    if layers > len(stack):
        raise UserError(
            f"model.training.frozen_layers is {layers}, but the encoder has {len(stack)} layers of its own",
            "0 trains all of them",
        )
    below = [*model.get_input_embeddings().parameters(), *(one for part in stack[:layers] for one in part.parameters())]
    for name, part in model.named_modules():
        if name.endswith("embeddings"):
            below += part.parameters()
    for parameter in below:
        parameter.requires_grad_(requires_grad=False)


def positions(model: Any) -> int:
    """Tokens that a model can tell apart by their places; 0 where there is no end to them."""
    places: int = getattr(model.config, "max_position_embeddings", 0) or 0
    for part, module in model.named_modules():
        if part.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            places -= module.padding_idx + 1  # RoBERTa and its kin number positions behind the padding token's id
    return places


def check_length(model: Any, length: int, name: str, place: str) -> None:
    """Refuse windows that are longer than a checkpoint has positions.

    Args:
        place: the key of the configuration that says the length.
    Raises:
        UserError: they are.
    """
    places = positions(model)
    if 0 < places < length:
        windows = ", and model.reading.windows for long texts" if place == "model.reading.max_length" else ""
        raise UserError(
            f"{place} is {length}, but {name} has {places} positions", f"give {place}={places} or less{windows}"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's progress bars, and its remarks on heads that are new: they are meant to be."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


def new_tokenizer(texts: Sequence[str], vocabulary: int, max_length: int) -> Any:
    """A WordPiece tokenizer of at most `vocabulary` pieces, trained on `texts`; it marks two segments."""
    from tokenizers import Tokenizer, models, processors
    from transformers import PreTrainedTokenizerFast

    pieces = {piece: place for place, piece in enumerate(_pieces(texts, vocabulary))}
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token=SPECIAL["unk"]))
    _read_as_bert(tokenizer)
    cls, sep = SPECIAL["cls"], SPECIAL["sep"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {sep} $B:1 {sep}:1",
        special_tokens=[(token, pieces[token]) for token in (cls, sep)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_length,
        # Without it the second segment is invisible to the model.
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **{f"{kind}_token": token for kind, token in SPECIAL.items()},
    )


def _pieces(texts: Sequence[str], vocabulary: int) -> list[str]:
    """The word pieces, most basic first; the same for equal texts, every time.

    The trainer numbers the inner letters (`##x`) in the order of a randomly seeded hash table and breaks ties between
    pieces by number. Naming these letters beforehand, as it allows for special tokens only, settles the numbers.
    """
    from tokenizers import Tokenizer, models, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIAL["unk"]))
    _read_as_bert(tokenizer)
    letters = sorted({letter for text in texts for letter in tokenizer.normalizer.normalize_str(text)} - {" "})
    named = [*SPECIAL.values(), *(f"##{letter}" for letter in letters)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=max(vocabulary, len(named) + len(letters)),
        special_tokens=named,
        show_progress=False,
        min_frequency=2,
    )
    tokenizer.train_from_iterator(texts, trainer)
    found: dict[str, int] = tokenizer.get_vocab()
    return sorted(found, key=found.__getitem__)


def _read_as_bert(tokenizer: Any) -> None:
    from tokenizers import normalizers, pre_tokenizers

    tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=False, lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()


def new_model(architecture: Architecture, tokenizer: Any, labels: Sequence[str], max_length: int) -> Any:
    """A BERT with random weights (drawn from torch's generator) for `labels`.

    Raises:
        UserError: `hidden` is not a multiple of `heads`.
    """
    from transformers import BertConfig, BertForSequenceClassification

    if architecture.hidden % architecture.heads:
        raise UserError(
            f"model.architecture.hidden is {architecture.hidden}, which {architecture.heads} heads cannot share",
            "make it a multiple of model.architecture.heads",
        )
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=architecture.hidden,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        intermediate_size=4 * architecture.hidden,
        max_position_embeddings=max_length,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
        **dict.fromkeys(DROPOUTS, architecture.dropout),
    )
    return BertForSequenceClassification(config)
