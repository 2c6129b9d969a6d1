"""Submission files of shared tasks: predictions in the form an organiser's scorer reads, checked by id."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from naba import files
from naba.errors import UserError, unknown_name
from naba.evaluation.predictions import some

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from naba.evaluation.predictions import Predictions

FAR = 0.05
"""Predicted class shares further than this from validation's, and than three standard errors, are worth a warning."""


@dataclass(frozen=True)
class Format:
    """The form of one shared task's submissions.

    Attributes:
        name: as `naba submit --format` has it.
        fields: (title, what) of each column; what is id, target, text, label, score, run or row.
        header: does the first line hold the titles?
        spelling: label id -> the spelling the scorer wants.
        labels: the spellings it accepts; () for any.
        prefix: what the file's name must begin with.
        source: the scorer whose reader the form was taken from.
    """

    name: str
    fields: tuple[tuple[str, str], ...]
    source: str
    header: bool = True
    spelling: Callable[[str], str] = str
    labels: tuple[str, ...] = ()
    prefix: str = ""


_STANCE = (("ID", "id"), ("Target", "target"), ("Tweet", "text"), ("Stance", "label"))
_LABEL_ONLY = (("label", "label"),)
_ONE_OR_ZERO = {"1": "1", "yes": "1", "true": "1", "positive": "1", "0": "0", "no": "0", "false": "0", "negative": "0"}


def _binary(label: str) -> str:
    return _ONE_OR_ZERO.get(label.lower(), label)


FORMATS: dict[str, Format] = {
    form.name: form
    for form in (
        Format(
            "stanceeval2024",
            _STANCE,
            "StanceEval.py (copy licvol/dzStanceEval_2024)",
            spelling=str.upper,
            labels=("FAVOR", "AGAINST", "NONE"),
        ),
        Format(
            "stanceeval2026",
            _LABEL_ONLY,
            "evaluate.py (StanceEval/stanceeval.github.io): one label a line, in the order of the rows",
            header=False,
            spelling=str.title,
            labels=("Favor", "Against", "None"),
        ),
        Format(
            "semeval2016_task6",
            _STANCE,
            "eval.pl (copy emsrc/SemEval2016_T6_Stance_Detection)",
            spelling=str.upper,
            labels=("FAVOR", "AGAINST", "NONE"),
        ),
        Format(
            "checkthat2020_task1",
            (("topic_id", "target"), ("tweet_id", "id"), ("score", "score"), ("run_id", "run")),
            "scorer/main.py (sshaar/clef2020-factchecking-task1)",
            header=False,
        ),
        Format(
            "checkthat2022_task1",
            (("topic", "target"), ("tweet_id", "id"), ("class_label", "label"), ("run_id", "run")),
            "scorer/subtask_1.py (copy matttang7/CLEF2022-Task1)",
            spelling=_binary,
        ),
        Format(
            "checkthat2024_task1",
            (("id", "id"), ("class_label", "label"), ("run_id", "run")),
            "scorer/subtask_1.py (copy jjasardi/BA-CheckThat2024)",
            spelling=str.title,
            labels=("Yes", "No"),
        ),
        Format(
            "checkthat2025_task1",
            (("sentence_id", "id"), ("label", "label")),
            "scorer/evaluate.py (copy MatteoFasulo/clef2025-checkthat)",
            spelling=str.upper,
            labels=("SUBJ", "OBJ"),
        ),
        Format(
            "araieval2023_1a",
            (("id", "id"), ("label", "label")),
            "src/scorer/task1.py (copy nouman-10/ArAIEval-Shared-Task)",
            spelling=str.lower,
            labels=("true", "false"),
            prefix="task1A",
        ),
        Format(
            "tweeteval_stance",
            _LABEL_ONLY,
            "evaluation_script.py (cardiffnlp/tweeteval): one label a line, a final newline",
            header=False,
            labels=("0", "1", "2"),
        ),
    )
}


