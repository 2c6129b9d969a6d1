"""One file over http(s) into the cache: whole and verified under its final name, or not there at all."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

from naba import files
from naba.errors import UserError

logger = logging.getLogger("naba")
SECONDS_BEFORE_RETRY = 0.5
LARGEST_FILE = 2**30
"""Bytes of one file: an answer may never end, or unpack to any size on the way."""
LARGEST_PAGE = 2**24
MOST_PAGES = 1000
SERVER_ERRORS = frozenset({408, 425, 429, 500, 502, 503, 504})


def to_file(url: str, final: Path, sha256: str | None, timeout: float, retries: int) -> str | None:
    """Download `url` to `final` unless another process has done so meanwhile.

    Args:
        sha256: what the bytes must hash to, or None for the first fetch of a file nobody has pinned yet.
        timeout: seconds the server may stay silent.
        retries: further attempts after a dropped connection, a time-out or a server's own error.
    Returns:
        None when `final` is there, else why it could not be had (another place may have the file).
    Raises:
        UserError: the bytes do not match `sha256` (they are kept beside, for a look), or the cache cannot be written.
    """
    from filelock import FileLock

    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(final.with_name(f"{final.name}.lock")):
            return None if final.is_file() else _with_retries(url, final, sha256, timeout, retries)
    except OSError as error:
        raise UserError(
            f"cannot write to the cache: {error}", "Point NABA_CACHE (or data.cache) to a folder you may write."
        ) from error


def _with_retries(url: str, final: Path, sha256: str | None, timeout: float, retries: int) -> str | None:
    problem = ""
    for attempt in range(retries + 1):
        if attempt:
            time.sleep(SECONDS_BEFORE_RETRY * 2 ** (attempt - 1))
        problem, again = _attempt(url, final, sha256, timeout)
        if not problem:
            return None
        if not again:
            return problem
    return f"{problem} ({retries + 1} attempts)"


def _attempt(url: str, final: Path, sha256: str | None, timeout: float) -> tuple[str, bool]:
    """What went wrong ("" if nothing), and whether another attempt may help."""
    import pooch
    import requests

    # tqdm's bar is pooch's; it goes to stderr, and only where somebody watches.
    downloader: Any = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=timeout)
    with tempfile.NamedTemporaryFile(dir=final.parent, prefix=f".{final.name}.", suffix=".part", delete=False) as part:
        path = Path(part.name)
        try:
            downloader(url, _Limited(part), None)
            part.flush()
            _accept(path, final, url, sha256)
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            return f"{url}: {_cause(error)}", status in SERVER_ERRORS
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            # A silence in the middle of the body comes as a ConnectionError that only its text tells from others.
            if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
                return f"{url} did not answer within {timeout:g} s", True
            return f"{url}: no connection, or it broke off: {_cause(error)}", True
        except (requests.RequestException, _TooLargeError) as error:
            return f"{url}: {type(error).__name__}: {_cause(error)}", False
        finally:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
    return "", False


class _TooLargeError(Exception):
    """More came than the limit."""


class _Limited:
    """As much of a file as pooch needs, up to the limit."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.left = file, LARGEST_FILE

    def write(self, content: bytes) -> int:
        """Pass on what is within the limit."""
        self.left -= len(content)
        if self.left < 0:
            raise _TooLargeError(f"more than {LARGEST_FILE >> 20} MiB came, the most that is taken for one file")
        return self.file.write(content)

    def flush(self) -> None:
        """Pass on what is held back."""
        self.file.flush()


def write_text(final: Path, text: str) -> None:
    """Write a small file of the cache so that it is whole or not there."""
    try:
        files.write_text(final, text)
    except OSError as error:
        raise UserError(f"cannot write to the cache: {error}") from error


def json_list(url: str, timeout: float, retries: int) -> list[dict[str, Any]]:
    """A list of objects that a web API gives in pages, following its `Link: …; rel="next"` headers.

    Raises:
        UserError: no answer within `timeout` seconds after `retries` further attempts, or none of this form.
    """
    import requests

    found: list[dict[str, Any]] = []
    pages = 0
    following: str | None = url
    while following:
        for attempt in range(retries + 1):
            try:
                page, links = _page(following, timeout)
                break
            except requests.RequestException as error:
                status = error.response.status_code if error.response is not None else None
                if attempt == retries or (status is not None and status not in SERVER_ERRORS):
                    raise UserError(f"{following}: {_cause(error)}") from error
                time.sleep(SECONDS_BEFORE_RETRY * 2**attempt)
        if not isinstance(page, list) or not all(isinstance(entry, dict) for entry in page):
            raise UserError(f"{following}: the answer is not a list of objects")
        found += page
        pages += 1
        following = links.get("next", {}).get("url")
        if following and pages == MOST_PAGES:
            raise UserError(f"{url}: more than {MOST_PAGES:,} pages of answers")
    return found


def _page(url: str, timeout: float) -> tuple[Any, dict[str, Any]]:
    """The JSON of one answer, and the links of its header."""
    import requests

    with requests.get(url, timeout=timeout, stream=True) as response:
        response.raise_for_status()
        content = b""
        for part in response.iter_content(2**16):
            content += part
            if len(content) > LARGEST_PAGE:
                raise UserError(f"{url}: an answer of more than {LARGEST_PAGE >> 20} MiB")
        try:
            return json.loads(content), response.links
        except (ValueError, RecursionError) as error:
            raise UserError(f"{url}: the answer is not JSON: {error}") from error


def _cause(error: BaseException) -> str:
    reason = getattr(error.args[0], "reason", error) if error.args else error
    return str(reason).splitlines()[0][:200] if str(reason) else type(error).__name__


def _accept(path: Path, final: Path, url: str, sha256: str | None) -> None:
    actual = files.sha256(path)
    if sha256 is None:
        logger.warning(
            "%s: no sha256 is known for it; the bytes received have %s (`naba data pin` writes it down)", url, actual
        )
    elif actual != sha256:
        received = final.with_name(f"{final.name}.received")
        path.replace(received)
        raise UserError(
            f"{url}: the sha256 of what came is {actual}, the config says {sha256}",
            f"Either the file at that address has changed or something stands in between; it is kept as {received}.",
        )
    path.chmod(0o644)
    path.replace(final)
