"""What turns texts into vectors: a transformer with its pooling, or a static table of token vectors.

Each comes from a folder, or a name on the Hub, of one of three kinds: a checkpoint of transformers; a folder of
sentence-transformers, which says how it pools; a folder of model2vec.
"""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

POOLINGS = ("mean", "cls", "last")
STATIC = "static"
"""The `model_type` of a table of token vectors."""
_BATCH_TOKENS = 4096
"""Of one batch, padding included. On two cores 512 tokens are a third slower: each call has its price."""
_NOT_CONTENT = frozenset(
    ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version", "name_or_path")
)
"""Keys of a transformer's configuration that do not change what it computes."""
MODULES = "modules.json"
_LENGTH = 256
_POOLING_KEYS = {
    "pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls", "pooling_mode_lasttoken": "last",
}  # fmt: skip
_TABLES = (("embeddings", "model.safetensors"), ("embedding.weight", "0_StaticEmbedding/model.safetensors"),
           ("embedding.weight", "model.safetensors"))  # fmt: skip
"""(tensor, file) of a table of token vectors, as model2vec and sentence-transformers write it."""


class Network(ABC):
    """Frozen weights and their tokenizer.

    Attributes:
        tokenizer: of the library tokenizers.
        width: of a vector.
    """

    tokenizer: Any
    width: int
    _digest: str = ""

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """(n, width) float32 vectors of unit length; zeros for a text without tokens."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """What is needed beside the tensors to make the network again."""

    @abstractmethod
    def tensors(self) -> Mapping[str, Any]:
        """The weights by name, as numpy arrays or torch tensors."""

    @abstractmethod
    def reading(self) -> dict[str, Any]:
        """How it reads: pooling and length."""

    def plain_tokenizer(self) -> str:
        """The tokenizer's file, without what the last call set."""
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        text: str = self.tokenizer.to_str()
        return text

    def digest(self) -> str:
        """SHA-256 (hex) of all that decides its vectors: configuration, reading, tokenizer, weights."""
        if self._digest:
            return self._digest
        about = {key: value for key, value in self.config().items() if key not in _NOT_CONTENT} | self.reading()
        digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode())
        digest.update(self.plain_tokenizer().encode())
        for name, tensor in sorted(self.tensors().items()):
            array = np.ascontiguousarray(tensor if isinstance(tensor, np.ndarray) else tensor.cpu().numpy())
            digest.update(f"{name} {array.dtype} {array.shape} ".encode())
            digest.update(array.data)
        self._digest = digest.hexdigest()
        return self._digest


