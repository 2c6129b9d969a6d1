"""The model card: README.md with the metadata of the Hugging Face Hub, filled from the run."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from naba.export.card_labels import meaning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.export.parity import Parity

LICENCES = {
    "apache-2.0": "apache-2.0", "mit": "mit", "cc by 4.0": "cc-by-4.0", "cc-by-4.0": "cc-by-4.0",
    "cc by-nc-sa 4.0": "cc-by-nc-sa-4.0", "cc by-sa 4.0": "cc-by-sa-4.0", "cc by-nc 4.0": "cc-by-nc-4.0",
}  # fmt: skip
"""Licences as data sets name them -> identifiers of the Hub."""
SOURCES = {
    "human": "people",
    "language_model": "language models; no person has checked them",
    "construction": "the way the data set was built (for example, corrupted headlines); nobody read them one by one",
    "unknown": "unknown",
}
WORST = 5


def render(
    description: Mapping[str, Any],
    dataset: Mapping[str, str],
    slices: Sequence[Mapping[str, Any]] = (),
    parity: Parity | None = None,
) -> str:
    """The model card of an export.

    Args:
        description: `naba.json`.
        dataset: title, licence, homepage, citation and label_source of the training data.
        slices: rows of the run's slice table, the worst first.
        parity: the export against its run.
    """
    parts = [
        _metadata(description, dataset),
        _head(description, dataset),
        _use(description),
        _labels(description),
        _data(description, dataset),
        _results(description),
        _failures(description, slices),
        _parity(parity),
        _cost(description),
        _loading(description),
    ]
    return "\n".join(part.rstrip() + "\n" for part in parts if part)


def _metadata(description: Mapping[str, Any], dataset: Mapping[str, str]) -> str:
    import yaml

    licence = dataset.get("licence", "").strip()
    known = LICENCES.get(licence.lower())
    content: dict[str, Any] = {"language": ["ar"], "license": known or "other"}
    if not known:
        content["license_name"] = "see-training-data"
    content |= {
        "library_name": "transformers" if _is_encoder(description) else "naba",
        "pipeline_tag": "text-classification",
        "tags": ["arabic", "news", "naba", str(description.get("task", ""))],
    }
    if _scores(description, "test"):
        content["model-index"] = [_index(description, dataset)]
    # The Hub takes only names of its own data sets here.
    return "---\n" + str(yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=110)) + "---\n"


def _index(description: Mapping[str, Any], dataset: Mapping[str, str]) -> dict[str, Any]:
    rows = description.get("rows", {}).get("test", 0)
    metrics = []
    for name, (value, low, high) in _scores(description, "test"):
        if value is not None:
            interval = "" if low is None or high is None else f" (95% interval {low:.3f} to {high:.3f}, {rows} rows)"
            metrics.append({"type": name, "name": f"{name}{interval}", "value": round(value, 4)})
    return {
        "name": f"{description.get('model', 'model')} {description.get('dataset', '')}".strip(),
        "results": [{
            "task": {"type": "text-classification", "name": str(description.get("task", ""))},
            "dataset": {"name": dataset.get("title") or str(description.get("dataset", "")),
                        "type": str(description.get("dataset", "")), "split": "test"},
            "metrics": metrics,
        }],
    }  # fmt: skip


def _scores(description: Mapping[str, Any], section: str) -> list[tuple[str, Sequence[float | None]]]:
    """The scores over all labels of a section, the primary one first."""
    primary = description.get("primary_metric", "macro_f1")
    prefix = f"{section}/"
    found = {
        name.removeprefix(prefix): values
        for name, values in description.get("metrics", {}).items()
        if name.startswith(prefix)
    }
    single = {f"{kind}_{label}" for kind in ("f1", "precision", "recall") for label in description["labels"]}
    return sorted(((n, v) for n, v in found.items() if n not in single), key=lambda item: item[0] != primary)


def _head(description: Mapping[str, Any], dataset: Mapping[str, str]) -> str:
    model, task = description.get("model", "a classifier"), description.get("task", "text classification")
    what = "pairs of a target (claim, topic or other headline) and a text" if _pair(description) else "single texts"
    title = dataset.get("title") or description.get("dataset", "")
    return f"# {model}: {task} of Arabic news\n\nA classifier of {what}, trained with naba on {title}.\n"


def _use(description: Mapping[str, Any]) -> str:
    lines = [
        "## Intended use",
        "",
        "Sorting and counting Arabic news text, as help for people who check it. Not for decisions about people, and "
        "not for saying by itself what is true: it reads the words it is given and knows nothing of the world.",
        "Texts of other kinds than the training data (dialect, poetry, other years) will be read less well.",
    ]
    abstain = description.get("abstain")
    if abstain:
        threshold = abstain.get("threshold")
        said = "every answer" if threshold is None else f"answers with a probability below {threshold:.3f}"
        lines += ["", f"It withholds {said} (`abstains`)."]
    kind = description.get("probabilities")
    kinds = {"model": "the model's own", "calibrated": "calibrated", "one_hot": "0 and 1 only, no measure of certainty"}
    return "\n".join([*lines, "", f"Probabilities: {kinds.get(str(kind), 'unknown')}.", ""])


def _labels(description: Mapping[str, Any]) -> str:
    lines = ["## Labels", "", "| label | Arabic | meaning |", "|---|---|---|"]
    lines += [
        f"| `{label}` | {name} | {meaning(label, str(description.get('task', '')))} |"
        for label, name in description["labels"].items()
    ]
    return "\n".join(lines) + "\n"


def _data(description: Mapping[str, Any], dataset: Mapping[str, str]) -> str:
    source = SOURCES.get(dataset.get("label_source", "unknown"), "unknown")
    provenance = description.get("provenance", {})
    rows = provenance.get("rows", {}) if isinstance(provenance.get("rows"), dict) else {}
    counts = ", ".join(f"{count} {split}" for split, count in rows.items() if count)
    lines = [
        "## Training data",
        "",
        f"- Data set: {dataset.get('title') or description.get('dataset', '')}"
        + (f" ({dataset['homepage']})" if dataset.get("homepage") else ""),
        f"- Licence of the data: {dataset.get('licence') or 'none stated'}",
        f"- Labels were given by: {source}",
    ]
    lines += [f"- Rows: {counts}"] if counts else []
    lines += [f"- Split: {provenance['split']}"] if provenance.get("split") else []
    lines += [f"- Cite: {dataset['citation']}"] if dataset.get("citation") else []
    profile = description.get("normalisation") or {}
    if profile.get("name"):
        lines.append(f"- Text normalisation: profile `{profile.get('name')}` ({description.get('normalisation_hash')})")
    return "\n".join(lines) + "\n"


def _results(description: Mapping[str, Any]) -> str:
    lines = ["## Results", ""]
    for section, rows in description.get("rows", {}).items():
        found = _scores(description, section)
        if found:
            lines += [f"{section}, {rows} rows:", "", "| metric | value | 95 % interval |", "|---|---|---|"]
            lines += [
                f"| {name} | {_number(v)} | {_number(low)} to {_number(high)} |" for name, (v, low, high) in found
            ]
            lines.append("")
    return "\n".join(lines) if len(lines) > 2 else ""


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


def _failures(description: Mapping[str, Any], slices: Sequence[Mapping[str, Any]]) -> str:
    lines = ["## Known failures", ""]
    section = "test" if description.get("rows", {}).get("test") else "validation"
    weak = [
        (values[0], label)
        for label in description["labels"]
        if (values := description.get("metrics", {}).get(f"{section}/f1_{label}")) and values[0] is not None
    ]
    if weak:
        value, label = min(weak)
        lines.append(f"- The weakest label is `{label}` (F1 {value:.3f} on the {section} rows).")
    worst = [one for one in slices if not one.get("small") and (one.get("to_all") or 0) <= -0.01][:WORST]
    lines += [
        f"- {one['column']} = {one['value']}: {one['metric']} {one['score']:.3f} "
        f"({one['to_all']:+.3f} against all rows; {one['rows']} rows)"
        for one in worst
    ]
    if len(lines) == 2:
        lines.append("- None were looked for, which does not mean that there are none.")
    return "\n".join(lines) + "\n"


def _parity(parity: Parity | None) -> str:
    if parity is None:
        return ""
    said = parity.agreement
    lines = [
        "## This export against its run",
        "",
        f"Loaded in a fresh process and compared on {said.rows} rows (format {parity.format}):",
        "",
        "| | |",
        "|---|---|",
        f"| equal labels | {said.share:.2%} |",
        f"| largest difference of a probability | {said.largest_probability:.2g} |",
        *(f"| change of F1, `{label}` | {change:+.4f} |" for label, change in said.f1_changes.items()),
        f"| milliseconds an example | {parity.milliseconds:.3f} |",
        f"| size | {parity.bytes / 2**20:.2f} MiB |",
    ]
    return "\n".join(lines) + "\n"


def _cost(description: Mapping[str, Any]) -> str:
    provenance = description.get("provenance", {})
    seconds = provenance.get("seconds", {}) if isinstance(provenance.get("seconds"), dict) else {}
    hardware = provenance.get("hardware", {}) if isinstance(provenance.get("hardware"), dict) else {}
    if not seconds.get("fit") and not hardware:
        return ""
    machine = ", ".join(f"{key} {value}" for key, value in hardware.items() if key in {"processor", "cores"})
    lines = [
        "## Time and carbon",
        "",
        f"Training took {float(seconds.get('fit', 0)):.1f} seconds on: {machine or 'an unknown machine'}. "
        "Power was not measured; at 65 W for the processor and 0.4 kg CO2 a kWh that is about "
        f"{float(seconds.get('fit', 0)) * 65 / 3.6e6 * 0.4 * 1000:.2f} g of CO2.",
    ]
    if provenance.get("command"):
        lines += ["", "Do it again:", "", f"    {provenance['command']}"]
    return "\n".join(lines) + "\n"


def _loading(description: Mapping[str, Any]) -> str:
    columns = '{"text": ["…"], "target": ["…"]}' if _pair(description) else '{"text": ["…"]}'
    lines = ["## How to load it", "", "    from pathlib import Path"]
    kind = description.get("kind")
    if kind == "pt2":
        lines += [
            "    from naba.export import program",
            '    model, description = program.load(Path("FOLDER"))  # only if you trust it: such files can run code',
            f"    model.predict_proba({columns})  # needs torch, tokenizers and numpy",
        ]
        return "\n".join([*lines, "", *_preparation(description)]) + "\n"
    lines += [
        "    from naba.export import directory",
        '    model, description = directory.load(Path("FOLDER"))  # runs no code from the files',
    ]
    if kind == "onnx":
        needs = "onnxruntime, tokenizers and numpy" if "reading" in description["onnx"] else "onnxruntime and numpy"
        lines += [f"    model.predict_proba({columns})  # needs {needs} alone"]
    else:
        lines += ["    import pandas as pd", f"    model.predict_proba(pd.DataFrame({columns}))"]
    lines += ["", "or `naba predict FOLDER news.csv`.", "", *_preparation(description)]
    return "\n".join(lines) + "\n"


def _preparation(description: Mapping[str, Any]) -> list[str]:
    """What has to be done to a text by who runs the files without naba."""
    order = ", and a pair is given as target, then text" if _pair(description) else ""
    corrected = (
        " Its probabilities are those before calibration, which only naba applies (`naba.json` has it)."
        if description.get("calibration")
        else ""
    )
    settings = description.get("onnx") or {}
    if description.get("kind") == "onnx" and description.get("model") == "majority":
        return ["Without naba: `model.onnx` takes a tensor of text and gives the same answer whatever the text is."]
    if description.get("kind") == "onnx" and "reading" not in settings:
        if settings.get("inputs") == ["text"] and not settings.get("normalisation"):
            done = "lower case, and words a single space apart"
        else:
            done = "the normalisation profile, then lower case, and words a single space apart"
        cased = ("; `text_cased` and `target_cased` are the texts after the profile, before lower case"
                 if _pair(description) else "")  # fmt: skip
        return [
            "Without naba: `model.onnx` takes tensors of text and gives `label` and `probabilities`. In the graph: "
            "tokens, n-grams, TF-IDF, the classifier and its calibration. Not in it, because no ONNX operator does it "
            f"as Python does, and done by naba's predictor with the standard library: {done}{cased}.",
        ]
    if description.get("kind") in {"onnx", "pt2"}:
        return [
            f"Without naba: `model.{description['kind']}` takes token ids and gives scores before the softmax. "
            f"Texts are normalised first, as `naba.json` says, and cut by `tokenizer.json`{order}.{corrected}",
        ]
    if _is_encoder(description):
        return [
            "The folder is also a Hugging Face checkpoint (`AutoModelForSequenceClassification.from_pretrained`); "
            f"texts must then be normalised first, as `naba.json` says{order}.{corrected}",
        ]
    return []


def _pair(description: Mapping[str, Any]) -> bool:
    return "target" in description["input"]


def _is_encoder(description: Mapping[str, Any]) -> bool:
    return "model.safetensors" in description.get("files", {})


def slice_rows(table: str) -> list[dict[str, Any]]:
    """The rows of a stored table (`tables/test_slices.json`) as mappings."""
    content = json.loads(table)
    names, rows = content.get("columns", []), content.get("data", [])
    return [dict(zip(names, row, strict=True)) for row in rows]
