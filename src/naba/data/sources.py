"""Where the files of a data set come from: the cache, a mirror, the network, in this order; every byte verified.

A mirror is a folder, or an http(s) address, laid out as `github/<owner>/<repo>/<commit>/<path>` and
`hub/<owner>/<name>/<revision>/<path>`. The cache has the same layout, so a copied cache is a mirror.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from naba import files as paths
from naba.config import packages
from naba.config.schema import DataConfig, FileConfig, SourceConfig
from naba.data import download
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

logger = logging.getLogger("naba")
GITHUB = "https://raw.githubusercontent.com"
HUB = "https://huggingface.co/datasets"
HUB_API = "https://huggingface.co/api/datasets"
IN_PACKAGE = "package:"
OFFLINE_HINT = (
    "Without a network, set NABA_MIRROR to a mirror (a folder or an http address), "
    "or run `naba data fetch NAME` where there is one and copy the cache."
)

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
        problem = download.to_file(url, cached, file.sha256, timeout=data.timeout, retries=data.retries)
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
