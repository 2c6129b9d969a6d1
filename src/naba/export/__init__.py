"""A run as a folder that answers as the run did. The package itself can be called: `naba.export(run, folder)`."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from naba.export.parity import Parity
    from naba.tracking import Run


def export(run: str | Run, folder: str | Path, format: str = "directory", **options: Any) -> Parity | None:  # noqa: A002
    """Export a run's classifier to a new folder, and compare it with its run in a fresh process.

    >>> import naba, tempfile
    >>> run = naba.train("synthetic_stance", "tfidf_nb", evaluation__resamples=100)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     parity = naba.export(run, f"{place}/stance")
    ...     print(parity.format, naba.load_classifier(f"{place}/stance").pair)
    directory True

    Args:
        run: a `Run`, or a run by any of its names, `best:ans_stance` among them.
        folder: a new one.
        format: a name that `naba export --help` explains: directory, onnx, mlflow, pt2.
        options: `int8=True` for 8-bit arithmetic (onnx), `tolerance=1e-5` of a probability, `uri=…` of the store.
    Returns:
        `Parity`: how it compares with its run, milliseconds an example, bytes; None where the rows that the run was
        scored on are no longer available; a note says so.
    Raises:
        naba.UserError: the folder exists, the format cannot hold this model, or the export does not answer as the
            run did; nothing is left behind.
    """
    from naba.export.run import export_run, find_run

    uri = options.pop("uri", None)
    found = find_run(run, uri) if isinstance(run, str) else run
    return export_run(found, Path(folder).expanduser(), format, **options)


class _Callable(ModuleType):
    """Once anything imports this package, `naba.export` is the package: so the package must be the function."""

    __call__ = staticmethod(export)


sys.modules[__name__].__class__ = _Callable
