"""Label Studio: a labelling configuration and tasks to import, and the answers of its JSON and JSON-MIN exports.

Formats: labelstud.io/guide/task_format and /guide/export (Label Studio 1.23). The id of a row is `naba_id` there, since
`id` is Label Studio's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naba.annotation.project import Project

CONFIG, TASKS = "label_studio.xml", "label_studio_tasks.json"
TARGET = """    <Header value="الادعاء" size="5"/>
    <Text name="target" value="$target"/>
"""
STYLE = """  <Style>
    .naba-rtl { direction: rtl; text-align: right; line-height: 1.9; font-size: 1.1em; }
    .naba-rtl label, .naba-rtl .ant-radio-wrapper { direction: rtl; }
  </Style>"""


def config(project: Project) -> str:
    """The labelling configuration: right to left, a key a label; answers are label ids."""
    choices = "\n".join(
        f"      <Choice value={quoteattr(shown)} alias={quoteattr(label)} hotkey={quoteattr(str(key))}/>"
        for key, (label, shown) in enumerate(project.labels.items(), start=1)
    )
    target = TARGET if project.pair else ""
    return f"""<View>
{STYLE}
  <View className="naba-rtl">
{target}    <Header value="النص" size="5"/>
    <Text name="text" value="$text"/>
    <Choices name="label" toName="text" choice="single" required="true" showInline="true">
{choices}
    </Choices>
    <TextArea name="comment" toName="text" placeholder="ملاحظة" rows="1" maxSubmissions="1"/>
  </View>
</View>
"""


def tasks(project: Project) -> list[dict[str, Any]]:
    """The rows to import; a model's answers stand beside them as pre-annotations."""
    made = []
    for row in project.rows:
        data = {"naba_id": row.id, "naba_project": project.id, "text": row.text}
        if project.pair:
            data["target"] = row.target
        task: dict[str, Any] = {"data": data}
        if row.suggestion:
            choice = {"from_name": "label", "to_name": "text", "type": "choices",
                      "value": {"choices": [row.suggestion]}}  # fmt: skip
            task["predictions"] = [{"model_version": project.by, "score": row.confidence, "result": [choice]}]
        made.append(task)
    return made


def is_export(content: Any) -> bool:
    """Is this the content of a JSON or JSON-MIN export of a project of naba's?"""
    return isinstance(content, list) and all(
        isinstance(task, dict) and ("naba_id" in task or "naba_id" in (task.get("data") or {})) for task in content
    )


def answers(content: list[dict[str, Any]]) -> Iterator[tuple[str, str, str, str, str, float]]:
    """(project, person, row id, label, comment, seconds) of each answer; those that were skipped are left out.

    Raises:
        ValueError: a task is not as Label Studio writes it.
    """
    for task in content:
        if "naba_id" in task:
            yield from _flat(task)
            continue
        data = task["data"]
        for given in task.get("annotations") or ():
            if given.get("was_cancelled"):
                continue
            found = {part.get("from_name"): part.get("value", {}) for part in given.get("result") or ()}
            chosen = found.get("label", {}).get("choices") or []
            if not chosen:
                continue
            if len(chosen) > 1:
                raise ValueError(f"row '{data['naba_id']}' has {len(chosen)} labels in one answer")
            comment = " ".join(found.get("comment", {}).get("text") or [])
            yield (str(data.get("naba_project", "")), _person(given.get("completed_by")), str(data["naba_id"]),
                   str(chosen[0]), comment, float(given.get("lead_time") or 0))  # fmt: skip


def _flat(task: dict[str, Any]) -> Iterator[tuple[str, str, str, str, str, float]]:
    label = task.get("label")
    if isinstance(label, dict):
        raise ValueError(f"row '{task['naba_id']}' has several labels in one answer")  # noqa: TRY004  of the file
    if label:
        yield (str(task.get("naba_project", "")), _person(task.get("annotator")), str(task["naba_id"]), str(label),
               str(task.get("comment") or ""), float(task.get("lead_time") or 0))  # fmt: skip


def _person(who: Any) -> str:
    if isinstance(who, dict):
        return str(who.get("email") or who.get("username") or f"annotator {who.get('id')}")
    return str(who) if isinstance(who, str) else f"annotator {who}"
