"""Articles of SaudiNewsNet with stand-off labels of who says what, and their sentences as rows."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from naba import files
from naba.data.rows import Place, Table, Value
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SPEECH = ("none", "indirect", "direct", "mixed")
"""Of a sentence: nothing is reported, everything in one of the two ways, or in both or with quoted words inside."""


def records(annotations: str) -> list[dict[str, Any]]:
    """The lines of a label file below naba's own `data/`."""
    lines = (files.shipped("data") / annotations).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def texts(
    labelled: Sequence[Mapping[str, Any]], archives: Mapping[str, Sequence[Mapping[str, Any]]], annotations: str
) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Each labelled article with its text.

    Args:
        archives: name of a zip file of SaudiNewsNet -> its articles.
    Raises:
        UserError: an archive is not there, or a text is not the one that was labelled.
    """
    for record in labelled:
        if record["zip"] not in archives:
            raise UserError(f"{annotations}: {record['id']}: {record['zip']} is not among the files of the data set")
        text = str(archives[record["zip"]][record["index"]]["content"])
        found = hashlib.sha256(text.encode()).hexdigest()
        if found != record["sha256"]:
            raise UserError(
                f"data/{annotations}: {record['id']}: article {record['index']} of {record['zip']} is not the text "
                f"that was labelled: its sha256 is {found}, expected {record['sha256']}"
            )
        yield record, text


def sentence_rows(archives: Mapping[str, Sequence[Mapping[str, Any]]], annotations: str, split: str) -> Table:
    """The sentences of the labelled articles, one a row.

    Returns:
        id (article and place: `almowaten-1-s03`), article, outlet, text, claim_type, and speech, one of `SPEECH`.
    """
    columns: dict[str, list[Value]] = {name: [] for name in ("id", "article", "outlet", "text", "claim_type", "speech")}
    places: list[Place] = []
    for line, (record, text) in enumerate(texts(records(annotations), archives, annotations), start=1):
        for place, sentence in enumerate(record["sentences"], start=1):
            kinds = {report["kind"] for report in sentence["reports"]}
            values = {
                "id": f"{record['id']}-s{place:02}",
                "article": record["id"],
                "outlet": record["outlet"],
                "text": text[sentence["start"] : sentence["end"]],
                "claim_type": sentence["claim_type"],
                "speech": speech_of(kinds),
            }
            for name, value in values.items():
                columns[name].append(value)
            places.append(Place(annotations, len(places) + 1, line))
    return Table(columns, places, [split] * len(places))


def speech_of(kinds: set[str]) -> str:
    """The label of a sentence with reports of these kinds."""
    return next(iter(kinds)) if len(kinds) == 1 else "mixed" if kinds else "none"
