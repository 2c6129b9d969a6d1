"""What turns texts into vectors: a transformer with its pooling, or a static table of token vectors."""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

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
