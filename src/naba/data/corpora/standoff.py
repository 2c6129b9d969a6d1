"""Joins: labels that are kept apart from their texts."""

from __future__ import annotations

import hashlib

from naba import files
from naba.data.rows import Place, Table, Value, read_bytes
from naba.errors import UserError

ANNOTATION_COLUMNS = ("file", "sha256", "split", "claim_type")


def text_hash(text: str) -> str:
    """The first 16 hex digits of the SHA-256 of the UTF-8 text, as the stand-off label files hold it."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def join_labels(sources: dict[str, Table], annotations: str, text: str, key: str) -> Table:
    """Rows of `sources` that `annotations` labels, in the order of the annotation file.

    Args:
        sources: file path as the annotations name it -> its table.
        annotations: the label file, below naba's own `data/`; columns file, row or another key, sha256, split,
            claim_type.
        text: the column of the sources that was labelled.
        key: `row` (0-based number of the row, header not counted) or a column that both have.
    Returns:
        The columns of the source row, and the further columns of the annotation file; `group` is the article for
        `sentence_id` keys (all of the id but its last part).
    Raises:
        UserError: a file, a key or a text that is not what was labelled, with file and row.
    """
    labels = read_bytes((files.shipped("data") / annotations).read_bytes(), annotations)
    for needed in (*ANNOTATION_COLUMNS, key):
        labels.column(needed, needed)
    finders = {file: _finder(table, key) for file, table in sources.items()}
    columns: dict[str, list[Value]] = {}
    places: list[Place] = []
    for index, place in enumerate(labels.places):
        annotation = {name: values[index] or "" for name, values in labels.columns.items()}
        table, rows = _candidates(annotation, key, sources, finders, place)
        row = _matching(table, rows, text, annotation["sha256"], f"{annotations} row {place.record}")
        record = {name: values[row] for name, values in table.columns.items()} | annotation
        if key == "sentence_id":
            record["group"] = annotation[key].rpartition("_")[0]
        for name, value in record.items():
            columns.setdefault(name, []).append(value)
        places.append(table.places[row])
    return Table(columns, places, list(map(str, columns["split"])))


def _matching(table: Table, rows: list[int], text: str, expected: str, wanted_by: str) -> int:
    values = table.column(text, "text")
    hashes = [text_hash(value) if (value := values[row]) is not None else "that of nothing" for row in rows]
    if expected in hashes:
        return rows[hashes.index(expected)]
    raise UserError(
        f"{table.places[rows[0]]}: the text is not the one that was labelled: its hash is {hashes[0]}, "
        f"{wanted_by} says {expected}",
        "The labels belong to one version of the texts; take the source file at the pinned commit.",
    )


def _finder(table: Table, key: str) -> dict[str, list[int]]:
    if key == "row":
        return {str(index): [index] for index in range(len(table))}
    # A key may stand twice in a source file; the hash of the text then says which row was labelled.
    found: dict[str, list[int]] = {}
    for index, value in enumerate(table.column(key, "id")):
        found.setdefault(str(value), []).append(index)
    return found


def _candidates(
    annotation: dict[str, str],
    key: str,
    sources: dict[str, Table],
    finders: dict[str, dict[str, list[int]]],
    place: Place,
) -> tuple[Table, list[int]]:
    file = annotation["file"]
    if file not in sources:
        raise UserError(f"{place}: the labelled file '{file}' is not among the source files: {', '.join(sources)}")
    rows = finders[file].get(annotation[key])
    if rows is None:
        raise UserError(
            f"{place}: {key} {annotation[key]} is not in {file}, which has {len(sources[file])} rows",
            "The labels belong to one version of the texts; take the source file at the pinned commit.",
        )
    return sources[file], rows
