"""What a data check is, what it finds, and how findings are shown: as a table, as JSON, as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from naba import files
from naba.arabic.normalise import NEWS, normalise_all
from naba.config import packages
from naba.data.dataset import SPLITS, Dataset
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from naba.data.dataset import ObjectArray

Severity = Literal["error", "warning", "note"]
State = Literal["found", "clean", "not_applicable", "not_run"]
TEMPLATE = Path(__file__).with_name("report.html.jinja")
EXAMPLES = 5
SHORTENED = 100


@dataclass(frozen=True)
class Finding:
    """The result of one check: `message` says what was found, or why there was nothing to look at.

    A check leaves code, title and remedy to `Check.run`, and the severity where it is the usual one.
    """

    state: State
    message: str = ""
    examples: tuple[str, ...] = ()
    severity: Severity | None = None
    code: str = ""
    title: str = ""
    remedy: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; keys in the order of a report."""
        names = ("code", "title", "state", "severity", "message", "examples", "remedy")
        content = asdict(self)
        return {name: list(content[name]) if name == "examples" else content[name] for name in names}


def clean(message: str = "") -> Finding:
    """The check looked and found nothing."""
    return Finding("clean", message)


def not_applicable(message: str) -> Finding:
    """There is nothing for the check to look at; `message` says why."""
    return Finding("not_applicable", message)


def found(message: str, examples: Iterable[str] = (), severity: Severity | None = None) -> Finding:
    """The check found something; without `severity` it has that of the check."""
    return Finding("found", message, tuple(shortened(example) for example in list(examples)[:EXAMPLES]), severity)


def shortened(text: str) -> str:
    """One line of at most 100 characters."""
    line = " ".join(text.split())
    return line if len(line) <= SHORTENED else line[: SHORTENED - 1] + "…"


class Subject:
    """A data set as checks see it: columns, rows by split, and texts after Arabic normalisation, made once."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.text = dataset.column_values("text")
        self.target = dataset.column_values("target")
        self.label = dataset.column_values("label")
        self.group = dataset.column_values("group")
        self.split = dataset.column_values("split")
        self.id = dataset.column_values("id")

    @cached_property
    def splits(self) -> dict[str, np.ndarray]:
        """Rows of each given split that has any; all rows under "" where no split is given."""
        rows = {split: np.flatnonzero(self.split == split) for split in (*SPLITS, "")}
        return {split: indices for split, indices in rows.items() if len(indices)}

    @cached_property
    def normal_text(self) -> list[str]:
        """Texts under the `news` profile."""
        return normalise_all(self.text.tolist(), NEWS)

    @cached_property
    def normal_target(self) -> list[str]:
        """Targets under the `news` profile."""
        return normalise_all(self.target.tolist(), NEWS) if self.dataset.pair else [""] * len(self.text)

    @cached_property
    def keys(self) -> ObjectArray:
        """What a model sees of each row, as one string, after normalisation."""
        pairs = zip(self.normal_target, self.normal_text, strict=True)
        return np.array([f"{target}\0{text}" for target, text in pairs], dtype=object)

    def row(self, index: int) -> str:
        """A row for an example line: id, label and text."""
        return f"{self.id[index]} [{self.label[index]}] {self.text[index]}"

    def majority(self, rows: np.ndarray) -> float:
        """The share of the most frequent label."""
        return max(Counter(self.label[rows]).values()) / len(rows)


CheckFunction = Callable[[Subject], Finding]


@dataclass(frozen=True)
class Check:
    """A numbered check. Slow ones are left out before a training and run by `naba check`."""

    code: str
    title: str
    severity: Severity
    remedy: str
    function: CheckFunction = field(repr=False)
    slow: bool = False

    def run(self, subject: Subject) -> Finding:
        """The finding, under the check's code, title and remedy."""
        with packages.blaming(f"data check {self.code}") if packages.is_foreign(self.function) else nullcontext():
            finding: Any = self.function(subject)
        if not isinstance(finding, Finding):
            said = "expected found(message, examples), clean() or not_applicable(message)"
            raise UserError(f"data check {self.code} returns a {type(finding).__name__}", said)
        severity = finding.severity or self.severity
        return replace(finding, code=self.code, title=self.title, remedy=self.remedy, severity=severity)


