"""The export of a tracked run: written, loaded in a fresh process, compared, described; or nothing is left."""

from __future__ import annotations

import logging
import math
import shutil
from typing import TYPE_CHECKING, Any

from naba import files, tracking
from naba.classifier import folder as directory
from naba.errors import UserError, unknown_name
from naba.export import card
from naba.export.formats import named
from naba.export.parity import TOLERANCE, Parity, measure
from naba.tracking import models
from naba.tracking.run import CLASSIFIER

if TYPE_CHECKING:
    from pathlib import Path

    from naba.classifier.formats import Format
    from naba.tracking import Run

logger = logging.getLogger(__name__)
BEST = "best:"


def find_run(name: str, uri: str | None = None) -> Run:
    """The run that `name` stands for: an id or its beginning, a name, `models:/stance@champion`, `best:ans_stance`.

    Raises:
        UserError: there is none, or several, or it has no model.
    """
    return _best(name.removeprefix(BEST), uri) if name.startswith(BEST) else models.find_trained(name, uri)


def _best(dataset: str, uri: str | None) -> Run:
    """The finished run with a model that is best by its primary metric on the validation rows."""
    from naba.evaluation.metrics import metric

    found = tracking.search(uri, {"dataset": dataset})
    if not found:
        known = {run.facts.dataset for run in tracking.search(uri)}
        raise UserError(unknown_name("data set with finished runs", dataset, known - {""}))
    scored = []
    for run in found:
        score = run.primary("validation")
        if score is not None and not math.isnan(score.value) and run.has_model:
            scored.append((score.value if metric(score.name).higher_is_better else -score.value, run))
    if not scored:
        raise UserError(f"no run on '{dataset}' has a model and a score on validation rows", "name a run by its id")
    run = max(scored, key=lambda item: item[0])[1]
    if run.facts.part:
        logger.warning(
            "best:%s is run %s, part %s of a cross-validation: its model was trained without the rows of that part",
            dataset, run.id[:12], run.facts.part,
        )  # fmt: skip
    return run


def export_run(
    run: Run,
    folder: Path,
    kind: str = "directory",
    *,
    int8: bool = False,
    tolerance: float = TOLERANCE,
) -> Parity | None:
    """Export a run's classifier to a new folder.

    Args:
        kind: one of `naba.export.formats.formats()`.
        int8: weights of 8 bits, for `onnx`: the fastest way that is close enough to the run.
        tolerance: largest difference of a probability from the run's own test predictions.
    Returns:
        How it compares with its run; also in the model card. None where the rows cannot be had any more: the export
        is then loaded, and compared with the kept model's answers to fixed texts alone.
    Raises:
        UserError: the folder exists, the format cannot hold this model, or the export does not answer as the run did;
            nothing is left behind.
    """
    form = named(kind)
    _check_request(form, folder, int8=int8)
    section = "test" if "test" in run.sections else "validation"
    wanted = run.predictions(section)
    try:
        rows = run.rows(section, wanted)
    except UserError as error:
        logger.warning("not compared with the predictions of the run: %s", error.message)
        rows = None
    source = run.model_folder()
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    try:
        parity = None
        for way in form.int8 if int8 else ("",):
            shutil.rmtree(unfinished, ignore_errors=True)
            form.write(source / CLASSIFIER, unfinished, way)
            if rows is None:
                directory.load(unfinished / form.inside, trusted=True)
                break
            columns = {column: rows[column].tolist() for column in ("text", "target")}
            parity = measure(form, unfinished, way, wanted, columns)
            if not (problems := parity.problems(tolerance)):
                break
            logger.warning("%s is not close enough: %s", parity.format, "; ".join(problems))
        if parity is not None:
            _require_parity(parity, tolerance, run)
        description = directory.describe(unfinished / form.inside)
        text = card.render(form, description, _about(run), _slices(run, section), parity)
        (unfinished / directory.CARD).write_text(text, encoding="utf-8")
        unfinished.replace(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return parity


def _require_parity(parity: Parity, tolerance: float, run: Run) -> None:
    problems = parity.problems(tolerance)
    if not problems:
        return
    raise UserError(
        f"the export ({parity.format}) does not answer as run '{run.name}' did: {'; '.join(problems)}",
        "nothing was written; was the run trained with other versions? naba reproduce RUN tells"
        if parity.exact
        else "nothing was written; --format directory is exact",
    )


def _check_request(form: Format, folder: Path, *, int8: bool) -> None:
    if int8 and not form.int8:
        raise UserError(f"--int8 does not go with --format {form.name}", "it goes with --format onnx, for encoders")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and is not empty", "name a new folder")
    files.check_place(folder, folder=True)


def _about(run: Run) -> dict[str, str]:
    dataset: dict[str, Any] = run.config.get("dataset", {})
    keys = ("title", "licence", "homepage", "citation", "label_source")
    return {key: str(dataset.get(key) or "") for key in keys} | {"part": run.facts.part}


def _slices(run: Run, section: str) -> list[dict[str, Any]]:
    return card.slice_rows(run.file(f"tables/{section}_slices.json").read_text(encoding="utf-8"))
