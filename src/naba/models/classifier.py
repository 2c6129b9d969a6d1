"""The protocol of a classifier, and what every one does with its input: columns, chunks, label codes.

Needs numpy alone: the classifiers of ONNX folders, which run without scikit-learn, follow the same protocol.
"""

from __future__ import annotations

import hashlib
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from naba.arabic.profile import Profile, profile_from
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from naba.models.embeddings.features import Embedder
    from naba.models.onnx import Graph

COLUMNS = ("text", "target")
CHUNK_ROWS = 8192
PROBABILITY_KINDS = ("model", "calibrated", "one_hot", "tokens", "votes")
DAMAGED = "the directory is damaged: export it again"
MOVED = {
    "naba.models.embeddings.embedder": "naba.models.embeddings.features",
    "naba.models.pairs.blending": "naba.models.pairs.ensembles",
    "naba.models.pairs.stacking": "naba.models.pairs.ensembles",
    "naba.models.pairs.words": "naba.models.pairs.features",
}
"""Module that a kept file names -> where its classes are today."""


@dataclass(frozen=True)
class Answers:
    """What a classifier says about n rows.

    Attributes:
        labels: (n,) object.
        probabilities: (n, k) float64, in the order of `classes_`.
        withheld: (n,) bool, the answers that should not be given; None where the classifier withholds none.
        outcomes: (n,) object, one of `naba.evaluation.predictions.OUTCOMES` a row; None for a classifier that always
            answers. A row without an answer has the label "" and equal probabilities.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    withheld: np.ndarray | None = None
    outcomes: np.ndarray | None = None


class Kept:
    """A part of a classifier that can be saved: its class says what a file may hold below it.

    A file may name subclasses of this one that live in `naba.models` or beside a builder, and what they list; nothing
    else (`naba.classifier.estimators`). What a file sets is checked here, so that it is checked for every format.
    """

    holds: ClassVar[Mapping[Any, tuple[str, ...]]] = {}
    """Further types and functions -> the settings of theirs that may differ from the defaults."""
    stored: ClassVar[tuple[str, ...]] = ()
    """Attributes that are no settings and do not end in `_`, and that a file may set nevertheless."""
    features_version: ClassVar[int | None] = None
    """Of what this part makes of a text by rules of naba's (numbers, stems, cues): raised whenever equal texts begin to
    give other numbers. None where there are no such rules."""
    apart: ClassVar[tuple[str, ...]] = ()
    """Attributes that are kept in files of their own."""

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        state = dict(state or {})
        if isinstance(state.get("normalisation"), Profile):
            state["normalisation"] = state["normalisation"].to_dict()
        content: dict[str, Any] = state
        return content

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        content = dict(state)
        check_names(type(self), content)
        if isinstance(content.get("normalisation"), dict):
            content["normalisation"] = profile_from(content["normalisation"])
        self.check_state(content)
        self.__dict__.update(content)

    @classmethod
    def check_state(cls, state: Mapping[str, Any]) -> None:
        """Refuse attributes out of a file that do not fit together.

        Raises:
            UserError: they do not.
        """


def parameters(kind: type) -> dict[str, Any]:
    """The settings of an estimator's class -> their defaults (`inspect.Parameter.empty` where there is none)."""
    import inspect

    return {name: one.default for name, one in inspect.signature(kind).parameters.items()}


def check_names(kind: type, state: Mapping[str, Any]) -> None:
    """Refuse attributes that a file must not set: what is no setting and not learned, and what hides a method."""
    settings, stored = parameters(kind), getattr(kind, "stored", ())
    for name in state:
        learned = name.endswith("_") or name.startswith("_") or name in stored
        if not isinstance(name, str) or name.startswith("__") or not (name in settings or learned):
            raise UserError(f"{kind.__name__} has no '{name}' that a file may set", DAMAGED)
        if name not in settings and callable(getattr(kind, name, None)):
            raise UserError(f"'{name}' of a {kind.__name__} is a method, which no file may set", DAMAGED)


