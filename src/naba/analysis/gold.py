"""Articles with labels of who says what: the development set, and the labelled article that naba ships."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from naba.analysis.attribution import Report, Speech
from naba.arabic.segment import Span
from naba.data.corpora import attribution
from naba.errors import UserError
from naba.files import shipped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CORPUS = "saudinewsnet"
ANNOTATIONS = "attribution/dev.jsonl"


@dataclass(frozen=True)
class Labelled:
    """An article and what was marked in it.

    Attributes:
        id: its short name.
        text: as the spans count it.
        sentences: its sentences, in order.
        reports: who says what, in order.
    """

    id: str
    text: str
    sentences: tuple[Span, ...]
    reports: tuple[Report, ...]


@dataclass(frozen=True)
class Speaking:
    """What the labelled article marks: the first speaker and cue of a sentence, and quotations without their marks."""

    text: str
    sentences: tuple[Span, ...]
    speakers: tuple[Span, ...]
    cues: tuple[Span, ...]
    quotes: tuple[Span, ...]


def development() -> list[Labelled]:
    """The 24 articles of `data/attribution/dev.jsonl`, labelled by language models, with their texts.

    Raises:
        UserError: the texts are neither in the cache nor in a mirror nor to be had, or are not what was labelled.
    """
    labelled = attribution.records(ANNOTATIONS)
    archives = _archives({record["zip"] for record in labelled})
    return [_labelled(record, text) for record, text in attribution.texts(labelled, archives, ANNOTATIONS)]


def _archives(names: set[str]) -> dict[str, list[dict[str, Any]]]:
    """The articles of SaudiNewsNet by archive; this function alone knows where texts come from."""
    from naba.config.check import dataset_config
    from naba.data import sources
    from naba.data.rows.excel import zip_member
    from naba.data.rows.json import parse

    source = dataset_config(CORPUS).source
    wanted = [file for file in sources.listed(source) if file.path.rpartition("/")[2] in names]
    found = {}
    for fetched in sources.fetch_files(dataclasses.replace(source, files=wanted)):
        name = fetched.config.path.rpartition("/")[2]
        content, _ = zip_member(fetched.path.read_bytes(), name, None)
        found[name] = parse(content.decode("utf-8-sig"))
    return found


def _labelled(record: Mapping[str, Any], text: str) -> Labelled:
    sentences = tuple(Span(sentence["start"], sentence["end"]) for sentence in record["sentences"])
    reports = tuple(
        _report(span, report)
        for span, sentence in zip(sentences, record["sentences"], strict=True)
        for report in sentence["reports"]
    )
    return Labelled(record["id"], text, sentences, reports)


def _report(sentence: Span, record: Mapping[str, Any]) -> Report:
    if record["kind"] not in get_args(Speech):
        raise UserError(
            f"data/attribution/dev.jsonl: a report's kind is '{record['kind']}', not one of {get_args(Speech)}"
        )
    source, antecedent = (Span(*record[name]) if record[name] else None for name in ("source", "antecedent"))
    return Report(sentence, Span(*record["cue"]), source, antecedent, Span(*record["content"]), record["kind"])


def article() -> Speaking:
    """The labelled article of `data/article`, labelled by language models."""
    folder = shipped("data") / "article"
    rows = _lines(folder / "sentences.jsonl")

    def spans(name: str) -> tuple[Span, ...]:
        return tuple(Span(row[name]["start"], row[name]["end"]) for row in rows if row[name])

    return Speaking(
        text=(folder / "article.txt").read_text(encoding="utf-8"),
        sentences=tuple(Span(row["start"], row["end"]) for row in rows),
        speakers=spans("speaker"),
        cues=spans("cue"),
        quotes=tuple(Span(quote["start"], quote["end"]) for row in rows for quote in row["quotes"]),
    )


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
