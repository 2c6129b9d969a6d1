"""A language model as a classifier: asked by prompt, one row at a time; answers are read, never guessed."""

from __future__ import annotations

import json
import logging
import math
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from naba.errors import UserError
from naba.evaluation.predictions import ANSWERED, NO_ANSWER, objects
from naba.evaluation.prices import TokenPrice
from naba.models.classifier import DAMAGED, Answers, Classifier, code_labels, text_columns
from naba.models.prompting import prompt
from naba.models.prompting.asking import (
    Abilities,
    Asker,
    Meter,
    Question,
    Request,
    abilities,
    money,
    record_name,
    recorded,
    remembered,
)
from naba.models.prompting.endpoint import KEY, Endpoint, address_problem
from naba.models.prompting.prompt import Form
from naba.models.prompting.reply import Reading, read
from naba.models.prompting.shots import COLUMNS, Shots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.models.embeddings.features import Embedder
    from naba.models.prompting.endpoint import Reply
    from naba.models.prompting.reply import Choices

logger = logging.getLogger(__name__)

ERROR = "error"
PROBE = "اختبار"
"""The text (test) that a server is asked about to find out what it takes."""
_BOUNDS = (
    ("sampling", "votes", 1, 1000),
    ("sampling", "max_tokens", 1, 10**6),
    ("sampling", "temperature", 0, 2),
    ("sampling", "seed", 0, 2**63),
    ("limits", "at_once", 1, 1000),
    ("limits", "retries", 0, 100),
    ("limits", "timeout", 0.001, 86400),
    ("limits", "budget", 0, math.inf),
)
"""What a file may say: group, name, least and largest value."""