class Transformer(Network):
    """An encoder of transformers without a head.

    Args:
        model: an `AutoModel`.
        tokenizer: of the library tokenizers.
        pooling: one of `POOLINGS`.
        max_length: tokens of a text that are read.
    """

    def __init__(self, model: Any, tokenizer: Any, pooling: str, max_length: int) -> None:
        # Its weights are often not in a checkpoint, and no pooling here needs it.
        if getattr(model, "pooler", None) is not None:
            model.pooler = None
        self.model = model.float().eval().requires_grad_(requires_grad=False)
        self.tokenizer = tokenizer
        self.pooling = pooling
        self.max_length = max_length
        self.width = int(model.config.hidden_size)

    def config(self) -> dict[str, Any]:
        """See `Network`."""
        found: dict[str, Any] = self.model.config.to_dict()
        return found

    def tensors(self) -> Mapping[str, Any]:
        """See `Network`."""
        return {name: value.detach() for name, value in self.model.state_dict().items()}

    def reading(self) -> dict[str, Any]:
        """See `Network`."""
        return {"pooling": self.pooling, "max_length": self.max_length}

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """See `Network`; in float32, in batches of like length."""
        import torch

        from naba.models.encoder.training import device, fixed_threads

        ids = self.ids(texts)
        lengths = np.array([len(one) for one in ids], dtype=np.int64)
        where = device()
        self.model.to(where)
        found = np.zeros((len(ids), self.width), dtype=np.float32)
        # scikit-learn's part runs on one thread, and torch would share its limit.
        with torch.inference_mode(), fixed_threads(threads()):
            for rows in batches(lengths, _BATCH_TOKENS * (1 if where.type == "cpu" else 16)):
                found[rows] = self.pooled([ids[row] for row in rows]).cpu().numpy()
        return found

    def ids(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The tokens of each text, special ones among them, as int64."""
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.max_length)
        return [np.array(one.ids, dtype=np.int64) for one in self.tokenizer.encode_batch_fast(list(texts))]

    def pooled(self, ids: Sequence[np.ndarray]) -> Any:
        """(n, width) float32 tensor of unit length, where the model is: one batch, padded to its longest text."""
        import torch

        where = next(self.model.parameters()).device
        lengths = np.array([len(one) for one in ids])
        mask = np.arange(lengths.max()) < lengths[:, None]
        table = np.full(mask.shape, self.padding, dtype=np.int64)
        table[mask] = np.concatenate(ids)
        attention = torch.from_numpy(mask.astype(np.int64)).to(where)
        hidden = self.model(input_ids=torch.from_numpy(table).to(where), attention_mask=attention).last_hidden_state
        if self.pooling == "mean":
            pooled = (hidden * attention[:, :, None]).sum(1) / attention.sum(1, keepdim=True)
        elif self.pooling == "cls":
            pooled = hidden[:, 0]
        else:
            pooled = hidden[torch.arange(len(ids)), torch.from_numpy(lengths - 1).to(where)]
        return torch.nn.functional.normalize(pooled.float(), dim=1)

    @property
    def padding(self) -> int:
        """Id of the padding token."""
        return self.model.config.pad_token_id or 0


def threads() -> int:
    """Of the CPU: what `OMP_NUM_THREADS` says, else as many as this process may have."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    allowed = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    return int(said) if said.isascii() and said.isdigit() and int(said) else len(allowed)


def batches(lengths: np.ndarray, tokens: int) -> Iterator[np.ndarray]:
    """Rows in batches of at most so many tokens, padding included; the longest first, texts without tokens nowhere."""
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]
    start = 0
    while start < len(order):
        stop = start + max(1, int(tokens // lengths[order[start]]))
        yield order[start:stop]
        start = stop


class Static(Network):
    """The mean of a vector for each token (model2vec, Tulkens & van Dongen 2024): thousands of texts a second.

    Args:
        table: (v, d) vectors.
        mapping: (tokens,) row of each token in the table; None where token and row are one.
        weights: (tokens,) weight of each token; None where all weigh the same.
        tokenizer: of the library tokenizers.
        max_length: tokens of a text that are read.
    """

    def __init__(
        self, table: np.ndarray, mapping: np.ndarray | None, weights: np.ndarray | None, tokenizer: Any, max_length: int
    ) -> None:
        self.table, self.mapping, self.weights = table, mapping, weights
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.width = table.shape[1]
        self.unknown = _unknown(tokenizer)

    def config(self) -> dict[str, Any]:
        """See `Network`."""
        return {"model_type": STATIC}

    def tensors(self) -> Mapping[str, Any]:
        """See `Network`."""
        named = {"embeddings": self.table, "mapping": self.mapping, "weights": self.weights}
        return {name: array for name, array in named.items() if array is not None}

    def reading(self) -> dict[str, Any]:
        """See `Network`."""
        return {"max_length": self.max_length}

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """See `Network`."""
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        found = np.zeros((len(texts), self.width), dtype=np.float32)
        for row, one in enumerate(self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)):
            ids = np.array([token for token in one.ids if token != self.unknown][: self.max_length], dtype=np.int64)
            if len(ids):
                vectors = self.table[ids if self.mapping is None else self.mapping[ids]].astype(np.float32)
                if self.weights is not None:
                    vectors = vectors * self.weights[ids].astype(np.float32)[:, None]
                found[row] = vectors.mean(axis=0)
        length = np.linalg.norm(found, axis=1, keepdims=True)
        return found / np.where(length > 0, length, 1)


def _unknown(tokenizer: Any) -> int | None:
    model = json.loads(tokenizer.to_str())["model"]
    token = model.get("unk_token")
    found: int | None = tokenizer.token_to_id(token) if token else model.get("unk_id")
    return found


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
