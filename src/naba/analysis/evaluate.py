"""How well who says what is found: precision, recall and F1 with bootstrap intervals over articles.

Counting follows Citron (Newell, Cowlishaw and Man 2018, "Quote Extraction and Analysis for News", DSJM at KDD; its
`metrics.py`): a source or a content counts for the report whose cue it has. *Exact*: the same characters. *Overlap*:
words that both spans share, of all words found (precision) and of all words marked (recall). Unlike Citron each
report is paired once, so that two parts of one quotation are not counted twice. The labelled articles are read here.
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from naba.analysis.attribution import Report, Speech, reports
from naba.arabic.segment import Span, quotations, sentences
from naba.data.corpora import attribution
from naba.errors import UserError
from naba.files import shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from naba.experiment.job import Outcome

_WORD = re.compile(r"[^\W_]+")
RESAMPLES = 10_000
SPEECH = "news_speech"
"""The data set whose rows are the sentences of the development set."""
CORPUS = "saudinewsnet"
ANNOTATIONS = "attribution/dev.jsonl"


@dataclass(frozen=True)
class Counts:
    """What was right of what was found and of what is marked, in one article; in spans, reports or words."""

    right: int
    found: int
    marked: int


@dataclass(frozen=True)
class Figure:
    """A line of the table: precision, recall and F1, each with its 95 % percentile interval over articles.

    Attributes:
        name: what is counted.
        precision, recall, f1: (value, low, high), between 0 and 1.
        found, marked: how many there are.
    """

    name: str
    precision: tuple[float, float, float]
    recall: tuple[float, float, float]
    f1: tuple[float, float, float]
    found: int
    marked: int


Pair = tuple[Report | None, Report | None]


def paired(text: str, marked: Sequence[Report], found: Sequence[Report]) -> list[Pair]:
    """Each marked report with the found one whose cue overlaps its cue and whose content shares most words, or None.

    Found reports that pair with none come last, as (None, report).
    """
    free = list(found)
    pairs: list[Pair] = []
    for report in marked:
        alike = [other for other in free if other.cue.overlaps(report.cue)]
        best = max(alike, key=lambda other: len(_shared(text, other.content, report.content)), default=None)
        if best is not None:
            free.remove(best)
        pairs.append((report, best))
    return [*pairs, *((None, report) for report in free)]


def _words(text: str, span: Span | None) -> set[int]:
    return set() if span is None else {match.start() for match in _WORD.finditer(text, *span)}


def _shared(text: str, one: Span | None, other: Span | None) -> set[int]:
    return _words(text, one) & _words(text, other)


def _exact(pairs: Iterable[Pair], part: Callable[[Report], object]) -> Counts:
    values = [(one and part(one), other and part(other)) for one, other in pairs]
    right = sum(one is not None and one == other for one, other in values)
    return Counts(right, sum(other is not None for _, other in values), sum(one is not None for one, _ in values))


def _overlap(text: str, pairs: Iterable[Pair], part: Callable[[Report], Span | None]) -> Counts:
    right = found = marked = 0
    for one, other in pairs:
        first = part(one) if one else None
        second = part(other) if other else None
        right += len(_shared(text, first, second))
        found += len(_words(text, second))
        marked += len(_words(text, first))
    return Counts(right, found, marked)


def _antecedent(report: Report) -> Span | None:
    return report.antecedent if report.source is None else None


def _direct(text: str, one: Labelled, found: Sequence[Report]) -> tuple[Counts, Counts]:
    marked = {report.content for report in one.reports if report.kind == "direct"}
    guessed = {report.content for report in found if report.kind == "direct"}
    spans = Counts(len(marked & guessed), len(guessed), len(marked))
    marked_words, guessed_words = (set().union(*(_words(text, span) for span in each)) for each in (marked, guessed))
    return spans, Counts(len(marked_words & guessed_words), len(guessed_words), len(marked_words))


def counted(one: Labelled) -> dict[str, Counts]:
    """What naba's rules get right in one labelled article, by what is counted."""
    text = one.text
    spans = sentences(text)
    found = reports(text, spans)
    pairs = paired(text, one.reports, found)
    direct, direct_words = _direct(text, one, found)
    return {
        "sentences": Counts(len({*spans} & {*one.sentences}), len(spans), len(one.sentences)),
        "cues, exact": _exact(pairs, lambda report: report.cue),
        "sources, exact": _exact(pairs, lambda report: report.source),
        "sources, overlap": _overlap(text, pairs, lambda report: report.source),
        "contents, exact": _exact(pairs, lambda report: report.content),
        "contents, overlap": _overlap(text, pairs, lambda report: report.content),
        "kinds": _exact(pairs, lambda report: report.kind),
        "antecedents, exact": _exact(pairs, _antecedent),
        "antecedents, overlap": _overlap(text, pairs, _antecedent),
        "direct quotations, exact": direct,
        "direct quotations, overlap": direct_words,
    }


