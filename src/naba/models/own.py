"""Estimators that are not naba's: what a builder function of another package makes, as a classifier of naba's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.pipeline import Pipeline

from naba.config import packages
from naba.errors import UserError
from naba.models.classifier import DAMAGED, Classifier, code_labels, normalise_texts, text_columns

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    import pandas as pd

    from naba.arabic.profile import Profile
    from naba.config.builders import Context

FILE = "estimator.skops"
NEEDED = ("fit", "predict", "predict_proba")
ELSEWHERE = "install the package that has these types, or allow it where it lies: --package ./mypackage"


def adapted(made: Any, builder: str, context: Context, given: Mapping[str, Any]) -> Classifier:
    """What a builder function made, as a classifier.

    Args:
        made: a `Classifier`, which is returned as it is, or an estimator of scikit-learn's kind.
        given: what the function asked the run for; with `normalisation` it normalises texts itself.
    Raises:
        UserError: it lacks a method.
    """
    if isinstance(made, Classifier):
        return made
    if isinstance(made, type):
        name = f"{made.__module__}.{made.__qualname__}"
        raise UserError(f"builder '{builder}' returns the class {name}", f"return an object of it: {made.__name__}(…)")
    kind = f"{type(made).__module__}.{type(made).__qualname__}"
    lacking = [name for name in NEEDED if not callable(getattr(made, name, None))]
    if lacking:
        hint = "it returned nothing" if made is None else "an estimator has fit(X, y), predict(X) and predict_proba(X)"
        if lacking == ["predict_proba"] and is_classifier(made):
            hint = "sklearn.calibration.CalibratedClassifierCV(estimator) gives it probabilities"
        raise UserError(f"builder '{builder}' makes a {kind}, which has no {', '.join(lacking)}", hint)
    return OwnClassifier(made, None if "normalisation" in given else context.normalisation, context.seed)


class OwnClassifier(Classifier, ClassifierMixin, BaseEstimator):
    """An estimator that is not naba's: it is given a table with the columns text and target, normalised.

    It is kept by skops in a file of its own, and loaded where the user vouches for its types (`--trust`).

    Args:
        estimator: with `fit(X, y)` and `predict_proba(X)`; `classes_` once it is fitted.
        normalisation: of the texts; None leaves them as they are.
        seed: set as `random_state` where the estimator has one that is None.
    """

    apart: ClassVar[tuple[str, ...]] = ("estimator", "estimator_")

    def __init__(self, estimator: Any = None, normalisation: Profile | None = None, seed: int = 0) -> None:
        self.estimator = estimator
        self.normalisation = normalisation
        self.seed = seed

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name not in self.apart}

    @property
    def profile(self) -> Profile | None:  # type: ignore[override]
        """See `Classifier`."""
        return self.normalisation

    @property
    def explained_by(self) -> str | None:  # type: ignore[override]
        """See `Classifier`: pipelines that end in a linear, Bayesian or boosted classifier over named features."""
        from naba.models.explain import is_known

        found = getattr(self, "estimator_", self.estimator)
        known = isinstance(found, Pipeline) and is_known(found.steps[-1][1])
        return "features" if known and hasattr(found[:-1], "get_feature_names_out") else None

    def fit(self, X: Any, y: Any) -> OwnClassifier:
        """Fit the estimator. X: table of n rows; y: (n,) labels.

        Raises:
            UserError: it fails, or its `classes_` are not the labels.
        """
        labels, _ = code_labels(y)
        with packages.blaming(f"{self._kind}.get_params", "its __init__ keeps each argument under its own name"):
            self.estimator_ = clone(self.estimator) if hasattr(self.estimator, "get_params") else self.estimator
            parameters = self.estimator_.get_params() if hasattr(self.estimator_, "get_params") else {}
            if seeds := {name: self.seed for name, value in parameters.items()
                         if name.rpartition("__")[2] == "random_state" and value is None}:  # fmt: skip
                self.estimator_.set_params(**seeds)
        with packages.blaming(f"{self._kind}.fit", self._takes):
            self.estimator_.fit(self._table(X), np.asarray(y, dtype=object))
        classes = [str(label) for label in getattr(self.estimator_, "classes_", [])]
        if sorted(classes) != [str(label) for label in labels]:
            raise UserError(
                f"{self._kind}.classes_ are {', '.join(classes) or 'missing'}, the labels are {', '.join(labels)}",
                "fit sets classes_ to the labels that it was given",
            )
        self.classes_, self.probability_kind_ = np.array(sorted(classes), dtype=object), "model"
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """(n, k) probabilities in the order of `classes_`.

        Raises:
            UserError: the estimator fails, or gives another shape, or what is no probability.
        """
        table = self._table(X)
        with packages.blaming(f"{self._kind}.predict_proba", self._takes):
            given = self.estimator_.predict_proba(table)
        wanted = (len(table), len(self.classes_))
        try:
            found = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError) as error:
            kind = type(given).__name__
            raise UserError(
                f"{self._kind}.predict_proba gives a {kind}, expected an array of numbers {wanted}"
            ) from error
        if found.shape != wanted:
            raise UserError(
                f"{self._kind}.predict_proba gives an array of shape {found.shape}, expected {wanted}: one row a text, "
                "one column a label",
            )
        wrong = ~(
            np.isfinite(found).all(axis=1) & (found >= 0).all(axis=1) & np.isclose(found.sum(axis=1), 1, atol=1e-4)
        )
        if wrong.any():
            row = int(wrong.argmax())
            raise UserError(
                f"{self._kind}.predict_proba gives {int(wrong.sum())} of {len(wrong)} rows that are no probabilities; "
                f"row {row} is {np.round(found[row], 4).tolist()}",
                "a row holds numbers from 0 to 1 that add up to 1",
            )
        order = np.argsort([str(label) for label in self.estimator_.classes_], kind="stable")
        return np.asarray(found[:, order])

    def contributions(self, X: Any, codes: np.ndarray) -> tuple[np.ndarray, Any]:
        """See `Classifier`."""
        from naba.models.explain import contributions_for, unexplained

        if self.explained_by is None:
            raise unexplained(self.estimator_)
        before, last = self.estimator_[:-1], self.estimator_.steps[-1][1]
        order = np.argsort([str(label) for label in self.estimator_.classes_], kind="stable")
        names = np.asarray(before.get_feature_names_out(), dtype=object)
        return names, contributions_for(last, before.transform(self._table(X)), order[codes])

    @property
    def _kind(self) -> str:
        found = getattr(self, "estimator_", self.estimator)
        return f"{type(found).__module__}.{type(found).__qualname__}"

    @property
    def _takes(self) -> str:
        return "it is given a pandas table with the columns text and target (strings), and an array of labels"

    def _table(self, X: Any) -> pd.DataFrame:
        import pandas as pd

        texts, targets = (normalise_texts(column, self.normalisation) for column in text_columns(X))
        return pd.DataFrame({"text": texts, "target": targets}, dtype=object)


def why_not_kept(model: OwnClassifier) -> str | None:
    """Why its estimator, fitted or not, could not be written; None where it can."""
    from skops.io import dumps

    try:
        dumps(getattr(model, "estimator_", model.estimator))
    except Exception as error:  # noqa: BLE001 - skops raises what the estimator raises
        return f"skops cannot write a {model._kind}: {error}"  # noqa: SLF001
    return None


def save(model: OwnClassifier, folder: Path) -> None:
    """Write its estimator by skops."""
    from skops.io import dump

    dump(model.estimator_, folder / FILE)


def load_inside(model: Classifier, folder: Path, files: Collection[str]) -> None:
    """Read the estimator inside a classifier, where it is one of others, if the user vouches for its types.

    Raises:
        UserError: types that are not vouched for, all of them named; the file is missing or damaged.
    """
    own = model.inner
    if not isinstance(own, OwnClassifier):
        return
    if FILE not in files:
        raise UserError(f"{folder} does not list {FILE} among its files", DAMAGED)
    from skops.io import get_untrusted_types, load

    packages.load()
    needed = {_root(folder / FILE), *get_untrusted_types(file=folder / FILE)}
    missing = sorted(needed - packages.trusted())
    if missing:
        raise UserError(
            f"the classifier in {folder} is not naba's own: it holds {', '.join(missing)}, and loading it runs their "
            "code (skops takes the rest of scikit-learn on trust)",
            f"if you trust the folder and this code: --trust {','.join(sorted(needed))}, or NABA_TRUST",
        )
    with packages.blaming(f"loading {', '.join(sorted(needed))} from {folder}", ELSEWHERE):
        own.estimator = own.estimator_ = load(folder / FILE, trusted=sorted(needed))


def _root(file: Path) -> str:
    """The type of the outermost object; naba never loads a foreign estimator unasked, whatever skops would."""
    import json
    import zipfile

    with zipfile.ZipFile(file) as archive:
        schema = json.loads(archive.read("schema.json"))
    return f"{schema['__module__']}.{schema['__class__']}"