def submission_format(name: str) -> Format:
    """The form called `name`.

    Raises:
        UserError: there is no such form.
    """
    if name not in FORMATS:
        raise UserError(unknown_name("submission format", name, FORMATS))
    return FORMATS[name]


def write_submission(
    predictions: Predictions, form: Format, path: str | Path, rows: pd.DataFrame | None = None, run: str = "naba"
) -> None:
    """Write predictions as a submission and read the file back to check it row by row.

    Args:
        rows: columns text and target in the order of the predictions; needed by forms that repeat them.
        run: the name of the run, where the form has a column for it.
    Raises:
        UserError: a label has no spelling the scorer accepts, the form needs texts that were not given, or the
            file's name does not begin as the scorer demands.
    """
    path = Path(path)
    if not path.name.startswith(form.prefix):
        raise UserError(f"{path.name}: a {form.name} file's name must begin with {form.prefix}")
    silent = [str(name) for name, label in zip(predictions.ids, predictions.predicted, strict=True) if not label]
    if silent:
        raise UserError(
            f"{len(silent)} of {len(predictions)} rows have no answer ({some(silent)}), and a submission needs one for "
            "each",
            "naba fills none in: ask again with force=true or another prompt, or decide in the written predictions",
        )
    spelled = [form.spelling(str(label)) for label in predictions.predicted]
    wrong = sorted(set(spelled) - set(form.labels)) if form.labels else []
    if wrong:
        raise UserError(
            f"{form.name} accepts the labels {', '.join(form.labels)}; this run predicts {', '.join(wrong)}"
        )
    needed = {what for _, what in form.fields}
    if rows is None and needed & {"text", "target"}:
        raise UserError(f"{form.name} repeats text or target, so their rows are needed")
    columns = {"id": [str(name) for name in predictions.ids], "label": spelled, "run": [run] * len(predictions)}
    if rows is not None:
        columns |= {name: [_one_line(value) for value in rows[name]] for name in ("text", "target")}
    if "score" in needed:
        columns["score"] = _scores(predictions)
    lines = list(zip(*(columns[what] for _, what in form.fields), strict=True))
    titles = ["\t".join(title for title, _ in form.fields)] if form.header else []
    files.write_text(path, "\n".join([*titles, *("\t".join(line) for line in lines)]) + "\n")
    _check(path, form, columns)


def _one_line(value: object) -> str:
    return " ".join(str(value).split())


def _scores(predictions: Predictions) -> list[str]:
    from naba.evaluation.official_metrics import POSITIVE, position

    column = position(POSITIVE, predictions.labels, "checkthat2020_task1")
    # The scorer refuses exponents, so the notation is fixed.
    return [f"{value:.12f}" for value in predictions.probabilities[:, column]]


def _check(path: Path, form: Format, columns: dict[str, list[str]]) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")[int(form.header) : -1]
    for what in ("id", "label"):
        place = next((place for place, (_, found) in enumerate(form.fields) if found == what), None)
        if place is not None and [line.split("\t")[place] for line in lines] != columns[what]:
            raise UserError(f"{path} does not read back as it was written: its column {what} differs")


def share_warnings(predicted: Predictions, validation: Predictions) -> list[str]:
    """One warning for each label whose predicted share is far from its gold share in validation.

    Far is more than `FAR` and more than three standard errors of the difference of two shares; a shifted test set
    is a possible cause, a broken column or label order the more frequent one. Without rows there is nothing to say.
    """
    if not len(predicted) or not len(validation):
        return []
    warnings = []
    for label in predicted.labels:
        here, there = (float(np.mean(values == label)) for values in (predicted.predicted, validation.gold))
        sizes = (len(predicted), len(validation))
        error = np.sqrt(sum(share * (1 - share) / size for share, size in zip((here, there), sizes, strict=True)))
        if abs(here - there) > max(FAR, 3 * error):
            warnings.append(f"{label} is {here:.0%} of the predictions but {there:.0%} of validation")
    return warnings
