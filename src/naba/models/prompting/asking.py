"""Many requests: what a server takes, found out once; from the cache or the server, several at once, within a budget.

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
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from naba import files
from naba.errors import UserError
from naba.models.prompting.endpoint import FailedError, RejectedError, Reply
from naba.models.prompting.prompt import without_system

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from naba.evaluation.prices import TokenPrice
    from naba.models.prompting.endpoint import Endpoint
    from naba.models.prompting.prompt import Message

VERSION = 1
TOP = 20
"""Likeliest tokens asked for at each place; the most that the protocol allows."""
ORDER = ("response_format", "logprobs", "seed", "system", "temperature", "max_tokens")
"""In which order what a server does not take is left out."""
CHARACTERS_A_TOKEN = 2.0
"""Of Arabic, for estimates before anything is counted: tokenizers make a token of one and a half to four letters."""
NOTE_SECONDS = 30.0


@dataclass(frozen=True)
class Question:
    """What a language model is asked.

    Attributes:
        model: its name.
        messages: instruction, shots and row.
        ids: what may be answered.
        sampling: `temperature`, `max_tokens`, `seed`.
    """

    model: str
    messages: Sequence[Message]
    ids: Sequence[str]
    sampling: Mapping[str, Any]


@dataclass(frozen=True)
class Abilities:
    """What a server takes.

    Attributes:
        response_format: a JSON schema for the answer.
        logprobs: the likeliest tokens with their log-probabilities.
        seed: of the draws.
        system: a message of the role `system`; otherwise the instruction goes before the first question.
        temperature: a temperature other than the server's own.
        max_tokens: a limit under that name; otherwise `max_completion_tokens`.
    """

    response_format: bool = True
    logprobs: bool = True
    seed: bool = True
    system: bool = True
    temperature: bool = True
    max_tokens: bool = True

    def payload(self, question: Question) -> dict[str, Any]:
        """The request."""
        messages, sampling = question.messages, question.sampling
        found: dict[str, Any] = {
            "model": question.model,
            "messages": list(messages) if self.system else without_system(messages),
            "max_tokens" if self.max_tokens else "max_completion_tokens": sampling["max_tokens"],
        }
        found |= {name: sampling[name] for name in ("temperature", "seed") if getattr(self, name)}
        if self.logprobs:
            found |= {"logprobs": True, "top_logprobs": TOP}
        if self.response_format:
            answer = {"type": "object", "properties": {"answer": {"type": "string", "enum": list(question.ids)}},
                      "required": ["answer"], "additionalProperties": False}  # fmt: skip
            schema = {"name": "answer", "strict": True, "schema": answer}
            found["response_format"] = {"type": "json_schema", "json_schema": schema}
        return found


def abilities(endpoint: Endpoint, probe: Question) -> Abilities:
    """What the server takes for a model; asked once, with a small question, and then remembered.

    Everything is asked for at first; what the server does not take is left out in the order of `ORDER` until it
    answers, and then each is tried once more alone, so that one that is refused does not cost the others. What it
    takes without heeding it (an answer without log-probabilities, a text where JSON was asked for) is left out too.

    Raises:
        UserError: it does not answer the plainest request either, or cannot be asked.
    """
    found = remembered(endpoint, probe.model)
    if found is None:
        found = _found(endpoint, probe)
        record = {"endpoint": endpoint.url, "model": probe.model, "abilities": asdict(found)}
        write_record(_key(endpoint, probe.model), record)
    return found


def remembered(endpoint: Endpoint, model: str) -> Abilities | None:
    """What is known of the server without asking it."""
    known = (read_record(_key(endpoint, model)) or {}).get("abilities", {})
    return Abilities(**known) if known.keys() == asdict(Abilities()).keys() else None


def _key(endpoint: Endpoint, model: str) -> str:
    return record_name(endpoint.url, {"probe": VERSION, "model": model})


def _found(endpoint: Endpoint, probe: Question) -> Abilities:
    left, dropped = Abilities(), []
    message = ""
    for ability in ("", *ORDER):
        if ability:
            left = replace(left, **{ability: False})
            dropped.append(ability)
        message = _problem(endpoint, probe, left)
        if not message:
            break
    if message:
        raise UserError(f"{endpoint.url} does not answer a plain request to '{probe.model}': {message}")
    for ability in dropped[:-1]:
        more = replace(left, **{ability: True})
        left = left if _problem(endpoint, probe, more) else more
    return left


def _problem(endpoint: Endpoint, probe: Question, tried: Abilities) -> str:
    """Why a small request with these abilities was not answered, or not as asked; "" where it was."""
    try:
        reply = endpoint.complete(tried.payload(probe))
    except (RejectedError, FailedError) as error:
        return str(error)
    if tried.response_format and not _is_json(reply, probe.ids):
        return "the answer is not the JSON that was asked for"
    if tried.logprobs and reply.logprobs is None:
        return "the answer has no log-probabilities"
    return ""


def _is_json(reply: Reply, ids: Sequence[str]) -> bool:
    try:
        found = json.loads(reply.text)
    except ValueError:
        return False
    return isinstance(found, dict) and str(found.get("answer")) in ids


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
