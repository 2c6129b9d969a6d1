"""Encoders as scikit-learn classifiers: fine-tuned from a checkpoint, or trained from scratch."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from naba.errors import UserError
from naba.models.classifier import DAMAGED, Classifier, chunks, code_labels, require_classes, softmax, text_columns
from naba.models.encoder.options import Architecture, Pretrained, Reading, Training, options

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from naba.arabic.normalise import Profile
    from naba.evaluation.metrics import Metric
    from naba.models.encoder.data import Batch, Tokens
    from naba.models.encoder.training import Forward

SPECIAL_TOKENS = ("pad", "unk", "cls", "sep", "mask", "bos", "eos")
_OF_OLDER_FILES = ("primary_metric",)
STEPS = 32
"""Points on the line of integrated gradients."""


class EncoderClassifier(Classifier, ClassifierMixin, BaseEstimator):
    """A transformer with a classification head.

    Pairs are two segments: the target, then the text. Equal seeds give equal predictions on one kind of processor.

    Args:
        start: `Pretrained(checkpoint)` or `Architecture(…)`.
        reading, training: options; early stopping goes by `training.stopping_metric`, without one by `macro_f1`.
        pair: use `target` as well as `text`.
        normalisation: profile applied where `reading.preprocessing` is `profile`.
        seed: of new weights, batches and dropout.
        checkpoint_folder: where a training keeps its checkpoint until it is done, so that it can be resumed.

    Attributes:
        classes_: labels, (k,) object.
        history_: one dict an epoch: epoch, train_loss, learning_rate, train_seconds, and with validation rows
            validation_loss and validation_<metric>.
        best_epoch_: the epoch whose weights are kept (from 1); the last one without validation rows.
        stopping_metric_: the metric that was watched, or None.
        model_, tokenizer_: the transformers objects.
        probability_kind_: `model`.
    """

    explained_by = "words"
    stored: ClassVar[tuple[str, ...]] = ("special_tokens",)
    special_tokens: Mapping[str, str] = {}

    def __init__(
        self,
        start: Pretrained | Architecture,
        reading: Reading,
        training: Training,
        *,
        pair: bool = False,
        normalisation: Profile | None = None,
        seed: int = 0,
        checkpoint_folder: Path | None = None,
    ) -> None:
        self.start = start
        self.reading = reading
        self.training = training
        self.pair = pair
        self.normalisation = normalisation
        self.seed = seed
        self.checkpoint_folder = checkpoint_folder

    def fit(self, X: Any, y: Any, validation: tuple[Any, Any] | None = None) -> EncoderClassifier:
        """Train on a table X of n rows with columns text and target, and their labels y, (n,).

        Args:
            validation: (X, y) to choose the best epoch on; without it all epochs are trained.
        Raises:
            UserError: one label only, or a checkpoint that cannot be loaded.
        """
        from naba.models.encoder.layers import read_vectors
        from naba.models.encoder.training import FineTuning, fixed_threads

        self.classes_, codes = code_labels(y)
        require_classes(self.classes_.tolist(), "an encoder")
        self.probability_kind_ = "model"
        self.stopping_metric_ = self._watched() if validation is not None else None
        with fixed_threads(self.training.threads):
            texts, targets = self._prepared(X)
            self._start(texts, targets)
            tokens = self._tokens(texts, targets)
            held = [] if validation is None else [self.tokens(validation[0])]
            read = [one.ids for one in (tokens, *held)]
            with read_vectors(self.model_, read, self.tokenizer_.pad_token_id or 0):
                forward = self._forward(training=True)
                if self.head == "means":
                    self.model_.start(forward.features(tokens, 2 * self.training.batch_size), codes)
                store = self._store((X, y), validation)
                tuning = FineTuning(forward, self.training, self._class_weights(codes), self.seed, store)
                evaluate = None if validation is None else self._evaluator(forward, held[0], validation[1])
                progress = tuning.run(tokens, codes, evaluate)
        self.history_ = progress.history
        self.best_epoch_ = progress.best_epoch or progress.epoch
        self.model_.eval()
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities in the order of `classes_`, (n, k) float64; computed in float32, in chunks of rows."""
        return softmax(self.decision_scores(X))

    def decision_scores(self, X: Any) -> np.ndarray:
        """The scores before the softmax, (n, k) float32."""
        from naba.models.encoder.training import device, fixed_threads

        self.model_.to(device())
        forward = self._forward(training=False)
        with fixed_threads(self.training.threads):
            parts = [forward.scores(self.tokens(part), 2 * self.training.batch_size) for part in chunks(X)]
        return np.concatenate(parts) if parts else np.empty((0, len(self.classes_)), dtype=np.float32)

    def _prepared(self, X: Any) -> tuple[list[str], list[str] | None]:
        from naba.models.encoder.data import prepare

        texts, targets = text_columns(X)
        step = self.reading.preprocessing
        return prepare(texts, step, self.normalisation), prepare(
            targets, step, self.normalisation
        ) if self.pair else None

    def tokens(self, X: Any) -> Tokens:
        """The rows of table X as the model reads them."""
        return self._tokens(*self._prepared(X))

    def reads_types(self) -> bool:
        """Does the fitted model tell segments apart by `token_type_ids`?"""
        return self.compares or getattr(self.model_.config, "type_vocab_size", 0) > 1

    @property
    def head(self) -> str:
        """See `naba.models.encoder.options.Pretrained`."""
        return getattr(self.start, "head", "first")

    @property
    def compares(self) -> bool:
        """Does its head compare the two sides of a pair?"""
        return self.pair and self.head == "means"

    def _tokens(self, texts: list[str], targets: list[str] | None) -> Tokens:
        from naba.models.encoder.data import tokenise

        return tokenise(self.tokenizer_, texts, targets, self.reading)

    def _start(self, texts: list[str], targets: list[str] | None) -> None:
        import torch

        from naba.models.encoder import weights as encoder_start

        labels = [str(label) for label in self.classes_]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            if isinstance(self.start, Pretrained):
                self.tokenizer_, self.model_ = encoder_start.load_pretrained(
                    self.start.checkpoint, labels, self.start.head, pair=self.pair
                )
            else:
                length = self.reading.max_length
                distinct = list(dict.fromkeys([*texts, *(targets or ())]))
                self.tokenizer_ = encoder_start.new_tokenizer(distinct, self.start.vocabulary, length)
                self.model_ = encoder_start.new_model(self.start, self.tokenizer_, labels, length)
        encoder_start.check_length(self.model_, self.reading.max_length, "the checkpoint", "model.reading.max_length")
        encoder_start.freeze(self.model_, self.training.frozen_layers)

    def _forward(self, *, training: bool) -> Forward:
        from naba.models.encoder.training import Forward, device, has_bfloat16

        precision = self.training.precision
        # On a CPU `auto` is measured when the training begins.
        where = device()
        automatic = precision == "auto" and where.type != "cpu" and has_bfloat16(where)
        fast = training and (precision == "bfloat16" or automatic)
        padding = self.tokenizer_.pad_token_id or 0
        return Forward(self.model_, padding, self.reads_types(), self.reading.pooling, fast)

    def _class_weights(self, codes: np.ndarray) -> np.ndarray | None:
        if self.training.class_weight is None:
            return None
        counts = np.bincount(codes, minlength=len(self.classes_))
        return len(codes) / (len(counts) * counts)

    def _watched(self) -> str:
        from naba.evaluation.metrics import metric

        name = self.training.stopping_metric or "macro_f1"
        # A metric over topics or of a ranking cannot be had from labels alone.
        return name if metric(name).needs == "confusion" else "macro_f1"

    def _evaluator(self, forward: Forward, tokens: Tokens, y: Any) -> Any:
        """A function that scores the model on validation rows."""
        from naba.evaluation.metrics import metric

        watched: Metric = metric(str(self.stopping_metric_))
        gold = [str(label) for label in y]
        labels = [str(label) for label in self.classes_]
        labels += sorted(set(gold) - set(labels))
        places = np.array([labels.index(label) for label in gold])
        known = places < len(self.classes_)

        def evaluate() -> dict[str, float]:
            probabilities = softmax(forward.scores(tokens, 2 * self.training.batch_size))
            counts = np.zeros((len(labels), len(labels)))
            np.add.at(counts, (places, probabilities.argmax(axis=1)), 1)
            value = float(watched.function(counts, labels))
            right = probabilities[known, places[known]]
            loss = float(-np.log(np.maximum(right, 1e-12)).mean()) if known.any() else float("nan")
            signed = value if watched.higher_is_better else -value
            return {"validation_loss": loss, f"validation_{watched.name}": value, "watched": signed}

        return evaluate

    def _store(self, *tables: tuple[Any, Any] | None) -> Any:
        if self.checkpoint_folder is None:
            return None
        from naba.models.encoder.checkpoints import Store

        settings = [dataclasses.asdict(part) for part in (self.start, self.reading, self.training)]
        about = [settings, self.pair, self.seed, repr(self.normalisation)]
        rows = [[*text_columns(X), [str(label) for label in y]] for X, y in filter(None, tables)]
        digest = hashlib.sha256(json.dumps([about, rows], sort_keys=True).encode("ascii"))
        return Store(self.checkpoint_folder, digest.hexdigest())

    def explain(self, X: Any, codes: np.ndarray) -> list[list[tuple[str, float]]]:
        """See `Classifier`; integrated gradients of words."""
        return word_attributions(self, X, codes)

    def contributions(self, X: Any, codes: np.ndarray) -> Any:  # noqa: ARG002
        """Refused."""
        raise UserError("an encoder has no features that rows share", "explain its rows one by one")

    def __getstate__(self) -> dict[str, Any]:
        """Settings and what was learned, but network and tokenizer: those have files of their own.

        `naba.classifier.encoders` writes them into a folder; `__reduce__` carries them where a copy is pickled.
        """
        state = super().__getstate__()
        state.pop("model_", None)
        tokenizer = state.pop("tokenizer_", None)
        if tokenizer is not None:
            tokens = {kind: getattr(tokenizer, f"{kind}_token") for kind in SPECIAL_TOKENS}
            state["special_tokens"] = {kind: str(token) for kind, token in tokens.items() if token}
        state["checkpoint_folder"] = None
        for name in ("start", "reading", "training"):
            state[name] = {"kind": type(state[name]).__name__, "values": dataclasses.asdict(state[name])}
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        content = {name: value for name, value in state.items() if name not in _OF_OLDER_FILES}
        for name in ("start", "reading", "training"):
            content[name] = _options_from(name, content.get(name))
        super().__setstate__(content)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Weights as arrays: a model trained on a GPU loads where there is none."""
        model = vars(self).get("model_")
        if model is None:
            return super().__reduce_ex__(protocol)
        weights = {name: value.cpu().numpy() for name, value in model.state_dict().items()}
        return _from_parts, (type(self), self.__getstate__(), model.config.to_dict(), weights, self.tokenizer_)


_OPTIONS: dict[str, tuple[type, ...]] = {
    "start": (Pretrained, Architecture), "reading": (Reading,), "training": (Training,),
}  # fmt: skip


def _options_from(name: str, given: Any) -> Any:
    """Options out of a file, checked as those of a configuration are."""
    kinds = {kind.__name__: kind for kind in _OPTIONS[name]}
    if not isinstance(given, dict) or set(given) != {"kind", "values"} or given["kind"] not in kinds:
        raise UserError(f"an encoder's {name} is no {' or '.join(kinds)}", DAMAGED)
    return options(kinds[given["kind"]], given["values"], name)


def _from_parts(
    kind: type[EncoderClassifier], state: Any, config: Any, weights: Any, tokenizer: Any
) -> EncoderClassifier:
    """The copy that `__reduce_ex__` describes."""
    import torch
    from transformers import AutoConfig

    from naba.models.encoder.weights import unloaded

    encoder = kind.__new__(kind)
    encoder.__setstate__(state)
    encoder.tokenizer_ = tokenizer
    encoder.model_ = unloaded(AutoConfig.for_model(**config), encoder.head, pair=encoder.pair)
    encoder.model_.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    encoder.model_.float().eval()
    return encoder


def word_attributions(
    model: EncoderClassifier, X: Any, codes: np.ndarray, steps: int = STEPS
) -> list[list[tuple[str, float]]]:
    """The words of each row with their part in the score of one label, in the order of the text.

    Sundararajan et al. 2017, arXiv 1703.01365: gradients of the label's score, averaged on the straight line from a
    text of padding to the text (Gauss-Legendre quadrature), times the way. The parts sum to the difference of the
    two scores. Pieces are summed to words, the windows of a long text to one list.

    Args:
        model: a fitted encoder.
        codes: (n,) place of each row's label in `model.classes_`.
        steps: points on the line.
    Returns:
        (word, part) lists; a word of a pair is `target:…` or `text:…`.
    """
    from naba.models.encoder.training import device, fixed_threads

    network = model.model_.to(device()).float().eval()
    tokens = model.tokens(X)
    with fixed_threads(model.training.threads):
        found = []
        for row, code in enumerate(codes):
            batch = tokens.batch(np.array([row]), model.tokenizer_.pad_token_id or 0)
            found.append(_words(model, batch, _integrate(model, network, batch, int(code), steps)))
    return found


def _integrate(model: EncoderClassifier, network: Any, batch: Batch, code: int, steps: int) -> np.ndarray:
    """(windows, width) part of each token in the pooled score."""
    import torch

    from naba.models.encoder.training import pool
    from naba.models.explain import quadrature

    ids, blank, rest = _inputs(model, network, batch)
    embed = network.get_input_embeddings()
    with torch.no_grad():
        start, end = embed(blank), embed(ids)
    total = torch.zeros_like(end)
    for point, weight in quadrature(steps):
        place = (start + point * (end - start)).requires_grad_()
        scores = network(inputs_embeds=place, **rest).logits
        score = pool(scores, batch.owner, 1, model.reading.pooling)[0, code]
        total += weight * torch.autograd.grad(score, place)[0]
    return ((end - start) * total).sum(dim=-1).cpu().numpy()


def _inputs(model: EncoderClassifier, network: Any, batch: Batch) -> tuple[Any, Any, dict[str, Any]]:
    """(token ids, the same with padding instead of words, what else the network reads) as tensors."""
    import torch

    where = next(network.parameters()).device
    ids = torch.from_numpy(batch.ids).to(where)
    rest = {"attention_mask": torch.from_numpy(batch.mask).to(where)}
    if model.reads_types():
        rest["token_type_ids"] = torch.from_numpy(batch.types).to(where)
    special = torch.tensor(sorted(set(model.tokenizer_.all_special_ids)), device=where)
    blank = torch.where(torch.isin(ids, special), ids, torch.full_like(ids, model.tokenizer_.pad_token_id or 0))
    return ids, blank, rest


def _words(model: EncoderClassifier, batch: Batch, parts: np.ndarray) -> list[tuple[str, float]]:
    """Pieces of words put together: `##` goes on with a word, `▁` begins one."""
    special = set(model.tokenizer_.all_special_ids)
    words: list[tuple[str, float]] = []
    for ids, types, mask, values in zip(batch.ids, batch.types, batch.mask, parts, strict=True):
        pieces = model.tokenizer_.convert_ids_to_tokens(ids.tolist())
        marked = any(piece.startswith("▁") for piece in pieces)
        begun = False
        for piece, token, kind, kept, value in zip(pieces, ids, types, mask, values, strict=True):
            if not kept or int(token) in special:
                begun = False
                continue
            inner = begun and (piece.startswith("##") if not marked else not piece.startswith("▁"))
            text = piece.removeprefix("##").removeprefix("▁")
            side = ("text:" if kind else "target:") if model.pair else ""
            if inner:
                words[-1] = (words[-1][0] + text, words[-1][1] + float(value))
            else:
                words.append((side + text, float(value)))
            begun = True
    return words
