"""Many requests: from the cache or the server, several at once, within a budget, and counted.

What was answered once is kept: one JSON record each, under the digest of what was asked.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from naba import files
from naba.errors import UserError
from naba.models.prompting.endpoint import FailedError, RejectedError, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from naba.evaluation.prices import TokenPrice
    from naba.models.prompting.endpoint import Endpoint


def record_name(endpoint: str, payload: Mapping[str, Any], vote: int = 0) -> str:
    """Digest of what is asked of whom; equal requests that are to be answered several times differ in `vote`."""
    content = {"endpoint": endpoint.rstrip("/"), "payload": payload} | ({"vote": vote} if vote else {})
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def records_folder() -> Path:
    """Where records are: `answers` in naba's cache. To ask everything again, remove it."""
    return files.cache() / "answers"


def _record_file(name: str) -> Path:
    return records_folder() / name[:2] / f"{name}.json"


def recorded(name: str) -> Reply | None:
    """The reply under a digest; None where there is none, or the record is damaged."""
    content = read_record(name)
    try:
        return None if content is None else Reply(**content["reply"])
    except (KeyError, TypeError):
        return None


def keep_record(name: str, endpoint: str, payload: Mapping[str, Any], reply: Reply) -> None:
    """Keep a reply; when this returns, it is on disk under its name, whole."""
    write_record(name, {"endpoint": endpoint, "request": dict(payload), "reply": asdict(reply)})


def read_record(name: str) -> dict[str, Any] | None:
    """A record as it is."""
    try:
        content = json.loads(_record_file(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_record(name: str, content: Mapping[str, Any]) -> None:
    """Write a record, with the moment."""
    dated = {**content, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    with files.replaced(_record_file(name)) as part:
        part.write_text(json.dumps(dated, ensure_ascii=False), encoding="utf-8", errors="backslashreplace")


logger = logging.getLogger(__name__)

CHARACTERS_A_TOKEN = 2.0
"""Of Arabic, for estimates before anything is counted: tokenizers make a token of one and a half to four letters."""
NOTE_SECONDS = 30.0


@dataclass(frozen=True)
class Request:
    """What is to be asked, and the name of its record."""

    payload: Mapping[str, Any]
    name: str

    @property
    def tokens_in(self) -> float:
        """About how many tokens it has."""
        return sum(len(one["content"]) for one in self.payload["messages"]) / CHARACTERS_A_TOKEN

    @property
    def most_tokens_out(self) -> int:
        """How many the answer may have."""
        return int(self.payload.get("max_tokens") or self.payload.get("max_completion_tokens") or 0)


@dataclass
class Meter:
    """What answers have cost: all that were used, and of them those that were asked for now."""

    rows: int = 0
    requests: int = 0
    asked: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    spent: float = 0.0
    """Money for what was asked now; 0 where no price is known."""

    def count(self, reply: Reply) -> None:
        """An answer that is used."""
        self.requests += 1
        self.tokens_in += reply.tokens_in
        self.tokens_out += reply.tokens_out
        self.seconds += reply.seconds


@dataclass
class Asker:
    """Asks requests.

    Attributes:
        at_once: how many are under way at the same time.
        price: of tokens; None where it is not known.
        budget: money that may be spent by this process.
    """

    endpoint: Endpoint
    at_once: int = 4
    price: TokenPrice | None = None
    budget: float | None = None
    meter: Meter = field(default_factory=Meter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, requests: Sequence[Request]) -> dict[str, Reply | None]:
        """Name -> its reply, None where the server failed. Equal requests are asked once.

        Raises:
            UserError: the budget is used up, or no further request has a chance. What was answered is kept.
        """
        found: dict[str, Reply | None] = {}
        missing: dict[str, Request] = {}
        for one in requests:
            if one.name not in found and one.name not in missing:
                kept = recorded(one.name)
                if kept is None:
                    missing[one.name] = one
                else:
                    found[one.name] = kept
        return found | dict(self._asked(list(missing.values())))

    def _asked(self, missing: Sequence[Request]) -> Iterator[tuple[str, Reply | None]]:
        waiting, begun, told = deque(missing), time.monotonic(), time.monotonic()
        running: dict[Future[Reply | None], Request] = {}
        done = 0
        with ThreadPoolExecutor(self.at_once, "naba-asks") as pool:
            try:
                while waiting or running:
                    while waiting and len(running) < self.at_once:
                        self._require_budget(waiting[0], running.values(), len(waiting), len(missing))
                        one = waiting.popleft()
                        running[pool.submit(self._one, one)] = one
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        yield running.pop(future).name, future.result()
                        done += 1
                    if time.monotonic() - told > NOTE_SECONDS:
                        told = time.monotonic()
                        left = (told - begun) / done * len(waiting)
                        logger.warning("%d of %d asked, about %d seconds left", done, len(missing), round(left))
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
                self.endpoint.close()

    def _one(self, request: Request) -> Reply | None:
        try:
            reply = self.endpoint.complete(request.payload)
        except RejectedError as error:
            if "content_filter" in error.message or "content management" in error.message:
                reply = Reply("", "content_filter", None, 0, 0, 0.0)
            else:
                logger.warning("a request was not taken: %s", error)
                return None
        except FailedError as error:
            logger.warning("a request failed: %s", error.message)
            return None
        # Kept before it is counted: whoever is killed here asks nothing twice.
        keep_record(request.name, self.endpoint.url, request.payload, reply)
        with self._lock:
            self.meter.asked += 1
            if self.price is not None:
                self.meter.spent += self.price.money(reply.tokens_in, reply.tokens_out)
        return reply

    def _require_budget(self, one: Request, running: Any, left: int, of: int) -> None:
        if self.budget is None or self.price is None:
            return
        reserved = sum(self.price.money(each.tokens_in, each.most_tokens_out) for each in (one, *running))
        if self.meter.spent + reserved <= self.budget:
            return
        raise UserError(
            f"model.budget={self.budget:g} is used up: {self.meter.spent:.4f} spent, {left} of {of} requests were not "
            "asked",
            "the answers that came are kept: the same command with a larger budget goes on from here",
        )


def money(price: TokenPrice | None, tokens_in: float, tokens_out: float) -> dict[str, float]:
    """What so many tokens cost, as `money`; {} where no price is known."""
    return {} if price is None else {"money": price.money(tokens_in, tokens_out)}
