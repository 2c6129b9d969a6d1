"""Normalisation as a scikit-learn transformer; apart from `normalise`, which needs numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from naba.arabic.normalise import NEWS, Profile, normalise_all
from naba.errors import UserError

if TYPE_CHECKING:
    from sklearn.utils import Tags


class Normaliser(TransformerMixin, BaseEstimator):
    """The profile as a scikit-learn transformer; nothing is fitted.

    Takes and gives a list, an object array (n,) or a Series of texts, or a DataFrame whose columns `text` and
    `target` (whichever it has) are normalised; index, order and other columns are kept.
    """

    def __init__(self, profile: Profile = NEWS) -> None:
        self.profile = profile

    def fit(self, X: Any, y: Any = None) -> Normaliser:  # noqa: ARG002
        """Nothing to learn."""
        return self

    def transform(self, X: Any) -> Any:
        """The texts after the profile's rules, in the container they came in.

        Raises:
            UserError: a value is not text (the message names its row), or a table has neither column.
        """
        if isinstance(X, pd.DataFrame):
            columns = [column for column in ("text", "target") if column in X.columns]
            if not columns:
                raise UserError(f"the table has columns {list(X.columns)}; expected 'text', and 'target' for pairs")
            return X.assign(**{column: self._series(X[column]) for column in columns})
        if isinstance(X, pd.Series):
            return self._series(X)
        texts = self._texts(list(X), "")
        if isinstance(X, np.ndarray):
            return np.array([*texts, None], dtype=object)[:-1]
        return texts

    def _series(self, values: pd.Series) -> pd.Series:
        texts = self._texts(values.tolist(), f" in column '{values.name}'")
        return pd.Series(texts, index=values.index, name=values.name, dtype=object)

    def _texts(self, texts: list[Any], where: str) -> list[str]:
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise UserError(f"row {row}{where} is {text!r}; expected text", "read every column as strings")
        return normalise_all(texts, self.profile)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        return tags