def figures(articles: Sequence[Labelled], resamples: int = RESAMPLES, seed: int = 0) -> list[Figure]:
    """Score the rules on labelled articles.

    Args:
        articles: at least one.
        resamples: bootstrap draws; whole articles are drawn with replacement (Efron and Tibshirani 1993, ch. 13).
        seed: of the draws.
    """
    tables = [counted(one) for one in articles]
    weights = np.random.default_rng(seed).multinomial(len(articles), [1 / len(articles)] * len(articles), resamples)
    result = []
    for name in tables[0]:
        counts = np.array([[table[name].right, table[name].found, table[name].marked] for table in tables])
        totals = counts.sum(axis=0)
        values = _scores(totals[None, :])[0]
        low, high = np.percentile(_scores(weights @ counts), [2.5, 97.5], axis=0)
        precision, recall, f1 = ((float(values[at]), float(low[at]), float(high[at])) for at in range(3))
        result.append(Figure(name, precision, recall, f1, int(totals[1]), int(totals[2])))
    return result


def _scores(counts: np.ndarray) -> np.ndarray:
    """(n, 3) counts of right, found, marked -> (n, 3) precision, recall, F1; 0 where there is nothing to divide by."""
    right, found, marked = counts[:, 0], counts[:, 1], counts[:, 2]
    return np.stack(
        [
            right / np.maximum(found, 1),
            right / np.maximum(marked, 1),
            2 * right / np.maximum(found + marked, 1),
        ],
        axis=1,
    )


def article_figures(marked: Speaking) -> list[Figure]:
    """The labelled article: its sentences, their first cues and speakers, and quotations (no intervals: one text).

    Only the first speaker and cue of a sentence are marked, so the precision of cues and speakers is a lower bound.
    """
    text = marked.text
    found = reports(text)
    named = {report.source for report in found if report.source is not None}
    inside = {Span(span.start + 1, span.end - 1) for span in quotations(text)}
    return [
        _figure("sentences", set(marked.sentences), set(sentences(text))),
        _figure("cues, exact", set(marked.cues), {report.cue for report in found}),
        _figure("speakers, exact", set(marked.speakers), named),
        _figure("quotations, exact", set(marked.quotes), inside),
    ]


def _figure(name: str, marked: set[Span], found: set[Span]) -> Figure:
    values = _scores(np.array([[len(marked & found), len(found), len(marked)]]))[0]
    precision, recall, f1 = ((float(value), float(value), float(value)) for value in values)
    return Figure(name, precision, recall, f1, len(found), len(marked))


def markdown(lines: Sequence[Figure], intervals: bool = True) -> str:
    """The figures as a table."""

    def cell(value: tuple[float, float, float]) -> str:
        return f"{value[0]:.3f} [{value[1]:.3f}, {value[2]:.3f}]" if intervals else f"{value[0]:.3f}"

    rows = [["what", "precision", "recall", "F1", "found", "marked"], ["---"] * 6]
    for line in lines:
        values = map(cell, (line.precision, line.recall, line.f1))
        rows.append([line.name, *values, str(line.found), str(line.marked)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def track(name: str) -> Outcome:
    """Keep the kind of speech that the rules find in each sentence of the development set as a run.

    Args:
        name: of this version of the rules.
    """
    import tempfile

    from naba.data.corpora.attribution import speech_of
    from naba.evaluation.outside import PredictionsFile
    from naba.experiment import outside

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "speech.jsonl"
        lines = []
        for one in development():
            found = reports(one.text, one.sentences)
            for place, span in enumerate(one.sentences, start=1):
                label = speech_of({report.kind for report in found if report.sentence == span})
                lines.append(json.dumps({"id": f"{one.id}-s{place:02}", "label": label}))
        file.write_text("\n".join(lines), encoding="utf-8")
        return outside.track(outside.score(PredictionsFile(file), [f"dataset={SPEECH}"], "test", name))


def main() -> None:
    """Print the figures of the development set and of the labelled article."""
    print("Development set, 24 articles, labelled by language models; no person has checked the labels.\n")
    print(markdown(figures(development())))
    print("\nThe labelled article (data/article), labelled by language models.\n")
    print(markdown(article_figures(article()), intervals=False))


if __name__ == "__main__":
    main()


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
    from naba.data.rows.archive import zip_member
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
