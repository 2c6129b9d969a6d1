"""The database of an MLflow store: where it is, made once, never half-made, read where it lies now, waited for."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import unquote

from naba import files
from naba.errors import UserError, hidden, is_full, sentence

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow import MlflowClient

logger = logging.getLogger(__name__)
T = TypeVar("T")

STORE_TIMEOUT = 300
"""Seconds to wait for another process that holds a lock: it creates the store, or an experiment, or promotes a run."""
LOCK_SECONDS = 5.0
"""Seconds that sqlite waits for another process that writes, before naba says so and goes on waiting."""
UNFINISHED = "creating-"
"""Beginning of the name of the folder in which an sqlite store is made."""
SCHEMES = ("sqlite", "postgresql", "mysql", "mssql", "http", "https", "databricks")
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
"""Columns of MLflow's tables that hold addresses of folders."""
POSTGRES_HINT = "pip install 'naba[postgres]', and write the address as postgresql+psycopg2://…"
POSTGRES_LOCK = 0x6E616261
"""Key of the advisory lock under which a PostgreSQL store is created: "naba" in ASCII."""
PATIENCE_SECONDS = 300.0
"""How long a store may be away before a job fails."""
PAUSE_SECONDS = 2.0
BUSY = ("database is locked", "database system is starting up", "database system is in recovery")
"""Parts of messages, in small letters, of a store that is certainly there."""
AWAY = (
    "connection refused", "connection reset", "connection aborted", "connection timed out", "timeout expired",
    "no route to host", "server closed the connection", "terminating connection", "database system is shutting down",
    "ssl connection has been closed", "max retries exceeded", "503 server error", "error code 503", "error code 502",
)  # fmt: skip
"""Parts of messages of a store that does not answer: it is away, or was never at this address."""
TWICE = ("unique constraint failed", "duplicate key value")
"""Parts of messages of a database into which two processes wrote the same new row at once."""
REPEATS = 5


def default_uri() -> str:
    """The store where none is named: `MLFLOW_TRACKING_URI`, else one sqlite file below `NABA_HOME`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(files.home() / "mlflow.db")


def sqlite_uri(file: Path) -> str:
    """The address of an sqlite store."""
    if not set(str(file)) & set("%?"):
        return f"sqlite:///{file}"
    from sqlalchemy import URL

    # SQLAlchemy reads %41 as A, and ends a path at `?`; MLflow makes the parents of what follows a bare `sqlite:///`.
    return URL.create("sqlite+pysqlite", database=str(file)).render_as_string()


def quiet() -> None:
    """Telemetry and chatter off, before MLflow is imported; what the user set stays."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    # A server that does not answer is reported within seconds; MLflow itself waits for minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")


@cache
def client(uri: str) -> MlflowClient:
    """A client of the store at `uri`, which is created first if it does not exist.

    It waits for a store that is away for a while; see `patiently`.

    Raises:
        UserError: there is no store at this address, or it refuses.
    """
    quiet()
    if uri.partition(":")[0].partition("+")[0] not in SCHEMES:
        expected = "expected sqlite:///FILE, http://HOST:PORT or postgresql+psycopg2://USER@HOST/DATABASE"
        raise UserError(f"'{hidden(uri)}' is no address of an MLflow store: {expected}", "naba train --help")
    shown = hidden(uri)
    return cast("MlflowClient", PatientClient(patiently(lambda: _opened(uri, shown), shown), shown))


def _opened(uri: str, shown: str) -> MlflowClient:
    _create_store(uri, shown)
    if (file := sqlite_file(uri)) is not None:
        mend_addresses(file)
    import mlflow

    # It logs the traceback of each error that it also raises.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    use(uri)
    made = mlflow.MlflowClient(uri)
    if file is None:
        _check_answers(made, shown)
    return made


def _check_answers(client_: MlflowClient, shown: str) -> None:
    """One question to a server, so that one sentence says what is wrong with its address."""
    from mlflow.exceptions import MlflowException

    try:
        client_.search_experiments(max_results=1)
    except MlflowException as error:
        said = sentence(error)
        if "Invalid Host header" in said:
            raise UserError(
                f"the server at {shown} does not take requests under this name",
                "naba ui --server --allowed-hosts …",
            ) from error
        if "Max retries exceeded" in said or "Connection" in said:
            raise UserError(
                f"no tracking server answers at {shown}", "is it running, and the address right?"
            ) from error
        raise UserError(f"the server at {shown} refused: {said}") from error