class PromptedClassifier(Classifier, ClassifierMixin, BaseEstimator):
    """Asks a server for the label of each row. Nothing is trained: `fit` learns the labels and chooses shots.

    Args:
        endpoint: the address below which `/chat/completions` is.
        language_model: its name there.
        prompt: the fields of a `Prompt`, as plain values.
        label_names: label -> the name by which it is shown; the labels that occur in training if empty.
        shots: chooses the training rows that are shown before each row.
        sampling: `temperature`, `max_tokens`, `seed`, and `votes`, how often each row is asked.
        limits: `at_once`, `timeout`, `retries`, `budget`.
        price: `in` and `out` per million tokens, `dated`, `currency`; None if not known.

    Attributes:
        classes_: (k,) labels, sorted.
        probability_kind_: `tokens` (of the first token of the answer that stands for a label), `votes`, or `one_hot`.
        shots_: fitted.
        accepts_: what the server takes, see `Abilities`.
    """

    always_answers = False
    remote = True
    stored: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        endpoint: str,
        language_model: str | None,
        prompt: Mapping[str, Any],
        label_names: Mapping[str, str],
        shots: Shots,
        sampling: Mapping[str, Any],
        limits: Mapping[str, Any],
        price: Mapping[str, Any] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.language_model = language_model
        self.prompt = prompt
        self.label_names = label_names
        self.shots = shots
        self.sampling = sampling
        self.limits = limits
        self.price = price

    def fit(self, X: Any, y: Any, groups: Sequence[str] | None = None) -> PromptedClassifier:
        """Choose the shots among the rows of X, labels y and groups, and find out what the server takes.

        Raises:
            UserError: no server answers, or it has no such model.
        """
        self._learn(X, y, groups)
        with closing(self._asks.endpoint) as endpoint:
            self.accepts_ = vars(self._abilities(endpoint)).copy()
        tokens = self.accepts_["logprobs"] and self._votes == 1
        self.probability_kind_ = "tokens" if tokens else "votes" if self._votes > 1 else "one_hot"
        return self

    def _abilities(self, endpoint: Endpoint) -> Abilities:
        if self.language_model is None:
            served = endpoint.served()
            raise UserError(
                "model.language_model: say which one is asked",
                f"{self.endpoint} has: {', '.join(served) or '(it does not say, or does not answer)'}",
            )
        form = self._form
        asked = form.messages((), PROBE, PROBE)
        return abilities(endpoint, Question(self.language_model, asked, form.choices.ids, self.sampling))

    def _learn(self, X: Any, y: Any, groups: Sequence[str] | None) -> None:
        labels = [str(label) for label in y]
        self.classes_ = code_labels(sorted(self.label_names or set(labels)))[0]
        self.shots_ = clone(self.shots).fit(X, labels, groups)

    def plan(self, X: Any, y: Any, groups: Sequence[str] | None, asked: Any) -> dict[str, float]:
        """See `Classifier`: tokens are estimated from the letters, those of an answer are the most it may have."""
        self._learn(X, y, groups)
        known = remembered(self._asks.endpoint, str(self.language_model))
        self.accepts_ = vars(known or Abilities()).copy()
        requests = {one.name: one for row in self._requests(asked) for one in row}
        missing = [one for one in requests.values() if recorded(one.name) is None]
        tokens_in = sum(one.tokens_in for one in missing)
        tokens_out = float(sum(one.most_tokens_out for one in missing))
        found = {"rows": float(len(asked)), "requests": float(len(requests)), "asked": float(len(missing)),
                 "tokens_in": tokens_in, "tokens_out": tokens_out}  # fmt: skip
        return found | money(self._price, tokens_in, tokens_out)

    # --- answers ----------------------------------------------------------------------------------------------------

    def answer(self, X: Any) -> Answers:
        """See `Classifier`; rows without an answer have no label, equal probabilities and the reason.

        Raises:
            UserError: the budget is used up, or the server cannot be asked.
        """
        requests = self._requests(X)
        replies = self._asks.ask([one for row in requests for one in row])
        choices = self._form.choices
        labels, outcomes = [], []
        probabilities = np.full((len(requests), len(self.classes_)), 1 / len(self.classes_))
        for row, asked in enumerate(requests):
            said = [replies[one.name] for one in asked]
            readings = [Reading(ERROR) if one is None else read(one.text, choices, one.finish) for one in said]
            label, outcome = _decided(readings)
            if label is not None:
                probabilities[row] = self._probabilities(label, readings, said[0], choices)
            labels.append(NO_ANSWER if label is None else label)
            outcomes.append(outcome)
            for reply in filter(None, said):
                self._asks.meter.count(reply)
        self._asks.meter.rows += len(requests)
        return Answers(objects(labels), probabilities, outcomes=objects(outcomes))

    def _requests(self, X: Any) -> list[list[Request]]:
        takes = Abilities(**self.accepts_)
        form, model = self._form, str(self.language_model)
        samplings = [{**self.sampling, "seed": self.sampling["seed"] + vote} for vote in range(self._votes)]
        found = []
        for text, target, shots in zip(*text_columns(X), self.shots_.of(X), strict=True):
            asked = form.messages(shots, text, target)
            payloads = [takes.payload(Question(model, asked, form.choices.ids, one)) for one in samplings]
            found.append([Request(one, record_name(self.endpoint, one, vote)) for vote, one in enumerate(payloads)])
        return found

    def _probabilities(
        self, label: str, readings: Sequence[Reading], reply: Reply | None, choices: Choices
    ) -> np.ndarray:
        place = {name: index for index, name in enumerate(self.classes_.tolist())}
        found = np.zeros(len(place))
        weights: Mapping[str, float] | None = None
        if self._votes == 1 and reply is not None and reply.logprobs is not None:
            weights = token_weights(reply.logprobs, label, choices)
        if weights is None:
            weights = Counter[str](one.label for one in readings if one.label is not None)
        for name, weight in weights.items():
            found[place[name]] = weight
        total: np.ndarray = found / found.sum()
        return total

    # --- parts ------------------------------------------------------------------------------------------------------

    @property
    def embedder(self) -> Embedder | None:  # type: ignore[override]
        """See `Classifier`: of the shots."""
        features = vars(self.shots_).get("embeddings_")
        return None if features is None else features.embedder_

    @property
    def _votes(self) -> int:
        return int(self.sampling["votes"])

    @property
    def _form(self) -> Form:
        names = self.label_names or {str(label): str(label) for label in self.classes_}
        return Form(prompt.checked(self.prompt, "of the model"), names)

    @property
    def _price(self) -> TokenPrice | None:
        return None if self.price is None else TokenPrice.of_plain(self.price)

    @property
    def _asks(self) -> Asker:
        found: Asker | None = vars(self).get("_asker")
        if found is None:
            limits = self.limits
            # Whoever wrote a file must not learn the key of whoever loads it.
            trusted = not vars(self).get("_of_a_file", False)
            endpoint = Endpoint(self.endpoint, float(limits["timeout"]), int(limits["retries"]), trusted)
            found = self._asker = Asker(endpoint, int(limits["at_once"]), self._price, limits["budget"], Meter())
            if not trusted:
                logger.warning("texts are sent to %s, which this model asks", urlsplit(self.endpoint).netloc)
        return found

    # --- what is said and kept --------------------------------------------------------------------------------------

    def costs(self) -> dict[str, float]:
        """See `Classifier`."""
        meter = vars(self._asks.meter)
        found = {name: float(value) for name, value in meter.items() if name != "spent"}
        found["at_once"] = float(self._asks.at_once)
        return found | money(self._price, meter["tokens_in"], meter["tokens_out"])

    def facts(self) -> dict[str, Any]:
        """See `Classifier`."""
        return super().facts() | {"prompted": self._about()}

    def _about(self) -> dict[str, Any]:
        shots = self.shots_
        return {
            "endpoint": self.endpoint,
            "language_model": self.language_model,
            "task": self.prompt["task"],
            "language": self.prompt["language"],
            "shots": shots.count,
            "choose": shots.choose if shots.count else None,
            "nearest_by": None if not shots.is_nearest else "tf-idf" if shots.embeddings is None else "embeddings",
            "kept_rows": len(shots.rows_["text"]),
            "sampling": dict(self.sampling),
            "accepts": dict(self.accepts_),
            "price": None if self.price is None else dict(self.price),
            "key": f"from the environment alone ({KEY})",
        }

    def documents(self) -> dict[str, str]:
        """See `Classifier`: prompt, shots and endpoint."""
        import yaml

        found = {
            "prompt.yaml": yaml.safe_dump(dict(self.prompt), allow_unicode=True, sort_keys=False, width=110),
            "endpoint.json": json.dumps(self._about(), ensure_ascii=False, indent=1),
        }
        if (shots := self.shots_).count and not shots.is_nearest:
            columns = [shots.rows_[name][: shots.count] for name in COLUMNS]
            lines = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]
            found["shots.jsonl"] = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_asker"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        super().__setstate__(state)
        self._of_a_file = True

    @classmethod
    def check_state(cls, state: Mapping[str, Any]) -> None:
        """See `Kept`: an address, a prompt, numbers within bounds, and shots whose labels are known."""
        super().check_state(state)
        if "_asker" in state:
            raise UserError(f"{cls.__name__} has attributes that no file may set", DAMAGED)
        address = state.get("endpoint")
        if not isinstance(address, str) or address_problem(address) is not None:
            raise UserError(f"{cls.__name__}.endpoint is {str(address)[:80]!r}", DAMAGED)
        prompt.checked(state.get("prompt") or {}, "of the model")
        for group, name, least, most in _BOUNDS:
            value: Any = (state.get(group) or {}).get(name)
            unlimited = name == "budget" and value is None
            if not unlimited and (type(value) not in (int, float) or not least <= value <= most):
                raise UserError(f"{cls.__name__}.{group} has {name} {str(value)[:40]!r}", DAMAGED)
        try:
            TokenPrice.of_plain(state.get("price") or {"in": 0, "out": 0, "dated": "2000-01-01"})
        except ValueError as error:
            raise UserError(f"{cls.__name__}.price is none", DAMAGED) from error
        shown, known = state.get("shots_"), state.get("classes_")
        if shown is not None and known is not None and not set(shown.rows_["label"]) <= set(known.tolist()):
            raise UserError(f"{cls.__name__}.shots_ have labels that the model does not have", DAMAGED)


