"""Errors that a user can act on: one message, no traceback, exit code 2."""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EXIT_CODE = 2


class UserError(Exception):
    """Something the user gave is wrong, or something the user must install is missing.

    `naba` prints it without a traceback and exits with code 2. The message says what was wrong, where
    (file, key, row) and what was expected; the hint says what to do about it.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}\n  {hint}")
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type, tuple[str, str | None]]:
        # Parallel launchers carry exceptions between processes; the default would lose the hint.
        return (type(self), (self.message, self.hint))


class Problems(UserError):  # noqa: N818 - it reads as what it is: a list of problems
    """Several problems of one kind of input, reported together rather than one a run."""

    def __init__(self, problems: Sequence[str], heading: str = "the configuration has") -> None:
        self.problems = list(problems)
        self.heading = heading
        count = f"{heading} {len(self.problems)} problem{'s' if len(self.problems) != 1 else ''}:"
        super().__init__("\n".join([count, *(f"  - {problem}" for problem in self.problems)]))

    def __reduce__(self) -> tuple[type, tuple[list[str], str]]:  # type: ignore[override]
        return (type(self), (self.problems, self.heading))


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice most like `name`, or None when nothing is alike."""
    folded = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.5)
    return folded[found[0]] if found else None


def unknown_name(kind: str, name: str, choices: Iterable[str]) -> str:
    """One line for a name that does not exist: the nearest valid one, and what exists.

    >>> unknown_name("model", "tfidf_logref", ["majority", "tfidf_logreg"])
    "unknown model 'tfidf_logref'; did you mean 'tfidf_logreg'? (valid: majority, tfidf_logreg)"
    """
    valid = sorted(choices)
    guess = nearest(name, valid)
    suggestion = f"; did you mean '{guess}'?" if guess else ""
    shown = ", ".join(valid[:30]) + (f", and {len(valid) - 30} more" if len(valid) > 30 else "")
    return f"unknown {kind} '{name}'{suggestion} (valid: {shown or 'none'})"


# Addresses of the web end their passwords at the last @ before a slash; those of databases may have slashes in them.
_SCHEME = r"(?<![A-Za-z0-9+.\-]){}[A-Za-z][A-Za-z0-9+.\-]{{0,40}}://[^\s/@:'\"]*:"
_USER = re.compile(rf"(?P<before>{_SCHEME.format('')})[^\s/\"]+(?=@)")
_DATABASE = re.compile(rf"(?P<before>{_SCHEME.format('(?!https?:)')})[^\s\"]+(?=@)")
_QUERY = re.compile(
    r"(?P<before>[?&;][\w.\-]*(?:passw(?:or)?d|pwd|token|secret|key|signature|odbc_connect)=)[^&\s'\"]+", re.IGNORECASE
)


def hidden(text: str) -> str:
    """A text without the passwords of the addresses in it.

    >>> hidden("tracking.uri=https://desk:secret@runs.example.org")
    'tracking.uri=https://desk:***@runs.example.org'
    """
    for pattern in (_USER, _DATABASE, _QUERY):
        text = pattern.sub(r"\g<before>***", text)
    return text


def all_hidden(value: Any) -> Any:
    """Plain values (as of a YAML) without the passwords of the addresses in them."""
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, Mapping):
        return {key: all_hidden(inner) for key, inner in value.items()}
    return [all_hidden(inner) for inner in value] if isinstance(value, list) else value


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_WORDS = ("no space left", "disk is full", "could not extend file", "disk quota exceeded", "file too large")


def is_interrupt(error: BaseException | None) -> bool:
    """Is this Ctrl-C, or an error that a library made of it while it tidied up?"""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def is_full(error: BaseException) -> bool:
    """Does an error say that a disk takes no more? `shutil` and databases have it in their text only."""
    return getattr(error, "errno", None) in _FULL or any(words in str(error).lower() for words in _FULL_WORDS)


def sentence(error: BaseException) -> str:
    """What an error says, in one line: without SQL, lists of files, passwords and line breaks.

    >>> sentence(OSError(28, "No space left on device", "runs/board.html"))
    'No space left on device: runs/board.html'
    """
    if isinstance(error, UserError):
        return hidden(error.message)
    if isinstance(error, OSError) and error.strerror:
        path = error.filename2 or error.filename
        text = f"{error.strerror}: {path}" if path else error.strerror
    elif isinstance(error, OSError) and error.args and isinstance(error.args[0], list):
        # `shutil.Error`: (source, destination, reason) of each file that was not copied, or one such reason.
        _, path, reason = next((one for one in error.args[0] if len(one) == 3), ("", "", str(error)))
        text = f"{re.sub(r'^.Errno [0-9]+. |: .*$', '', str(reason))}: {path}"
    else:
        said = re.split(r"\[SQL|\(Background on this error", str(error))[0]
        said = re.sub(r"\(\w+\.\w+\) ", "", said)
        known = type(error).__module__.partition(".")[0] in _LIBRARIES
        text = said if known else f"{type(error).__name__}: {said}"
    return hidden(" ".join(text.split()))[:_LONGEST]


_LIBRARIES = {"hydra", "omegaconf", "mlflow", "sqlalchemy", "sqlite3"}
"""Libraries whose messages are sentences about what they were given."""
_LONGEST = 600