def check_foreign(kind: type, settings: tuple[str, ...], state: Mapping[str, Any]) -> None:
    """Refuse attributes of a type that is not naba's: settings that are not among `settings` and no defaults.

    Raises:
        UserError: there is one.
    """
    check_names(kind, state)
    defaults = parameters(kind)
    for name, value in state.items():
        plain = value is None or isinstance(value, (str, int, float, tuple))
        if name in defaults and name not in settings and not (plain and value == defaults[name]):
            raise UserError(f"{kind.__name__}.{name} is {str(value)[:60]!r}, which no file may set", DAMAGED)


def made(kind: type[Any], settings: tuple[str, ...], state: Mapping[str, Any]) -> Any:
    """An object of `kind` with the attributes of a file.

    Args:
        settings: of a type that is not naba's, those that may differ from the defaults.
    Raises:
        UserError: a file may not set one of them.
    """
    if not issubclass(kind, Kept):
        check_foreign(kind, settings, state)
    found: Any = object.__new__(kind)
    with warnings.catch_warnings():
        # Of another version of scikit-learn: the answers to fixed texts tell whether that matters.
        warnings.simplefilter("ignore")
        found.__setstate__(state)
    return found


def features_versions(part: Any) -> dict[str, int]:
    """Class -> version of all features that a classifier computes by naba's own rules (`Kept.features_version`)."""
    found: dict[str, int] = {}
    waiting, seen = [part], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, (str, bytes, np.ndarray)):
            continue
        seen.add(id(one))
        if isinstance(one, (list, tuple)):
            waiting.extend(one)
        elif isinstance(one, dict):
            waiting.extend(one.values())
        elif hasattr(one, "get_params") or isinstance(one, Kept):
            waiting.extend(vars(one).values())
        version = getattr(type(one), "features_version", None)
        if version is not None:
            found[type(one).__name__] = version
    return dict(sorted(found.items()))