def _decided(readings: Sequence[Reading]) -> tuple[str | None, str]:
    """The label with the most votes, the first in a tie, and the outcome; without any label the commonest outcome."""
    votes = Counter(one.label for one in readings if one.label is not None)
    if votes:
        return votes.most_common(1)[0][0], ANSWERED
    return None, Counter(one.outcome for one in readings).most_common(1)[0][0]


def token_weights(logprobs: Sequence[Sequence[Sequence[Any]]], label: str, choices: Choices) -> dict[str, float] | None:
    """Label -> weight, of the first token that stands for the label that was answered; None where there is none.

    A token stands for a label if, without spaces and quotation marks, it is the label's id; likelihoods of several
    such tokens (`1`, ` 1`) are added. Labels that are not among the likeliest tokens get nothing.
    """
    of_id = dict(zip(choices.ids, choices.labels, strict=True))
    for position in logprobs:
        named = [(of_id.get(str(token).strip(" \"'\n*▁Ġ")), logarithm) for token, logarithm in position]
        weights: dict[str, float] = {}
        for found, logarithm in named:
            if found is not None and math.isfinite(logarithm):
                weights[found] = weights.get(found, 0.0) + math.exp(min(0.0, logarithm))
        if named[0][0] is not None and weights.get(label, 0.0) > 0:
            return weights
    return None