def mend_addresses(file: Path) -> None:
    """Let a store that was moved or copied read, and write, the artifacts beside it rather than where it came from.

    MLflow keeps whole paths. An experiment of naba's has its files in `artifacts/NAME` beside the database: where
    there is such a folder, but the address is that of another home, all addresses below that home are changed.
    """
    here = (file.resolve().parent / "artifacts").as_uri()
    with contextlib.closing(sqlite3.connect(file, timeout=LOCK_SECONDS)) as store:
        kept = store.execute(
            "select artifact_location from experiments where artifact_location like 'file:%'"
        ).fetchall()
        homes = set()
        for (address,) in kept:
            before, _, name = str(address).rpartition("/")
            local = file.resolve().parent / "artifacts" / unquote(name)
            if before.endswith("/artifacts") and before != here and local.is_dir():
                homes.add(before)
        for before in homes:
            columns = {table: _columns(store, table) for table, _ in _ADDRESSES}
            for table, column in _ADDRESSES:
                if column in columns[table]:
                    store.execute(
                        f"update {table} set {column} = ? || substr({column}, ?) where substr({column}, 1, ?) = ?",  # noqa: S608 - names from the table above
                        (here + "/", len(before) + 2, len(before) + 1, before + "/"),
                    )
        store.commit()


def _columns(store: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in store.execute(f"pragma table_info({table})")}


def use(uri: str) -> None:
    """Point MLflow's own functions at the store, in this process only.

    MLflow also writes the address to the environment, where `tracking.uri` would read it as the user's choice.
    """
    import mlflow

    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    if before is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    else:
        os.environ["MLFLOW_TRACKING_URI"] = before


def sqlite_file(uri: str) -> Path | None:
    """The file of a sqlite store, as SQLAlchemy reads the address; None for other stores."""
    if not uri.startswith("sqlite"):
        return None
    path = uri.partition("///")[2].partition("?")[0]
    if "%" in path:
        from sqlalchemy import make_url

        path = make_url(uri).database or ""
    return Path(path)


def exists(uri: str) -> bool:
    """Is there a store? Only for an sqlite file is it looked up; a server is taken to be there."""
    file = sqlite_file(uri)
    return file is None or (file.is_file() and file.stat().st_size > 0)


def _is_ready(file: Path) -> bool:
    """Has this sqlite file been migrated by MLflow to the end?"""
    if not file.is_file() or file.stat().st_size == 0:
        return False
    try:
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=LOCK_SECONDS)) as store:
            return store.execute("select count(*) from alembic_version").fetchone()[0] == 1
    except sqlite3.DatabaseError as error:
        if "no such table" in str(error):
            return False
        if is_away(error, str(file)):
            raise
        if isinstance(error, sqlite3.OperationalError):
            raise UserError(f"the store {file} cannot be read: {error}", "may you read this file?") from error
        raise UserError(f"{file} is not an MLflow store: {error}", "move it away, or set NABA_HOME") from error


def _create_store(uri: str, shown: str) -> None:
    """Create the embedded store once, under a lock, and only under its final name when it is whole.

    MLflow's migrations break the file for good when two processes run them at once, or when one is killed.
    """
    file = sqlite_file(uri)
    if file is None and uri.startswith("postgresql"):
        _create_in_postgres(uri, shown)
    if file is None or _is_ready(file):
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        said = f"the folder {file.parent} for the store cannot be made: {error.strerror}"
        raise UserError(said, "set NABA_HOME to a folder that you may write to") from error
    from filelock import FileLock

    with FileLock(str(file) + ".lock", timeout=STORE_TIMEOUT):
        if _is_ready(file):
            return
        if file.exists() and file.stat().st_size:
            raise UserError(f"{file} exists but is not a whole MLflow store", "move it away and run again")
        logger.warning("Creating the tracking store %s (once, a few seconds)", file)
        for left in file.parent.glob(f"{UNFINISHED}*"):
            # Whoever made it held this lock, and was killed.
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=UNFINISHED) as folder:
            _create_at(Path(folder) / "mlflow.db", file)


