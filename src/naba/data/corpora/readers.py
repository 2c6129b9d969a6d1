"""Reader functions: what a dataset YAML may name as `reader`.

A reader takes the files of a data set, already verified, and the YAML's `options` as keyword arguments, and returns
one `Table`. A data set in an odd format is one more function here (or one imported here) and one YAML.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence  # noqa: TC003 - `naba.config.check` evaluates signatures
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from naba.config import packages
from naba.data.corpora import attribution, formats, standoff
from naba.data.rows import Place, ReadingOptions, Table, Value, read_bytes
from naba.data.rows.archive import zip_member
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from naba.config.schema import FileConfig

logger = logging.getLogger(__name__)
READERS: dict[str, Callable[..., Table]] = {}


@dataclass(frozen=True)
class SourceFile:
    """A verified file: where it is, what messages call it, and its entry in the config."""

    path: Path
    name: str
    config: FileConfig

    def read(self) -> tuple[bytes, str]:
        """The bytes, taken out of the archive where it is one, and the name for messages."""
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise UserError(f"{self.name}: cannot be read: {error.strerror}") from error
        if self.config.member is not None or self.path.suffix.lower() == ".zip":
            return zip_member(content, self.name, self.config.member)
        return content, self.name


def reader(function: Callable[..., Table]) -> Callable[..., Table]:
    """Make a function known to the `reader` key of dataset YAMLs under its own name.

    Raises:
        UserError: another reader has the name.
    """
    packages.check_free("reader", function.__name__, READERS.get(function.__name__), function)
    READERS[function.__name__] = function
    return function


def read(name: str, files: Sequence[SourceFile], options: dict[str, Any]) -> Table:
    """Run the reader `name`, with options that `config.check` knows to fit.

    Raises:
        UserError: it is a package's that is not allowed (the data set of a stored run), or that reads no table.
    """
    if name not in READERS:
        packages.load()
    if name not in READERS:
        raise UserError(unknown_name("reader", name, READERS), "--package allows the package that has it")
    function = READERS[name]
    if not packages.is_foreign(function):
        return function(files, **options)
    with packages.blaming(f"reader '{name}'"):
        found = function(files, **options)
    if wrong := _what_is_wrong(found):
        raise UserError(f"reader '{name}' returns {wrong}", "expected Table(columns, places, splits) of naba.data.rows")
    return found


def _what_is_wrong(found: Any) -> str | None:
    if not isinstance(found, Table):
        return f"a {type(found).__name__}"
    if strange := [one for one in found.places if not isinstance(one, Place)]:
        return f"{strange[0]!r} among its places, expected Place(file, record, line)"
    columns: dict[str, Sequence[Any]] = {**found.columns, "splits": found.splits or [""] * len(found)}
    for name, values in columns.items():
        if len(values) != len(found):
            return f"{len(values)} values of '{name}' and {len(found)} places"
        if strange := [one for one in values if one is not None and not isinstance(one, str)]:
            return f"{strange[0]!r} in the column '{name}', expected text or None"
    return None


@reader
def table(
    files: Sequence[SourceFile],
    format: str | None = None,  # noqa: A002  (the YAML key)
    delimiter: str | None = None,
    quoting: bool = True,
    encoding: str | None = None,
    sheet: str | None = None,
    header: bool = True,
    derived: dict[str, Any] | None = None,
) -> Table:
    """CSV, TSV, JSON Lines, JSON (one list of objects), Parquet and Excel files, one after the other.

    Args:
        files: they must have the same columns, constant ones (`columns:` of a file) included.
        format: csv, tsv, jsonl, json, parquet or xlsx, where the suffix does not say it.
        delimiter: of CSV and TSV files: one character, or `tab`; recognised unless given.
        quoting: false where `"` is an ordinary character (the common case in TSV).
        encoding: of text files; a byte order mark wins, and without either it is recognised.
        sheet: of an Excel file; the first unless given.
        header: false where the first line is a row: the columns are then column_1, column_2, …
        derived: new column -> {column, pattern}: the first group of the regular expression, which must match the
            whole value (`article: {column: sentence_id, pattern: "(.*)_[^_]*"}`).
    """
    options = ReadingOptions(format, delimiter, quoting, encoding, header, sheet)
    raw = concatenate([_with_constants(read_bytes(*file.read(), options), file.config) for file in files])
    for name, rule in (derived or {}).items():
        raw = _derive(raw, name, rule)
    return raw


def _derive(raw: Table, name: str, rule: Any) -> Table:
    if not isinstance(rule, dict) or set(rule) != {"column", "pattern"}:
        raise UserError(f"dataset.options.derived.{name}: expected a column and a pattern")
    try:
        pattern = re.compile(rule["pattern"], re.DOTALL)
    except re.error as error:
        raise UserError(f"dataset.options.derived.{name}.pattern: {error}") from error
    values: list[Value] = []
    for value, place in zip(raw.column(rule["column"], "slices"), raw.places, strict=True):
        match = pattern.fullmatch(value or "")
        if match is None or not pattern.groups:
            raise UserError(f"{place}: '{value}' (column '{rule['column']}') does not match {rule['pattern']}")
        values.append(match.group(1))
    return replace(raw, columns=raw.columns | {name: values})


def _with_constants(raw: Table, config: FileConfig) -> Table:
    clash = sorted(set(config.columns) & set(raw.columns))
    if clash:
        raise UserError(f"{raw.file}: the constant column '{clash[0]}' is also in the file")
    constants: dict[str, list[Value]] = {name: [value] * len(raw) for name, value in config.columns.items()}
    return replace(raw, columns=raw.columns | constants, splits=[config.split or ""] * len(raw))


def concatenate(tables: Sequence[Table]) -> Table:
    """Tables below one another, with the columns that all have; others are said, and an error once they are used."""
    if not tables:
        raise UserError("the data set names no files", "List them under dataset.source.files.")
    names = dict.fromkeys(name for each in tables for name in each.columns)
    lacking = {name: each.file for each in reversed(tables) for name in names if name not in each.columns}
    for name, file in lacking.items():
        logger.warning("the column '%s' is left out: %s has none", name, file)
    return Table(
        {name: [value for each in tables for value in each.columns[name]] for name in names if name not in lacking},
        [place for each in tables for place in each.places],
        [split for each in tables for split in each.splits],
        lacking=lacking,
    )


@reader
def with_unrelated(files: Sequence[SourceFile], unrelated: int = 8) -> Table:
    """Labelled pairs, and each claim beside texts of other groups; see `formats.with_unrelated`."""
    return formats.with_unrelated(table(files), unrelated)


@reader
def standoff_labels(
    files: Sequence[SourceFile], annotations: str, text: str, key: str = "row", quoting: bool = True
) -> Table:
    """Texts of public files joined with the labels naba ships for them; see `standoff.join_labels`."""
    sources = {file.config.path: read_bytes(*file.read(), ReadingOptions(quoting=quoting)) for file in files}
    return standoff.join_labels(sources, annotations, text, key)


@reader
def article_stance(files: Sequence[SourceFile]) -> Table:
    """The labelled article: every claim with every sentence.

    Args:
        files: stance.jsonl, sentences.jsonl and claims.jsonl, in this order.
    Returns:
        id (claim-sentence), claim, sentence, target (the claim's text), text (the sentence's), stance, and
        has_speaker, has_quotes ("yes" or "no").
    """
    stance, sentences, claims = (read_bytes(*file.read()) for file in files)
    claim_texts = dict(zip(claims.column("id", "id"), claims.column("text", "target"), strict=True))
    rows = {
        name: dict(zip(sentences.column("id", "id"), values, strict=True))
        for name, values in _described(sentences).columns.items()
    }
    columns: dict[str, list[Value]] = {name: [] for name in ("id", "claim", "sentence", "target", "stance")}
    columns |= {name: [] for name in ("text", "has_speaker", "has_quotes")}
    for index, place in enumerate(stance.places):
        claim, sentence = stance.column("claim", "group")[index], stance.column("sentence", "id")[index]
        if claim not in claim_texts or sentence not in rows["text"]:
            raise UserError(f"{place}: claim '{claim}' or sentence '{sentence}' does not exist")
        values = {
            "id": f"{claim}-{sentence}",
            "claim": claim,
            "sentence": sentence,
            "target": claim_texts[claim],
            "stance": stance.column("stance", "label")[index],
        }
        values |= {name: rows[name][sentence] for name in ("text", "has_speaker", "has_quotes")}
        for name, value in values.items():
            columns[name].append(value)
    return Table(columns, stance.places, [files[0].config.split or ""] * len(stance))


@reader
def article_sentences(files: Sequence[SourceFile]) -> Table:
    """The sentences of the labelled article, with has_speaker and has_quotes ("yes" or "no")."""
    table = _described(read_bytes(*files[0].read()))
    return Table(table.columns, table.places, [files[0].config.split or ""] * len(table))


def _described(sentences: Table) -> Table:
    speakers = ["no" if value is None else "yes" for value in sentences.column("speaker", "slices")]
    quotes = ["yes" if json.loads(value or "[]") else "no" for value in sentences.column("quotes", "slices")]
    described: dict[str, list[Value]] = {"has_speaker": [*speakers], "has_quotes": [*quotes]}
    return Table(sentences.columns | described, sentences.places, sentences.splits)


@reader
def attributed_sentences(files: Sequence[SourceFile], annotations: str) -> Table:
    """Sentences of news articles with stand-off labels; see `attribution.sentence_rows`."""
    archives = {file.config.path.rpartition("/")[2]: json.loads(file.read()[0].decode("utf-8-sig")) for file in files}
    return attribution.sentence_rows(archives, annotations, files[0].config.split or "")


@reader
def arabicstancex(files: Sequence[SourceFile]) -> Table:
    """ArabicStanceX: one JSON file a topic; the file's constant columns name topic, target and domain.

    Returns:
        id (topic and tweet id), tweet_id, text, stance and the constant columns.
    """
    tables = []
    for file in files:
        raw = _with_constants(formats.stance_by_id(*file.read()), file.config)
        ids: list[Value] = [f"{file.config.columns.get('topic', '')}-{each}" for each in raw.columns["tweet_id"]]
        tables.append(Table({"id": ids} | raw.columns, raw.places, raw.splits))
    return concatenate(tables)


@reader
def unifiedfc(files: Sequence[SourceFile]) -> Table:
    """UnifiedFC: the fold lists, then one JSON file a claim; see `naba.data.corpora.formats.unified_claims`."""
    folds = [file for file in files if file.path.suffix == ".txt"]
    if len(folds) != 1:
        raise UserError("the reader unifiedfc needs exactly one .txt file, that of the folds")
    claims = [file.read() for file in files if file.path.suffix == ".json"]
    return formats.unified_claims(claims, formats.fold_lists(*folds[0].read()))
