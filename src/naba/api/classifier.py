"""A trained classifier in Python: `load_classifier`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from naba.models.explain import Explanation
    from naba.predict.locate import Opened
    from naba.tracking import Run


class LoadedClassifier:
    """A trained classifier, ready to answer.

    Attributes:
        labels: (k,) label ids, in the order of the columns of `predict_proba`.
        pair: does it read a target beside the text?
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self.labels: tuple[str, ...] = tuple(opened.description["labels"])
        self.pair = opened.pair

    def __repr__(self) -> str:
        name = self._opened.description.get("model", "classifier")
        return f"LoadedClassifier({name!r}, {'pairs' if self.pair else 'texts'} -> {', '.join(self.labels)})"

    def predict(self, texts: Sequence[str] | pd.DataFrame, targets: Sequence[str] | None = None) -> list[str]:
        """n label ids for n texts; `targets` are the n claims or headlines that pairs are judged against.

        Raises:
            naba.UserError: targets are missing, too few, or not for this classifier; an item is no text.
        """
        return [str(label) for label in self._opened.predict(self._table(texts, targets))["label"]]

    def predict_proba(self, texts: Sequence[str] | pd.DataFrame, targets: Sequence[str] | None = None) -> pd.DataFrame:
        """(n, k) probabilities, one column a label, one row a text; see `predict`."""
        from naba.evaluation.predictions import PREFIX

        found = self._opened.predict(self._table(texts, targets))
        columns = [PREFIX + label for label in self.labels]
        return found[columns].set_axis(list(self.labels), axis="columns")

    def explain(
        self, texts: Sequence[str] | pd.DataFrame, targets: Sequence[str] | None = None, top: int = 10
    ) -> list[Explanation]:
        """What spoke for and against each answer: n of `Explanation(label, score, contributions)`.

        Raises:
            naba.UserError: this kind of model has no explanations, or as `predict`.
        """
        from naba.models.explain import explain

        return explain(self._opened.model, self._table(texts, targets), top=top)

    def _table(self, texts: Any, targets: Any) -> pd.DataFrame:
        import pandas as pd

        if isinstance(texts, pd.DataFrame):
            return texts
        if isinstance(texts, str) or isinstance(targets, str):
            raise UserError("expected a list of texts (and one of targets), got a single text", "predict(['…'], ['…'])")
        given = {"text": list(texts)}
        if self.pair != (targets is not None):
            raise UserError(
                "this classifier reads pairs: give targets, one for each text"
                if self.pair
                else "this classifier reads single texts: leave targets out"
            )
        if targets is not None:
            given["target"] = list(targets)
            if len(given["target"]) != len(given["text"]):
                raise UserError(f"{len(given['text'])} texts and {len(given['target'])} targets: expected as many")
        return pd.DataFrame(given, dtype=object)


def load_classifier(path_or_run: str | Path | Run, uri: str | None = None) -> LoadedClassifier:
    """A trained classifier, from a folder that `export` wrote or from a tracked run; runs no code from its files.

    >>> import naba
    >>> run = naba.train("synthetic_stance", "tfidf_nb", evaluation__resamples=100)
    >>> classifier = naba.load_classifier(run)
    >>> classifier.predict(["ارتفاع أسعار النفط"], ["تراجع أسعار النفط"]) in [[label] for label in classifier.labels]
    True
    >>> classifier.predict_proba(["ارتفاع أسعار النفط"], ["تراجع أسعار النفط"]).shape
    (1, 4)

    Args:
        path_or_run: a folder, a `Run`, or a run by any of its names, `best:ans_stance` among them.
        uri: the MLflow store of a run that is named; naba's own if None.
    Raises:
        naba.UserError: there is no such folder or run, the run kept no model, or the folder is damaged.
    """
    from naba.predict.locate import open_classifier
    from naba.tracking import Run

    if isinstance(path_or_run, Run):
        return LoadedClassifier(open_classifier(str(path_or_run.classifier_folder())))
    return LoadedClassifier(open_classifier(str(path_or_run), uri))