def _create_at(unfinished: Path, file: Path) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy.exc import OperationalError

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    try:
        store = SqlAlchemyStore(sqlite_uri(unfinished), str(file.parent / "artifacts"))
        # MLflow makes an experiment "Default", which stands empty in every list.
        store.delete_experiment("0")
        store.engine.dispose()
        # All pages into the one file that is renamed; sqlite may have left some in a log beside it.
        with contextlib.closing(sqlite3.connect(unfinished)) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
    except (MlflowException, OperationalError, sqlite3.OperationalError) as error:
        raise UserError(
            f"the store {file} cannot be made: {sentence(error)}", "is the disk full, or not writable?"
        ) from error
    unfinished.replace(file)


def _create_in_postgres(uri: str, shown: str) -> None:
    """Create the tables in a PostgreSQL database once, whichever of several machines comes first.

    Everybody who opens the store passes through the lock, so nobody sees half-made tables. PostgreSQL frees the lock
    of a process that dies.
    """
    import sqlalchemy
    from sqlalchemy.exc import OperationalError

    try:
        engine = sqlalchemy.create_engine(uri)
    except ModuleNotFoundError as error:
        raise UserError(f"the store {shown} needs {error.name}", POSTGRES_HINT) from error
    try:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(f"select pg_advisory_lock({POSTGRES_LOCK})"))
            if not sqlalchemy.inspect(connection).has_table("alembic_version"):
                logger.warning("Creating the tracking store %s (once, a few seconds)", shown)
                from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

                SqlAlchemyStore(uri, str(files.home() / "artifacts")).engine.dispose()
    except OperationalError as error:
        if is_away(error, shown):
            raise
        raise UserError(f"the store {shown} cannot be reached: {sentence(error)}") from error
    finally:
        engine.dispose()


_answered: set[str] = set()
"""Stores that have answered this process, so that no wrong address is waited for."""


def is_away(error: BaseException, what: str) -> bool:
    """Does an error say that a store which was there, or is, cannot answer now?"""
    message = str(error).lower()
    return any(words in message for words in BUSY) or (what in _answered and any(words in message for words in AWAY))


def _lost_race(error: BaseException) -> bool:
    """Did another process write the row of this call first?

    MLflow reads whether a tag or data set is there, then inserts it: asked again, it finds it. Where a name must be
    new, MLflow gives the same message the code of a resource that exists, which is an answer.
    """
    message = str(error).lower()
    return getattr(error, "error_code", "") == "BAD_REQUEST" and any(words in message for words in TWICE)


def patiently(call: Callable[[], T], what: str) -> T:
    """The value of a question to a store, asked again for some minutes while the store is away.

    It is asked again at once where another process wrote the same row first.

    Only a store that has answered this process before, or that says itself that it is busy, is waited for: a wrong
    address, password or database fails at once.

    Args:
        what: the store's address, without a password.
    Raises:
        UserError: the store did not come back, or its disk is full.
        MlflowException: anything else it said.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import OperationalError

    begun, said, repeats = time.monotonic(), False, 0
    while True:
        try:
            value = call()
        except (MlflowException, OperationalError, sqlite3.OperationalError) as error:
            if is_full(error):
                raise UserError(
                    f"the disk of the store {what} is full", "make room, then repeat the command"
                ) from error
            if _lost_race(error) and repeats < REPEATS:
                repeats += 1
                continue
            if not is_away(error, what):
                raise
            if time.monotonic() - begun > PATIENCE_SECONDS:
                _answered.discard(what)
                raise UserError(
                    f"the store {what} has not answered for {_minutes(PATIENCE_SECONDS)}: {sentence(error)}",
                    "when it answers, repeat the command: what is finished is found",
                ) from error
            if not said:
                state = "is locked by another program" if "locked" in str(error) else "does not answer"
                logger.warning("the store %s %s: waiting up to %s", what, state, _minutes(PATIENCE_SECONDS))
                said = True
            time.sleep(PAUSE_SECONDS)
        else:
            _answered.add(what)
            if said:
                logger.warning("the store %s answers again, after %.0f s", what, time.monotonic() - begun)
            return value


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:g} s"


class PatientClient:
    """MLflow's client, each of whose methods waits while the store is away; see `patiently`.

    Attributes:
        inner: the client itself, which does not wait.
    """

    def __init__(self, client: MlflowClient, what: str) -> None:
        self.inner = client
        self._what = what

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)

        def patient(*arguments: Any, **named: Any) -> Any:
            return patiently(lambda: method(*arguments, **named), self._what)

        return patient
