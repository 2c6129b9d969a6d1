"""One request to an OpenAI-compatible server: sent, read within its time, and repeated where that may help."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

KEY = "NABA_API_KEY"
TRUSTED = "NABA_ENDPOINT"
"""Names the endpoint that may be sent the key where it is a file, and not the command line, that names the endpoint."""
LARGEST_REPLY = 4 * 2**20
LONGEST_WAIT = 120.0
"""Seconds; a server that asks for a longer one is not waited for."""
FIRST_WAIT, MOST_WAIT = 0.5, 30.0
POSITIONS = 40
"""Tokens of a reply whose log-probabilities are kept."""
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class RejectedError(Exception):
    """The server does not take this request, however often it is sent."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status, self.message = status, message


class FailedError(Exception):
    """The server could not answer now; after all attempts, the request has failed."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.message, self.wait = message, wait


class UnreachableError(FailedError):
    """Nothing listens there."""


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        text: of the message.
        finish: the server's `finish_reason`.
        logprobs: for each token `[[token, log-probability], …]` of the likeliest ones; None where the server gave none.
        tokens_in, tokens_out: as the server counted them; 0 where it does not.
        seconds: of the attempt that succeeded.
    """

    text: str
    finish: str | None
    logprobs: list[list[list[Any]]] | None
    tokens_in: int
    tokens_out: int
    seconds: float


@dataclass
class Endpoint:
    """A server and how it is asked; safe to use from several threads.

    Attributes:
        url: the address below which `/chat/completions` is.
        timeout: seconds for a whole answer, also of a server that sends it drop by drop.
        retries: further attempts after one that failed.
        trusted: was the address named by the user, so that the key may be sent there?
    """

    url: str
    timeout: float = 60.0
    retries: int = 5
    trusted: bool = True
    _quiet_until: float = 0.0
    _client: httpx2.Client | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.url = self.url.rstrip("/")

    @property
    def client(self) -> httpx2.Client:
        """The HTTP client; connections are kept until `close`."""
        import httpx2

        with self._lock:
            if self._client is None:
                headers = {"Authorization": f"Bearer {key}"} if (key := self.key()) else {}
                self._client = httpx2.Client(timeout=self.timeout, headers=headers, follow_redirects=False)
            return self._client

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def key(self) -> str | None:
        """The key of the environment, if it may be sent to this address."""
        allowed = self.trusted or os.environ.get(TRUSTED, "").rstrip("/") == self.url
        return os.environ.get(KEY) if allowed else None

    def complete(self, payload: Mapping[str, Any]) -> Reply:
        """Ask for a completion, with further attempts where the server fails.

        Raises:
            RejectedError: the server does not take this request.
            FailedError: all attempts failed.
            UserError: no further request has a chance: the key, the address, the account, or nothing listens.
        """
        for attempt in range(self.retries + 1):
            self._wait_for_quiet()
            try:
                return self._once(payload)
            except FailedError as error:
                failed = error
                if attempt == self.retries:
                    break
                self._back_off(attempt, error.wait)
        if isinstance(failed, UnreachableError):
            raise UserError(
                f"no server answers at {self.url}: {failed.message}",
                "start it, or name another with model.endpoint=…; answers that came are kept: the same command goes on",
            )
        raise failed

    def served(self) -> list[str]:
        """The names of the models that the server has; [] where it does not say."""
        import httpx2

        try:
            found = self.client.get(f"{self.url}/models").json()["data"]
            return sorted(str(one["id"]) for one in found)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError):
            return []

    def _back_off(self, attempt: int, asked: float | None) -> None:
        # Full waits of all clients at one moment would end at one moment too: hence the chance in it.
        wait = min(MOST_WAIT, FIRST_WAIT * 2**attempt) * (0.5 + random.random())  # noqa: S311 - no secret
        if asked is not None:
            wait = max(wait, asked)
            with self._lock:
                self._quiet_until = max(self._quiet_until, time.monotonic() + asked)
        time.sleep(wait)

    def _wait_for_quiet(self) -> None:
        """Where the server has told one request to wait, the others wait with it."""
        while (left := self._quiet_until - time.monotonic()) > 0:
            time.sleep(left)

    def _once(self, payload: Mapping[str, Any]) -> Reply:
        import httpx2

        begun = time.perf_counter()
        try:
            with self.client.stream("POST", f"{self.url}/chat/completions", json=payload) as response:
                body = self._body(response, begun)
                status, headers = response.status_code, response.headers
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise UnreachableError(str(error) or type(error).__name__) from error
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise UserError(f"model.endpoint: {self.url} is no address: {error}") from error
        except httpx2.HTTPError as error:
            raise FailedError(f"{type(error).__name__}: {error}") from error
        if status != 200:
            raise self._refusal(status, headers, body)
        return _reply(body, time.perf_counter() - begun)

    def _body(self, response: httpx2.Response, begun: float) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            size += len(part)
            if time.perf_counter() - begun > self.timeout:
                raise FailedError(f"no whole answer within {self.timeout:g} seconds")
            if size > LARGEST_REPLY:
                raise FailedError(f"an answer of more than {LARGEST_REPLY >> 20} MiB")
            parts.append(part)
        return b"".join(parts)

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
        """What a status other than 200 means: nothing more to be asked, this request not, or not now."""
        said = self._said(body)
        final = self._final(status, headers, body, said)
        if final is not None:
            return final
        if status not in AGAIN:
            return RejectedError(status, said)
        return FailedError(f"{status}: {said}", _retry_after(headers.get("retry-after")))

    def _final(self, status: int, headers: Mapping[str, str], body: bytes, said: str) -> UserError | None:
        if status in {401, 403}:
            return UserError(f"{self.url} refuses the request ({status}): {said}", self._about_key())
        if status == 404:
            hint = f"it has: {', '.join(found)}" if (found := self.served()) else "the address ends before /chat/…"
            return UserError(f"{self.url} has no such model or path (404): {said}", hint)
        if 300 <= status < 400:
            return UserError(f"{self.url} redirects to {headers.get('location', 'nowhere')}", "name that address")
        if status == 429 and "insufficient_quota" in body.decode("utf-8", "replace"):
            return UserError(f"{self.url}: the account has no credit left: {said}")
        wait = _retry_after(headers.get("retry-after")) if status in AGAIN else None
        if wait is not None and wait > LONGEST_WAIT:
            return UserError(
                f"{self.url} asks to wait {wait:,.0f} seconds ({status})",
                "answers that came are kept: the same command goes on later",
            )
        return None

    def _about_key(self) -> str:
        if not self.trusted and os.environ.get(KEY):
            return f"a file names this address: {TRUSTED}={self.url} allows {KEY} to be sent there"
        return f"the key is read from the environment: {KEY}=…"

    def _said(self, body: bytes) -> str:
        """What the server said, in a line; some repeat the key in it."""
        text = body.decode("utf-8", "replace")
        try:
            content = json.loads(text)
            found = content.get("error", content.get("detail", content)) if isinstance(content, dict) else content
            text = str(found.get("message", found)) if isinstance(found, dict) else str(found)
            if isinstance(found, dict) and isinstance(found.get("code"), str):
                text += f" ({found['code']})"
        except ValueError:
            pass
        key = os.environ.get(KEY)
        text = text.replace(key, "***") if key else text
        return " ".join(text.split())[:300] or "no message"