CHECKS: dict[str, Check] = {}


def check(
    code: str, title: str, severity: Severity, remedy: str, slow: bool = False
) -> Callable[[CheckFunction], CheckFunction]:
    """Make a function a check; a new one is one function with a code of its own."""

    def register(function: CheckFunction) -> CheckFunction:
        packages.check_free("data check", code, CHECKS[code].function if code in CHECKS else None, function)
        CHECKS[code] = Check(code, title, severity, remedy, function, slow)
        return function

    return register


@dataclass(frozen=True)
class Report:
    """All findings about one data set, by code."""

    dataset: str
    fingerprint: str
    rows: int
    findings: tuple[Finding, ...]

    def of(self, severity: Severity) -> list[Finding]:
        """What was found with this severity."""
        return [each for each in self.findings if each.state == "found" and each.severity == severity]

    @property
    def errors(self) -> list[Finding]:
        """Findings that stop a training."""
        return self.of("error")

    @property
    def warnings(self) -> list[Finding]:
        """Findings that are logged with a run."""
        return self.of("warning")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        content = {"dataset": self.dataset, "fingerprint": self.fingerprint, "rows": self.rows}
        return content | {"findings": [finding.to_dict() for finding in self.findings]}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Report:
        """What `to_dict` gave."""
        found = (Finding(**{**one, "examples": tuple(one["examples"])}) for one in content["findings"])
        return cls(content["dataset"], content["fingerprint"], content["rows"], tuple(found))

    def table(self) -> list[tuple[str, str, str, str]]:
        """Rows (code, severity or state, title, message) for a terminal."""
        return [(each.code, _shown(each), each.title, each.message) for each in self.findings]

    def to_markdown(self, examples: bool = True) -> str:
        """A section of a report: a table of what was found, then (with `examples`) rows that show it."""
        lines = [f"## {self.dataset}", "", f"{self.rows} rows, fingerprint `{self.fingerprint[:12]}`.", ""]
        hits = [each for each in self.findings if each.state == "found"]
        if hits:
            lines += ["| check | severity | what was found | what to do |", "|---|---|---|---|"]
            lines += [f"| {_name(each)} | {each.severity} | {_cell(each.message)} | {each.remedy} |" for each in hits]
            lines.append("")
        for state, heading in (("clean", "Clean"), ("not_applicable", "Not applicable"), ("not_run", "Not run")):
            others = [_name(each) for each in self.findings if each.state == state]
            if others:
                lines += [f"{heading}: {', '.join(others)}.", ""]
        for each in hits if examples else []:
            lines += [f"{_name(each)}:", "", *(f"- {_cell(example)}" for example in each.examples), ""]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.to_markdown(examples=False)

    def _repr_html_(self) -> str:
        return self._html(whole=False)

    def to_html(self) -> str:
        """A self-contained page; right-to-left examples, no scripts, nothing fetched."""
        return self._html(whole=True)

    def _html(self, whole: bool) -> str:
        return files.rendered(TEMPLATE, report=self, shown=_shown, whole=whole)


def _shown(finding: Finding) -> str:
    return str(finding.severity) if finding.state == "found" else finding.state.replace("_", " ")


def _name(finding: Finding) -> str:
    return f"{finding.code} {finding.title}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def shares(labels: Sequence[str]) -> str:
    """`agree 60 %, disagree 40 %`, most frequent first."""
    counts = Counter(labels)
    return ", ".join(f"{label} {100 * count / len(labels):.0f} %" for label, count in counts.most_common(4))