class Classifier(Kept):
    """What naba asks of a trained model, whatever it is made of. A family of models is a subclass.

    `fit` comes from scikit-learn (`ClassifierMixin, BaseEstimator` behind this class); a subclass has `predict_proba`,
    or overrides `answer`.

    Attributes:
        classes_: (k,) labels, sorted.
        probability_kind_: `model` (its label is the one with the highest probability, the first in a tie),
            `calibrated`, `one_hot`, or, of a language model, `tokens` (its own, of the answer's token) or `votes`.
        history_: one mapping an epoch, where there are any.
        threshold: answers with a lower probability are withheld; None where none are.
        correction: how the probabilities of `inner` are corrected: `temperature`, or the `steps` of isotonic
            regressions; None where they are not.
        explained_by: what `explain` weighs: `features`, `words`, or None where it cannot explain.
        profile: the normalisation that is part of it, or None.
        embedder: the frozen encoder whose embeddings it reads, or None.
        takes_mapping: does it read a mapping of columns as well as a table of pandas?
        always_answers: is every row given a label?
        piece_rows: rows that a prediction job answers at once; what it does again at most, after it was killed.
        remote: is it somebody else's server that answers? What a file holds then does not decide the answers.
    """

    classes_: np.ndarray
    probability_kind_: str
    history_: Sequence[Mapping[str, Any]] = ()
    threshold: float | None = None
    correction: Mapping[str, Any] | None = None
    explained_by: str | None = None
    profile: Profile | None = None
    embedder: Embedder | None = None
    takes_mapping: ClassVar[bool] = False
    always_answers: bool = True
    piece_rows: ClassVar[int] = 2048
    remote: bool = False

    @property
    def inner(self) -> Classifier:
        """The classifier inside all wrappers; itself where there is none."""
        return self

    def answer(self, X: Any) -> Answers:
        """Labels and probabilities of a table, read once where the classifier allows it."""
        probabilities = np.asarray(self.predict_proba(X), dtype=np.float64)
        if self.probability_kind_ == "model":
            return Answers(np.asarray(self.classes_)[probabilities.argmax(axis=1)], probabilities)
        return Answers(self.predict(X), probabilities)

    def predict(self, X: Any) -> np.ndarray:
        """One label a row, (n,)."""
        return self.answer(X).labels

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities in the order of `classes_`, (n, k) float64."""
        return self.answer(X).probabilities

    def facts(self) -> dict[str, Any]:
        """What a description of the classifier says of its probabilities, calibration and threshold."""
        return {"probabilities": self.probability_kind_, "calibration": None, "abstain": None}

    def documents(self) -> dict[str, str]:
        """Name of a file -> its text: what a person should be able to read of it beside its folder, and in its run."""
        return {}

    def costs(self) -> dict[str, float]:
        """What the answers given so far have cost, where somebody else's server gave them.

        `rows`, `requests`, `asked` (of them not in the cache), `tokens_in`, `tokens_out`, `seconds` (of the requests,
        one after the other), `at_once`, and `money` where the prices are known.
        """
        return {}

    def plan(self, X: Any, y: Any, groups: Sequence[str] | None, asked: Any) -> dict[str, float]:  # noqa: ARG002
        """What answering the table `asked` would cost after training on X, y and groups; nothing is asked or trained.

        Keys as of `costs`; tokens and money are of what is not in the cache. {} where nobody is asked.
        """
        return {}

    def contributions(self, X: Any, codes: np.ndarray) -> tuple[np.ndarray, Any]:  # noqa: ARG002
        """(names, values): (features,) and (n, features) CSR, what each feature adds to the score of one label a row.

        Args:
            codes: (n,) place of each row's label in `classes_`.
        Raises:
            UserError: this classifier has no such features.
        """
        raise UserError(
            f"there are no explanations for a {type(self).__name__}",
            "linear, boosted, stacked and encoder models have them",
        )

    def explain(self, X: Any, codes: np.ndarray) -> list[list[tuple[str, float]]]:
        """For each row, what spoke for and against one label: (feature or word, part of the score)."""
        names, matrix = self.contributions(X, codes)
        return [row_parts(names, matrix, row) for row in range(len(codes))]

    def onnx(self, graph: Graph) -> tuple[list[str], str]:  # noqa: ARG002
        """Write the way from texts to probabilities, before any correction, into an ONNX graph.

        Returns:
            The graph's inputs, and the name of the probabilities.
        Raises:
            UserError: no operators there give the same numbers; says for what.
        """
        raise UserError(
            f"this model cannot be exact as ONNX: no operators there give the numbers of {type(self).__name__}",
            ELSEWHERE,
        )

    @classmethod
    def check_state(cls, state: Mapping[str, Any]) -> None:
        """See `Kept`; labels and the kind of probabilities."""
        classes = state.get("classes_")
        if classes is None:
            return
        if not isinstance(classes, np.ndarray) or classes.ndim != 1 or classes.dtype.kind not in "Oi":
            raise UserError(f"{cls.__name__}.classes_ are no labels", DAMAGED)
        if not len(classes) or len(set(classes.tolist())) != len(classes):
            raise UserError(f"{cls.__name__}.classes_ are {classes.tolist()}", DAMAGED)
        if state.get("probability_kind_") not in PROBABILITY_KINDS:
            raise UserError(f"{cls.__name__}.probability_kind_ is {state.get('probability_kind_')!r}", DAMAGED)


class Wrapper(Classifier):
    """A classifier round another one, `classifier_`; what it does not change is the other's."""

    classifier: Classifier
    classifier_: Classifier

    @property
    def inner(self) -> Classifier:
        """See `Classifier`; before it is fitted, that of the classifier that will be."""
        inside: Any = vars(self).get("classifier_", vars(self).get("classifier"))
        found: Classifier = inside.inner
        return found

    @property
    def correction(self) -> Mapping[str, Any] | None:  # type: ignore[override]
        """See `Classifier`."""
        return self.classifier_.correction

    @property
    def threshold(self) -> float | None:  # type: ignore[override]
        """See `Classifier`."""
        return self.classifier_.threshold

    @property
    def explained_by(self) -> str | None:  # type: ignore[override]
        """See `Classifier`."""
        return self.classifier_.explained_by

    @property
    def always_answers(self) -> bool:  # type: ignore[override]
        """See `Classifier`."""
        return self.classifier_.always_answers

    @property
    def remote(self) -> bool:  # type: ignore[override]
        """See `Classifier`."""
        return self.classifier_.remote

    @property
    def profile(self) -> Profile | None:  # type: ignore[override]
        """See `Classifier`."""
        return self.classifier_.profile

    def answer(self, X: Any) -> Answers:
        """See `Classifier`."""
        return self.classifier_.answer(X)

    def predict(self, X: Any) -> np.ndarray:
        """One label a row, (n,)."""
        return self.classifier_.predict(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities in the order of `classes_`, (n, k) float64."""
        return self.classifier_.predict_proba(X)

    def facts(self) -> dict[str, Any]:
        """See `Classifier`."""
        return self.classifier_.facts() | {"probabilities": self.probability_kind_}

    def documents(self) -> dict[str, str]:
        """See `Classifier`."""
        return self.classifier_.documents()

    def costs(self) -> dict[str, float]:
        """See `Classifier`."""
        return self.classifier_.costs()

    def plan(self, X: Any, y: Any, groups: Sequence[str] | None, asked: Any) -> dict[str, float]:
        """See `Classifier`; of the classifier that will be fitted."""
        found: Classifier = vars(self)["classifier"]
        return found.plan(X, y, groups, asked)

    def contributions(self, X: Any, codes: np.ndarray) -> tuple[np.ndarray, Any]:
        """See `Classifier`."""
        return self.classifier_.contributions(X, codes)

    def explain(self, X: Any, codes: np.ndarray) -> list[list[tuple[str, float]]]:
        """See `Classifier`."""
        return self.classifier_.explain(X, codes)

    def onnx(self, graph: Graph) -> tuple[list[str], str]:
        """See `Classifier`."""
        return self.classifier_.onnx(graph)


def certainty(classifier: Classifier, answers: Answers) -> np.ndarray:
    """(n,) the probability of each row's label; 0 for a row without an answer."""
    places = {label: place for place, label in enumerate(classifier.classes_.tolist())}
    columns = [places.get(label, 0) for label in answers.labels.tolist()]
    return np.where(answers.labels != "", answers.probabilities[np.arange(len(columns)), columns], 0.0)


def withheld(classifier: Classifier, answers: Answers, threshold: float) -> Answers:
    """The answers, with those withheld whose label has a probability below `threshold`."""
    return replace(answers, withheld=certainty(classifier, answers) < threshold)


def row_parts(names: np.ndarray, matrix: Any, row: int) -> list[tuple[str, float]]:
    """The names and values of one row of a CSR matrix, without its zeros that are not stored."""
    start, stop = matrix.indptr[row], matrix.indptr[row + 1]
    columns, values = matrix.indices[start:stop], matrix.data[start:stop]
    return [(str(names[column]), float(value)) for column, value in zip(columns, values, strict=True)]


ELSEWHERE = "--format directory is exact, small, and needs neither torch nor transformers; so is --format mlflow"


def text_columns(table: Any) -> tuple[list[str], list[str]]:
    """The columns `text` and `target` of a table, as lists of str.

    Args:
        table: a pandas DataFrame (or a mapping of columns); `target` may be absent, and is then empty.
    Raises:
        UserError: there is no `text` column, or a cell is not a string.
    """
    names = [str(name) for name in getattr(table, "columns", table)] if _has_columns(table) else []
    if "text" not in names:
        found = f"columns {', '.join(names) or 'none'}" if names else f"a {type(table).__name__}"
        raise UserError(
            f"a model needs a table with columns text and target, not {found}",
            "give it pandas.DataFrame({'text': […], 'target': […]}); target is '' for single texts",
        )
    texts = _strings(table["text"], "text")
    targets = _strings(table["target"], "target") if "target" in names else [""] * len(texts)
    return texts, targets


def _has_columns(table: Any) -> bool:
    return hasattr(table, "columns") or isinstance(table, dict)


def _strings(column: Any, name: str) -> list[str]:
    values = list(column.tolist() if hasattr(column, "tolist") else column)
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise UserError(f"column {name}, row {row}: expected a string, found {value!r}")
    return values


def chunks(table: Any, rows: int = CHUNK_ROWS) -> Iterator[Any]:
    """Parts of a DataFrame of at most `rows` rows, in order, so that prediction runs in bounded memory."""
    if not hasattr(table, "iloc"):
        yield table
        return
    for start in range(0, len(table), rows):
        yield table.iloc[start : start + rows]


def code_labels(labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Labels as (classes, codes): the sorted distinct labels, and for each row the place of its label.

    Args:
        labels: (n,) strings, or integers all.
    Raises:
        UserError: no labels, or one that is not a string.
    """
    values = list(labels.tolist() if hasattr(labels, "tolist") else labels)
    if not values:
        raise UserError("there are no training rows", "look at the split: its training part is empty")
    # scikit-learn's stacking hands its parts labels that it has coded as integers.
    kind = int if isinstance(values[0], int) else str
    wrong = next((row for row, value in enumerate(values) if not isinstance(value, kind)), None)
    if wrong is not None:
        raise UserError(f"label of row {wrong}: expected a string, found {values[wrong]!r}")
    classes = sorted(set(values))
    place = {label: index for index, label in enumerate(classes)}
    codes = np.fromiter((place[value] for value in values), dtype=np.int64, count=len(values))
    return np.array(classes, dtype=object if kind is str else np.int64), codes


def require_classes(classes: Sequence[str], model: str) -> None:
    """Refuse training data of a single class, which no classifier can learn from."""
    if len(classes) < 2:
        raise UserError(
            f"{model} needs at least two labels in the training part, found only '{classes[0]}'",
            "choose another split, or model=majority",
        )


_FOLLOWER: ContextVar[Callable[[Mapping[str, Any]], None] | None] = ContextVar("follower", default=None)


@contextmanager
def followed_by(follower: Callable[[Mapping[str, Any]], None]) -> Iterator[None]:
    """Give `follower` what is known of each epoch when it ends, as it will stand in `history_`."""
    token = _FOLLOWER.set(follower)
    try:
        yield
    finally:
        _FOLLOWER.reset(token)


def tell_follower(entry: Mapping[str, Any]) -> None:
    """Give an epoch to whoever follows this training."""
    if follower := _FOLLOWER.get():
        follower(entry)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Rows of scores, shape (n, k), as probabilities that sum to 1, float64."""
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(axis=1, keepdims=True)


def two_columns(scores: np.ndarray) -> np.ndarray:
    """scikit-learn's single score of a two-class model as two columns whose difference it is, shape (n, 2)."""
    if scores.ndim == 2:
        return scores
    return np.column_stack([-scores / 2, scores / 2])


def text_digest(texts: Iterable[str], before: str = "") -> str:
    """SHA-256 (hex) of what stands before, and of the digests of the texts in order: it says where each text ends."""
    digest = hashlib.sha256(before.encode())
    for text in texts:
        digest.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    return digest.hexdigest()


def normalise_texts(texts: Sequence[str], profile: Profile | None) -> list[str]:
    """The texts after a profile's rules; None leaves them as they are."""
    if profile is None:
        return list(texts)
    from naba.arabic.normalise import normalise_all

    return normalise_all(texts, profile)
