"""The embedded MLflow store: where it is, made once, and never half-made. Part of the door to MLflow."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from naba import files
from naba.errors import UserError

if TYPE_CHECKING:
    from mlflow import MlflowClient

STORE_TIMEOUT = 300
"""Seconds to wait for another process that is creating the store."""


def default_uri() -> str:
    """The store where none is named: `MLFLOW_TRACKING_URI`, else one sqlite file below `NABA_HOME`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{files.home() / 'mlflow.db'}"


def quiet() -> None:
    """Telemetry and chatter off, before MLflow is imported; what the user set stays."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    # A server that does not answer is said to in seconds; MLflow's own patience is minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")


@cache
def client(uri: str) -> MlflowClient:
    """A client of the store at `uri`, which is created first if it does not exist."""
    quiet()
    _create_store(uri)
    import mlflow

    use(uri)
    return mlflow.MlflowClient(uri)


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
    return Path(unquote(urlparse(uri).path)[1:]) if uri.startswith("sqlite:") else None


def _is_ready(file: Path) -> bool:
    """Has this sqlite file been migrated by MLflow to the end?"""
    if not file.is_file() or file.stat().st_size == 0:
        return False
    try:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            return connection.execute("select count(*) from alembic_version").fetchone()[0] == 1
    except sqlite3.DatabaseError as error:
        if "no such table" in str(error):
            return False
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
        print(f"Creating the tracking store {file} (once, a few seconds) …", flush=True)
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
                print(f"Creating the tracking store {shown} (once, a few seconds) …", flush=True)
                from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

                SqlAlchemyStore(uri, str(files.home() / "artifacts")).engine.dispose()
    except OperationalError as error:
        raise UserError(f"the store {shown} cannot be reached: {str(error.orig).splitlines()[0]}") from error
    finally:
        engine.dispose()