def _reply(body: bytes, seconds: float) -> Reply:
    """Read a completion.

    Raises:
        FailedError: it is cut, has no choice, or is none.
    """
    try:
        content = json.loads(body)
        choice = content["choices"][0]
        message = choice["message"]
        said = message.get("content")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise FailedError(f"the answer is no completion: {type(error).__name__}: {error}") from error
    if isinstance(said, list):
        said = "".join(str(part.get("text", "")) for part in said if isinstance(part, dict))
    refused = not said and message.get("refusal")
    usage = content.get("usage") or {}
    return Reply(
        text=str(said or message.get("refusal") or ""),
        finish="content_filter" if refused else choice.get("finish_reason"),
        logprobs=_logprobs(choice.get("logprobs")),
        tokens_in=_count(usage.get("prompt_tokens")),
        tokens_out=_count(usage.get("completion_tokens")),
        seconds=seconds,
    )


def _logprobs(found: Any) -> list[list[list[Any]]] | None:
    try:
        kept = [
            [[str(one["token"]), float(one["logprob"])] for one in (token.get("top_logprobs") or [token])]
            for token in found["content"][:POSITIONS]
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return kept or None


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _retry_after(value: str | None) -> float | None:
    """Seconds that `Retry-After` asks for: a number or a date (RFC 9110, 10.2.3); None where it says neither."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def address_problem(url: str) -> str | None:
    """Why an address is none for an endpoint; None where it is one."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "expected an address such as http://127.0.0.1:8000/v1"
    if parts.username or parts.password or parts.query or parts.fragment:
        return f"expected an address without user, password or query; a key is read from {KEY}"
    if parts.path.rstrip("/").endswith("/chat/completions"):
        return "expected the address before /chat/completions"
    return None
