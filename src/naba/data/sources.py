"""Where the files of a data set come from: the cache, a mirror, the network, in this order; every byte verified.

A mirror is a folder, or an http(s) address, laid out as `github/<owner>/<repo>/<commit>/<path>` and
`hub/<owner>/<name>/<revision>/<path>`. The cache has the same layout, so a copied cache is a mirror.

The lists that the Hub gives of a data set's files come page by page (`json_list`).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import tempfile
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from naba import files as paths
from naba.config import packages
from naba.config.schema import DataConfig, FileConfig, SourceConfig
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

logger = logging.getLogger(__name__)
GITHUB = "https://raw.githubusercontent.com"
HUB = "https://huggingface.co/datasets"
HUB_API = "https://huggingface.co/api/datasets"
IN_PACKAGE = "package:"
OFFLINE_HINT = (
    "Without a network, set NABA_MIRROR to a mirror (a folder or an http address), "
    "or run `naba data fetch NAME` where there is one and copy the cache."
)
SECONDS_BEFORE_RETRY = 0.5
LARGEST_FILE = 2**30
"""Bytes of one file: an answer may never end, or unpack to any size on the way."""
LARGEST_PAGE = 2**24
MOST_PAGES = 1000
SERVER_ERRORS = frozenset({408, 425, 429, 500, 502, 503, 504})

_current: ContextVar[DataConfig | None] = ContextVar("naba_fetching", default=None)


@dataclass(frozen=True)
class Fetched:
    """A file whose bytes have just been verified."""

    path: Path
    config: FileConfig
    sha256: str
    origin: Literal["folder", "cache", "mirror", "network"]

    @property
    def pinned(self) -> bool:
        """Did the config know the hash beforehand?"""
        return self.config.sha256 is not None


def fetch(source: SourceConfig, data: DataConfig | None = None) -> list[Path]:
    """One verified local path for each file of the source, in its order; see `fetch_files`."""
    return [fetched.path for fetched in fetch_files(source, data)]


def fetch_files(source: SourceConfig, data: DataConfig | None = None) -> list[Fetched]:
    """Find each file of the source and check it against its sha256.

    Args:
        data: mirror, cache and time-outs; None for those of `current`. The mirror defaults to `NABA_MIRROR`;
            `NABA_OFFLINE=1` (or `data.offline`) forbids the network. A mirror with an http address counts as a mirror,
            not as the network.
    Raises:
        UserError: a file that is nowhere, a server that fails or stays silent (with its address), or bytes that do
            not match (with both hashes; nothing is deleted).
    """
    data = data or current()
    return [_fetch_one(source, file, data) for file in listed(source)]


def listed(source: SourceConfig) -> list[FileConfig]:
    """The files of the source, those of its manifest included."""
    kinds = [source.repository is not None, source.repo_id is not None, source.folder is not None]
    if sum(kinds) != 1:
        raise UserError(
            "dataset.source must say one of: repository and commit (GitHub), repo_id and revision (the Hub), folder"
        )
    files = list(source.files)
    if source.manifest is not None:
        lines = (paths.shipped("data") / source.manifest).read_text(encoding="utf-8").splitlines()
        files += [FileConfig(path=path, sha256=digest) for digest, path in (line.split("  ", 1) for line in lines)]
    for file in files:
        if PurePosixPath(file.path).is_absolute() or ".." in PurePosixPath(file.path).parts:
            raise UserError(f"dataset.source.files: '{file.path}' must be a path below the source")
    return files


def relative_path(source: SourceConfig, file: FileConfig) -> str:
    """Where a file of GitHub or the Hub lies in a mirror or in the cache."""
    if source.repository is not None:
        if source.commit is None:
            raise UserError(f"dataset.source.repository '{source.repository}' needs a commit", "Pin all 40 digits.")
        return f"github/{source.repository}/{source.commit}/{file.path}"
    if source.revision is None:
        raise UserError(f"dataset.source.repo_id '{source.repo_id}' needs a revision", "Pin the commit of the Hub.")
    return f"hub/{source.repo_id}/{source.revision}/{file.path}"


def address(source: SourceConfig, file: FileConfig) -> str:
    """The public address of a file."""
    if source.repository is not None:
        return f"{GITHUB}/{quote(f'{source.repository}/{source.commit}/{file.path}')}"
    return f"{HUB}/{quote(f'{source.repo_id}/resolve/{source.revision}/{file.path}')}"


@contextmanager
def fetching(data: DataConfig) -> Iterator[None]:
    """Let all that is loaded inside without settings of its own be fetched as `data` says.

    A model that reads a further data set has no such settings: they are none of its parameters.
    """
    token = _current.set(data)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> DataConfig:
    """What `fetching` was given last, or the defaults."""
    return _current.get() or DataConfig()


def mirror_of(data: DataConfig) -> str | None:
    """The configured mirror: `data.mirror`, else `NABA_MIRROR`."""
    return data.mirror or os.environ.get("NABA_MIRROR") or None


def is_offline(data: DataConfig) -> bool:
    """Is the network forbidden?"""
    return data.offline or os.environ.get("NABA_OFFLINE", "").strip().lower() in {"1", "true", "yes", "on"}


def cache_of(data: DataConfig) -> Path:
    """The cache folder."""
    return Path(data.cache).expanduser() if data.cache else paths.cache()


def local_folder(folder: str) -> Path:
    """A `folder:` of the config: absolute, below naba's own `data/`, or in a package (`package:mypackage/data`).

    Raises:
        UserError: the package is not allowed.
    """
    if folder.startswith(IN_PACKAGE):
        name, _, inside = folder.removeprefix(IN_PACKAGE).partition("/")
        places = {one.name: one.folder for one in packages.allowed() if one.folder is not None}
        if name not in places:
            raise UserError(f"source.folder: {unknown_name('allowed package', name, places)}", f"--package {name}")
        return places[name] / inside
    path = Path(folder).expanduser()
    return path if path.is_absolute() else paths.shipped("data") / path


def _fetch_one(source: SourceConfig, file: FileConfig, data: DataConfig) -> Fetched:
    if source.folder is not None:
        path = local_folder(source.folder) / file.path
        if not path.is_file():
            raise UserError(f"no such file: {path}", _neighbours(path))
        return Fetched(path, file, _verified(path, file), "folder")
    relative = relative_path(source, file)
    cached = cache_of(data) / relative
    if cached.is_file():
        return Fetched(cached, file, _verified(cached, file), "cache")
    mirror = mirror_of(data)
    tried = [f"cache: not in {cache_of(data)}"]
    places: list[tuple[Literal["mirror", "network"], str]] = []
    if mirror and "://" in mirror:
        places.append(("mirror", f"{mirror.rstrip('/')}/{quote(relative)}"))
    elif mirror:
        path = Path(mirror).expanduser() / relative
        if path.is_file():
            return Fetched(path, file, _verified(path, file), "mirror")
        tried.append(f"mirror: not in {mirror}" if Path(mirror).is_dir() else f"mirror: no such folder: {mirror}")
    else:
        tried.append("mirror: none is set")
    if is_offline(data):
        tried.append("network: switched off (NABA_OFFLINE or data.offline)")
    else:
        places.append(("network", address(source, file)))
    for origin, url in places:
        problem = _download(url, cached, file.sha256, timeout=data.timeout, retries=data.retries)
        if problem is None:
            return Fetched(cached, file, _verified(cached, file), origin)
        tried.append(f"{origin}: {problem}")
    raise UserError(f"cannot get {relative}:\n    " + "\n    ".join(tried), OFFLINE_HINT)


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f"The folder {path.parent} does not exist."
    names = sorted(entry.name for entry in path.parent.iterdir())
    return f"{path.parent} holds: {', '.join(names[:20]) or 'nothing'}"


def _verified(path: Path, file: FileConfig) -> str:
    try:
        actual = paths.sha256(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if file.sha256 is not None and actual != file.sha256:
        raise UserError(
            f"{path}: its sha256 is {actual}, the config says {file.sha256}",
            "The bytes are not those the config pins. Nothing was deleted: replace the file, or correct the config.",
        )
    return actual


def unpinned(files: Sequence[Fetched]) -> list[Fetched]:
    """The files whose hash the config does not know yet; `naba data pin NAME` writes it down."""
    return [fetched for fetched in files if not fetched.pinned and fetched.origin != "folder"]


def _download(url: str, final: Path, sha256: str | None, timeout: float, retries: int) -> str | None:
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
        paths.write_text(final, text)
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
    actual = paths.sha256(path)
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
