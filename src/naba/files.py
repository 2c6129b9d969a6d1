"""Where naba finds what it ships and where it keeps what it makes."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba.errors import UserError, is_full

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from markupsafe import Markup

LEFT_SECONDS = 3600.0
"""A half-written file that nobody has written to for so long was left by a process that was killed."""
PACKAGE = Path(__file__).resolve().parent


def checkout() -> Path | None:
    """The root of the repository naba runs from, or None for an installed wheel."""
    root = PACKAGE.parent.parent
    return root if (root / "pyproject.toml").is_file() and (root / "conf" / "train.yaml").is_file() else None


def shipped(folder: str) -> Path:
    """A folder naba ships (`conf`, `data`): in the repository, or inside the wheel."""
    root = checkout()
    return (root / folder) if root else (PACKAGE / "shipped" / folder)


def rendered(template: Path, finalize: Callable[[Any], Any] | None = None, /, **values: Any) -> str:
    """A page filled with values, all of which are escaped but `Markup`; a name that is missing is an error.

    Args:
        finalize: done to each value before it is escaped.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template.parent), autoescape=True, undefined=StrictUndefined, finalize=finalize,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template(template.name).render(**values)


def asset(*shipped: Path) -> Markup:
    """Style sheets or scripts that naba ships, which are not escaped."""
    from markupsafe import Markup

    return Markup("".join(file.read_text(encoding="utf-8") for file in shipped))  # noqa: S704


def in_script(data: Any) -> Markup:
    """JSON that may stand in a script element, whatever the texts in it are."""
    from markupsafe import Markup

    # No "<" may stand in a script element, or a text could close it; JSON knows the escape.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))  # noqa: S704


def home() -> Path:
    """The folder for everything naba writes: `NABA_HOME`, else `runs` in the repository or the current folder."""
    configured = os.environ.get("NABA_HOME")
    if configured:
        return Path(configured).expanduser().resolve()
    return (checkout() or Path.cwd()) / "runs"


def cache() -> Path:
    """The folder for downloaded files: `NABA_CACHE`, else the user's cache folder."""
    configured = os.environ.get("NABA_CACHE")
    if configured:
        return Path(configured).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "naba"


@contextmanager
def replaced(file: Path) -> Iterator[Path]:
    """A path beside `file` to write to; it takes the place of `file` at the end, so that nobody reads half of it.

    Whoever may read other new files may read this one. After an error `file` is as it was; only a kill leaves the
    other, `NAME.….part`, which the next writer removes when nobody has written to it for an hour.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    for left in parts(file):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                left.unlink()
    part = file.with_name(f"{_beginning(file)}.{os.getpid()}-{os.urandom(4).hex()}.part")
    try:
        with writing(file):
            yield part
            part.replace(file)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Let what is written while the block lasts name `file` when its disk is full: systems and libraries do not."""
    try:
        yield
    except OSError as error:
        if is_full(error) and not error.filename and not isinstance(error.args[0], list):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file)) from error
        raise


def parts(file: Path) -> list[Path]:
    """What writers of `file` that were killed have left beside it."""
    return [path for path in file.parent.glob("*.part") if path.name.startswith(f"{_beginning(file)}.")]


def _beginning(file: Path) -> str:
    """Of the name of a part: the file's, unless a part could not be called so."""
    whole = os.fsencode(file.name)
    return file.name if len(whole) + _PART_BYTES <= NAME_BYTES else hashlib.sha256(whole).hexdigest()[:16]


NAME_BYTES = 255
"""Most bytes of a name in the file systems of today: 127 Arabic letters."""
_PART_BYTES = 32


def check_place(path: Path, *, folder: bool = False) -> None:
    """Before work that takes a while: can a file, or a folder, be written at this path? Nothing is made.

    Raises:
        UserError: it cannot.
    """
    if "\0" in str(path):
        raise UserError(f"{str(path)!r} holds a null character, which no path can")
    if too_long := next((part for part in path.parts if len(os.fsencode(part)) > NAME_BYTES), None):
        size = len(os.fsencode(too_long))
        raise UserError(f"the name {too_long[:20]}… has {size} bytes, and a file system takes {NAME_BYTES}")
    if os.path.lexists(path) and not (os.path.isdir(path) if folder else os.path.isfile(path)):  # noqa: PTH112, PTH113
        wanted = "folder" if folder else "file"
        raise UserError(f"{path} is there and is no {wanted}", f"name a {wanted}")
    whole = path.absolute()
    there = next(one for one in ([whole] if folder else []) + [*whole.parents] if os.path.lexists(one))
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise UserError(f"{path} cannot be written: {there}: {error.strerror}") from error


def sha256(file: Path) -> str:
    """Hex digest of a file's content."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# Files that naba keeps for itself and reads only as they were written. Damaged bytes can make a reader raise nearly
# anything, or give wrong numbers in silence: so the SHA-256 stands at the end of such a file, and is compared before
# anything reads it; readers of zip files pass over what follows the archive.

_SIZE = hashlib.sha256().digest_size
_BLOCK = 1 << 20


def write_text(file: Path, text: str) -> None:
    """Write a text file in UTF-8, as a whole or, after an error, not at all; see `replaced`."""
    with replaced(file) as part:
        part.write_text(text, encoding="utf-8")


@contextmanager
def sealed(file: Path) -> Iterator[Path]:
    """A path to write to whose file gets a seal (its SHA-256) at its end, and takes the place of `file`: `replaced`."""
    with replaced(file) as part:
        yield part
        with part.open("r+b") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
            stream.seek(0, os.SEEK_END)
            stream.write(digest)


def seal(file: Path) -> str:
    """The SHA-256 (hex) of the content of a file, after comparing it with the one at its end.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not as `sealed` left it.
    """
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        left = os.fstat(stream.fileno()).st_size - _SIZE
        while left > 0:
            block = stream.read(min(left, _BLOCK))
            if not block:
                break
            digest.update(block)
            left -= len(block)
        if stream.read() != digest.digest():
            raise ValueError("it is damaged, or of another version")
    return digest.hexdigest()
