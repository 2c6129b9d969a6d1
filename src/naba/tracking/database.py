"""The database of an MLflow store: where it is, made once, never half-made, read where it lies now."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from naba import files
from naba.errors import UserError, hidden

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

STORE_TIMEOUT = 300
"""Seconds to wait for another process that is creating the store."""
LOCK_SECONDS = 60
"""Seconds to wait for another process that writes to an sqlite store."""


def default_uri() -> str:
    """The store where none is named: `MLFLOW_TRACKING_URI`, else one sqlite file below `NABA_HOME`.

    Raises:
        UserError: `NABA_HOME` holds a `?`, which an address of sqlite cannot.
    """
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return uri
    file = files.home() / "mlflow.db"
    if "?" in str(file):
        raise UserError(f"the store {file} cannot be opened: '?' ends the path in its address", "choose another folder")
    return f"sqlite:///{file}"


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
    """A client of the store at `uri`, which is created first if it does not exist."""
    quiet()
    _create_store(uri)
    if (file := sqlite_file(uri)) is not None:
        mend_addresses(file)
    import mlflow

    use(uri)
    made = mlflow.MlflowClient(uri)
    if uri.startswith(("http:", "https:")):
        _check_answers(made, uri)
    return made


def _check_answers(client_: MlflowClient, uri: str) -> None:
    """One question to a server, so that one sentence says what is wrong with its address."""
    from mlflow.exceptions import MlflowException

    try:
        client_.search_experiments(max_results=1)
    except MlflowException as error:
        said = " ".join(str(error).split())
        if "Invalid Host header" in said:
            raise UserError(
                f"the server at {hidden(uri)} does not take requests under this name",
                "naba ui --server --allowed-hosts …",
            ) from error
        if "Max retries exceeded" in said or "Connection" in said:
            raise UserError(
                f"no tracking server answers at {hidden(uri)}", "is it running, and the address right?"
            ) from error
        raise UserError(f"the server at {hidden(uri)} refused: {hidden(said)[:300]}") from error


_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
"""Columns of MLflow's tables that hold addresses of folders."""


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
    """The file of a sqlite store; None for other stores."""
    # As SQLAlchemy reads it: `#` and `%` are letters like others, and only `?` ends the path.
    return Path(uri.partition("///")[2].partition("?")[0]) if uri.startswith("sqlite:") else None


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
        if isinstance(error, sqlite3.OperationalError):
            # Nothing is wrong with the file itself: another process holds it, or it may not be read.
            raise UserError(
                f"the store {file} cannot be read now: {error}", "does another program hold it open?"
            ) from error
        raise UserError(f"{file} is not an MLflow store: {error}", "move it away, or set NABA_HOME") from error


def _create_store(uri: str) -> None:
    """Create the embedded store once, under a lock, and only under its final name when it is whole.

    MLflow's migrations break the file for good when two processes run them at once, or when one is killed.
    """
    file = sqlite_file(uri)
    if file is None and uri.startswith("postgresql"):
        _create_in_postgres(uri)
    if file is None or _is_ready(file):
        return
    from filelock import FileLock

    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(str(file) + ".lock", timeout=STORE_TIMEOUT):
        if _is_ready(file):
            return
        if file.exists() and file.stat().st_size:
            raise UserError(f"{file} exists but is not a whole MLflow store", "move it away and run again")
        logger.warning("Creating the tracking store %s (once, a few seconds)", file)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix="creating-") as folder:
            unfinished = Path(folder) / "mlflow.db"
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

            store = SqlAlchemyStore(f"sqlite:///{unfinished}", str(file.parent / "artifacts"))
            store.engine.dispose()
            # All pages into the one file that is renamed; sqlite may have left some in a log beside it.
            with contextlib.closing(sqlite3.connect(unfinished)) as connection:
                connection.execute("pragma wal_checkpoint(truncate)")
            unfinished.replace(file)


POSTGRES_HINT = "pip install 'naba[postgres]', and write the address as postgresql+psycopg2://…"
POSTGRES_LOCK = 0x6E616261
"""Key of the advisory lock under which a PostgreSQL store is created: "naba" in ASCII."""


def _create_in_postgres(uri: str) -> None:
    """Create the tables in a PostgreSQL database once, whichever of several machines comes first.

    Everybody who opens the store passes through the lock, so nobody sees half-made tables. PostgreSQL frees the lock
    of a process that dies.
    """
    import sqlalchemy
    from sqlalchemy.exc import OperationalError

    shown = sqlalchemy.make_url(uri).render_as_string(hide_password=True)
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
        raise UserError(f"the store {shown} cannot be reached: {str(error.orig).splitlines()[0]}") from error
    finally:
        engine.dispose()
