"""Does an export answer as its run did? Loaded in a fresh process, on the run's own test rows."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from naba.classifier.folder import size
from naba.errors import UserError
from naba.evaluation.predictions import Predictions
from naba.evaluation.significance import Agreement, agreement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.classifier.formats import Format

TOLERANCE = 1e-5
INT8_AGREEMENT = 0.99
INT8_MACRO_F1 = 0.005


@dataclass(frozen=True)
class Parity:
    """An export against its run.

    Attributes:
        format: its name; behind it how it has weights of 8 bits, if it has.
        exact: is it to be equal to the last bit?
        agreement: labels, probabilities and F1 of each label, export against run.
        macro_f1_change: of the export minus the run, over the labels that occur in the gold labels.
        milliseconds: for one example, the median of three passes over all rows.
        bytes: of the export on disk, without the model card.
    """

    format: str
    exact: bool
    agreement: Agreement
    macro_f1_change: float
    milliseconds: float
    bytes: int

    def lines(self) -> list[str]:
        """The comparison for a terminal."""
        size, speed = f"{self.bytes / 2**20:.2f} MiB", f"{self.milliseconds:.3f} ms an example"
        return [f"in a fresh process: {self.agreement}", f"macro-F1 {self.macro_f1_change:+.4f}, {speed}, {size}"]

    def problems(self, tolerance: float) -> list[str]:
        """What lies outside the tolerance; empty when the export is as its run.

        Args:
            tolerance: largest difference of a probability. With int8 arithmetic, labels may differ on 1 % of the
                rows and macro-F1 by .005 instead, and probabilities as they will.
        """
        found = []
        if " int8" in self.format:
            if self.agreement.share < INT8_AGREEMENT:
                found.append(f"only {self.agreement.share:.2%} of the labels agree, expected {INT8_AGREEMENT:.0%}")
            if abs(self.macro_f1_change) > INT8_MACRO_F1:
                found.append(f"macro-F1 changes by {self.macro_f1_change:+.4f}, expected at most {INT8_MACRO_F1}")
            return found
        if self.agreement.differing:
            found.append(f"{self.agreement.differing} of {self.agreement.rows} labels differ")
        if not self.agreement.largest_probability <= tolerance:
            apart = self.agreement.largest_probability
            found.append(f"probabilities differ by up to {apart:.2g}, tolerance {tolerance:.2g}")
        return found


def measure(form: Format, folder: Path, int8: str, wanted: Predictions, rows: Mapping[str, Sequence[str]]) -> Parity:
    """Load the export in `folder` in a fresh process and compare its answers.

    Args:
        int8: how it was written with weights of 8 bits, or "".
        wanted: what the run predicted.
        rows: columns text and target, in the order of `wanted`.
    Raises:
        UserError: the export cannot be loaded there, or does not answer.
    """
    found, seconds = _answers(form.name, folder, wanted, rows)
    said = agreement(wanted, found)
    occurring = set(wanted.gold.tolist())
    changes = [change for label, change in said.f1_changes.items() if label in occurring]
    return Parity(
        format=f"{form.name} {int8}" if int8 else form.name,
        exact=form.exact,
        agreement=said,
        macro_f1_change=float(np.mean(changes)) if changes else 0.0,
        milliseconds=1000 * seconds / max(1, len(wanted)),
        bytes=size(folder),
    )


def _answers(
    name: str, folder: Path, wanted: Predictions, rows: Mapping[str, Sequence[str]]
) -> tuple[Predictions, float]:
    with tempfile.TemporaryDirectory() as place:
        answers = Path(place)
        content = {name: list(values) for name, values in rows.items()}
        (answers / "rows.json").write_text(json.dumps(content), encoding="utf-8")
        paths = [str(path) for path in (folder, answers / "rows.json", answers)]
        command = [sys.executable, "-m", "naba.export.fresh", name, *paths]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            raise UserError(f"the export cannot be loaded in a fresh process: {lines[-1] if lines else 'no message'}")
        said = json.loads((answers / "answers.json").read_text(encoding="utf-8"))
        raw = np.frombuffer((answers / "probabilities").read_bytes(), dtype=np.float64)
    labels = np.array([*said["labels"], None], dtype=object)[:-1]
    shaped = raw.reshape(len(labels), -1)
    if shaped.shape != wanted.probabilities.shape:
        raise UserError(f"the export answered {shaped.shape[0]} rows with {shaped.shape[1]} probabilities each")
    found = Predictions(wanted.ids, wanted.gold, labels, shaped.copy(), wanted.labels, outcomes=said["outcomes"])
    return found, float(said["seconds"])
