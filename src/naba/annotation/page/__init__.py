"""The page on which a person labels: one file, right to left, by keyboard, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from naba import files

if TYPE_CHECKING:
    from naba.annotation.project import Project

ASSETS = Path(__file__).parent
FILE = "annotate.html"


def page(project: Project, *, suggest: bool = False) -> str:
    """The page of a project as one string of HTML.

    Args:
        suggest: show a model's answers, which people then tend to follow; they are not in the page otherwise.
    """
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    rows = [
        {"id": row.id, "text": row.text, "target": row.target}
        | ({"suggestion": row.suggestion} if suggest and row.suggestion else {})
        for row in project.rows
    ]
    data = {"project": project.id, "name": project.name, "pair": project.pair, "rows": rows,
            "labels": [[label, shown] for label, shown in project.labels.items()]}  # fmt: skip
    # Markup of a guideline's author is shown as text, as everything else here.
    guideline = MarkdownIt("commonmark", {"html": False}).enable("table").render(project.guideline)
    own = {name: files.asset(ASSETS / f"annotate.{name}") for name in ("css", "js")}
    return files.rendered(
        ASSETS / "annotate.html.jinja",
        project=project,
        data=files.in_script(data),
        guideline=Markup(guideline),  # noqa: S704  made by MarkdownIt without HTML
        **own,
    )
