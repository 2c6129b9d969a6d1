"""`naba new package DIR`: a package of one's own that works, to be changed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from naba import __version__
from naba.errors import UserError

TEMPLATES = Path(__file__).parent / "files"
ENDING = ".jinja"


def write(folder: Path) -> list[Path]:
    """Write the package; its name is that of the folder.

    Returns:
        The files written.
    Raises:
        UserError: the folder exists and is not empty, or its name cannot be that of a package.
    """
    name = folder.expanduser().resolve().name
    folder = folder.expanduser()
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(f"'{name}' cannot be a package's name", "lower-case letters, digits and _, such as mypackage")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and is not empty", "name a new folder")
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # noqa: S701 - Python, YAML and TOML, no HTML
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True
    )
    written = []
    try:
        for template in sorted(TEMPLATES.rglob(f"*{ENDING}")):
            inside = template.relative_to(TEMPLATES).as_posix()
            path = folder / inside.removesuffix(ENDING).replace("PACKAGE", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(environment.get_template(inside).render(name=name, naba=__version__), encoding="utf-8")
            written.append(path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return written
