"""A small project of twelve pairs, and files of answers to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from naba.annotation import resolve
from naba.annotation.project import Project, Row

LABELS = {"agree": "تأييد", "disagree": "معارضة", "discuss": "نقاش", "unrelated": "غير ذي صلة"}
Save = Callable[..., Path]


@pytest.fixture
def project() -> Project:
    rows = [
        Row(
            f"r{i:02d}", f"نص الخبر رقم {i} <b>عن النفط</b>", f"ادعاء رقم {i // 2}", f"c{i // 2}", "agree", "agree", 0.8
        )
        for i in range(12)
    ]
    guideline = "## Guide\n\n| id | |\n|---|---|\n| a | <script>1</script> |\n"
    return Project("00ff00ff00ff00ff", "small", "stance", True, LABELS, guideline, "uncertain (tfidf_logreg)", rows)


@pytest.fixture
def folder(project: Project, tmp_path: Path) -> Path:
    resolve.make(project, tmp_path / "round")
    return tmp_path / "round"


@pytest.fixture
def save(project: Project, tmp_path: Path) -> Save:
    """Write a file as the page saves it."""

    def write(name: str, person: str, labels: Mapping[str, str], **changes: object) -> Path:
        given = [{"id": row, "label": label, "comment": "", "seconds": 2.5} for row, label in labels.items()]
        content: dict[str, object] = {
            "naba": "answers",
            "format": 1,
            "project": project.id,
            "person": person,
            "rows": 12,
        }
        content["answers"] = given
        path = tmp_path / name
        path.write_text(json.dumps(content | changes, ensure_ascii=False), encoding="utf-8")
        return path

    return write
