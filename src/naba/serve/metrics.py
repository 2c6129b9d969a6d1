"""What the server counts, in the text format of Prometheus (exposition format 0.0.4)."""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram of answer times, in seconds."""


@dataclass
class Measured:
    """One request while it is answered."""

    status: int = 500
    rows: int = 0


class Metrics:
    """Counters of one process; `process` tells several workers apart.

    Args:
        about: labels of the constant `naba_model_info`.
    """

    def __init__(self, about: Mapping[str, str]) -> None:
        self.about = dict(about)
        self.statuses: Counter[int] = Counter()
        self.buckets: Counter[float] = Counter()
        self.rows = 0
        self.seconds = 0.0
        self.in_flight = 0

    @contextmanager
    def request(self) -> Iterator[Measured]:
        """Count one request; one that ends in an exception counts as a 500."""
        start = time.perf_counter()
        measured = Measured()
        self.in_flight += 1
        try:
            yield measured
        finally:
            self.in_flight -= 1
            seconds = time.perf_counter() - start
            self.statuses[measured.status] += 1
            self.rows += measured.rows
            self.seconds += seconds
            for bound in BUCKETS:
                self.buckets[bound] += seconds <= bound

    def text(self) -> str:
        """All of them as Prometheus reads them."""
        process = f'process="{os.getpid()}"'
        total = sum(self.statuses.values())
        about = ",".join(f'{name}="{_escaped(value)}"' for name, value in self.about.items())
        return "\n".join(
            [
                *_head("naba_model_info", "gauge", "The classifier that answers."),
                f"naba_model_info{{{about}}} 1",
                *_head("naba_requests_total", "counter", "Requests to /invocations by status."),
                *(f'naba_requests_total{{{process},status="{s}"}} {n}' for s, n in sorted(self.statuses.items())),
                *_head("naba_rows_total", "counter", "Rows that were labelled."),
                f"naba_rows_total{{{process}}} {self.rows}",
                *_head("naba_requests_in_flight", "gauge", "Requests that are being answered."),
                f"naba_requests_in_flight{{{process}}} {self.in_flight}",
                *_head("naba_request_seconds", "histogram", "Seconds from the request to its answer."),
                *(f'naba_request_seconds_bucket{{{process},le="{b:g}"}} {self.buckets[b]}' for b in BUCKETS),
                f'naba_request_seconds_bucket{{{process},le="+Inf"}} {total}',
                f"naba_request_seconds_sum{{{process}}} {self.seconds:.6f}",
                f"naba_request_seconds_count{{{process}}} {total}",
                "",
            ]
        )


def _head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
