"""Where a network for embeddings comes from: a folder, or a name on the Hub, of one of three kinds.

A checkpoint of transformers; a folder of sentence-transformers, which says how it pools; a folder of model2vec.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba.errors import UserError
from naba.models.embeddings.networks import POOLINGS, Network, Static, Transformer

if TYPE_CHECKING:
    from collections.abc import Mapping

MODULES = "modules.json"
_LENGTH = 256
_POOLING_KEYS = {
    "pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls", "pooling_mode_lasttoken": "last",
}  # fmt: skip
_TABLES = (("embeddings", "model.safetensors"), ("embedding.weight", "0_StaticEmbedding/model.safetensors"),
           ("embedding.weight", "model.safetensors"))  # fmt: skip
"""(tensor, file) of a table of token vectors, as model2vec and sentence-transformers write it."""


def default_prefix(checkpoint: str) -> str:
    """What a folder says that stands before each text, unless told otherwise; most say nothing."""
    file = Path(checkpoint).expanduser() / "config_sentence_transformers.json"
    content = _json(file) if file.is_file() else {}
    prompts, name = content.get("prompts"), content.get("default_prompt_name")
    found = prompts.get(name) if isinstance(prompts, dict) and isinstance(name, str) else None
    return found if isinstance(found, str) else ""


def family(checkpoint: str) -> str | None:
    """The `model_type` of a checkpoint's encoder; None for a table of vectors.

    Raises:
        UserError: it cannot be had.
    """
    from naba.models.encoder import weights

    folder = weights.fetched(checkpoint)
    weights.check_files(_inside(folder))
    return None if _table(folder) else str(_json(_inside(folder) / "config.json").get("model_type"))


def network(checkpoint: str, pooling: str | None, max_length: int | None) -> Network:
    """The network of a checkpoint.

    Args:
        checkpoint: a folder, or a name on the Hub, which may end in `@revision`.
        pooling: one of `POOLINGS`; None takes what the folder says, else the mean.
        max_length: tokens of a text that are read; None takes 256, or as many as the checkpoint has places.
    Raises:
        UserError: it is not there, is not whole, or has a part that is not known.
    """
    folder = Path(checkpoint).expanduser()
    stamp = tuple(sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir())) if folder.is_dir() else ()
    return _network(checkpoint, pooling, max_length, stamp)


@lru_cache(maxsize=2)
def _network(checkpoint: str, pooling: str | None, max_length: int | None, stamp: tuple[Any, ...]) -> Network:  # noqa: ARG001 - a changed folder is read again
    from naba.models.encoder import weights

    folder = weights.fetched(checkpoint)
    weights.check_files(_inside(folder))
    table = _table(folder)
    if table is not None:
        return Static(*table, _tokenizer(folder, checkpoint), max_length or _LENGTH)
    said = _said_pooling(folder, checkpoint)
    if pooling is not None and said is not None and pooling != said:
        raise UserError(
            f"model.pooling is {pooling}, but {checkpoint} was trained with {said}", "leave model.pooling=null"
        )
    tokenizer, model = weights.load_encoder(_inside(folder))
    if max_length is None:
        max_length = min(_LENGTH, weights.positions(model) or _LENGTH)
    weights.check_length(model, max_length, checkpoint, "model.max_length")
    return Transformer(model, tokenizer.backend_tokenizer, pooling or said or POOLINGS[0], max_length)


def _inside(folder: Path) -> Path:
    """Older folders of sentence-transformers have the encoder in one of their own."""
    older = folder / "0_Transformer"
    return older if older.is_dir() and not (folder / "config.json").is_file() else folder


def _table(folder: Path) -> tuple[Any, Any, Any] | None:
    """(vectors, mapping, weights) of a static folder; None for other folders."""
    from safetensors import safe_open

    for tensor, name in _TABLES:
        file = folder / name
        if not file.is_file():
            continue
        with safe_open(os.fspath(file), "np") as opened:
            names = set(opened.keys())
            if tensor in names and names <= {tensor, "mapping", "weights"}:
                rest = (opened.get_tensor(one) if one in names else None for one in ("mapping", "weights"))
                return opened.get_tensor(tensor), *rest
    return None


def _tokenizer(folder: Path, checkpoint: str) -> Any:
    from tokenizers import Tokenizer

    for file in (folder / "tokenizer.json", folder / "0_StaticEmbedding" / "tokenizer.json"):
        if file.is_file():
            try:
                return Tokenizer.from_file(os.fspath(file))
            except Exception as error:  # the library raises nothing narrower
                raise UserError(f"{file} is no tokenizer: {error}", "download it again") from error
    raise UserError(f"checkpoint '{checkpoint}' has no tokenizer.json")


def _said_pooling(folder: Path, checkpoint: str) -> str | None:
    """The pooling that a folder of sentence-transformers says; None where there is no such folder.

    Raises:
        UserError: it has a part beside encoder, pooling and unit length, or another pooling.
    """
    if not (folder / MODULES).is_file():
        return None
    said = None
    for module in _json(folder / MODULES, list):
        kind, place = str(module.get("type")).rpartition(".")[2], str(module.get("path", ""))
        if kind == "Pooling":
            said = _pooling(_json(folder / Path(place).name / "config.json"), checkpoint)
        elif kind not in {"Transformer", "Normalize"}:
            raise UserError(
                f"checkpoint '{checkpoint}' has a part '{kind}', which naba does not have",
                "known: Transformer, Pooling, Normalize, and static folders",
            )
    return said


def _pooling(content: Mapping[str, Any], checkpoint: str) -> str:
    chosen = [key for key, value in content.items() if key.startswith("pooling_mode_") and value is True]
    named = content.get("pooling_mode")
    found = [_POOLING_KEYS.get(key, key) for key in chosen] or [{"lasttoken": "last"}.get(str(named), str(named))]
    if len(found) != 1 or found[0] not in POOLINGS:
        raise UserError(f"checkpoint '{checkpoint}' pools by {', '.join(found)}", f"naba knows: {', '.join(POOLINGS)}")
    return found[0]


def _json(file: Path, kind: type = dict) -> Any:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file} cannot be read: {error}", "download it again") from error
    if not isinstance(content, kind):
        raise UserError(f"{file} holds a {type(content).__name__}, expected a {kind.__name__}", "download it again")
    return content
