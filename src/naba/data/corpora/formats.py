"""Corpora in formats of their own; `naba.data.corpora.readers` gives each a name for the YAML."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from naba.data.rows import Place, Table, Value
from naba.data.rows.json import as_text, decoded, document_of
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence


def _field(record: Any, key: str, name: str, kind: type) -> Any:
    value = record.get(key) if isinstance(record, dict) else None
    if not isinstance(value, kind):
        found = ", ".join(record) if isinstance(record, dict) else type(record).__name__
        raise UserError(f"{name}: expected '{key}' with a JSON {kind.__name__}; found {found}")
    return value


def stance_by_id(content: bytes, name: str) -> Table:
    """ArabicStanceX: `{"text": {id: tweet}, "stance": {id: label}}`, one file a topic.

    Returns:
        Columns tweet_id, text, stance.
    """
    document = document_of(content, name)
    texts, stances = _field(document, "text", name, dict), _field(document, "stance", name, dict)
    if list(texts) != list(stances):
        odd = [each for each in [*texts, *stances] if (each in texts) != (each in stances)]
        raise UserError(f"{name}: 'text' and 'stance' do not have the same ids: {', '.join(odd[:5]) or 'other order'}")
    columns: dict[str, list[Value]] = {
        "tweet_id": list(texts),
        "text": [as_text(value) for value in texts.values()],
        "stance": [as_text(value) for value in stances.values()],
    }
    return Table(columns, [Place(name, number) for number in range(1, len(texts) + 1)])


def unified_claims(claims: Sequence[tuple[bytes, str]], folds: dict[str, str]) -> Table:
    """UnifiedFC: one JSON file a claim, with its articles, their stance toward it and its rationale.

    Args:
        claims: content and name of each file.
        folds: claim id -> official fold.
    Returns:
        A row for each article: id (claim, place of the article from 1), claim_id, claim, fact, article, url, stance,
        rationale, fold.
    """
    columns: dict[str, list[Value]] = {
        name: [] for name in ("id", "claim_id", "claim", "fact", "fold", "article", "url", "stance", "rationale")
    }
    places: list[Place] = []
    for content, name in claims:
        document = document_of(content, name)
        shared = {key: str(_field(document, key, name, str)) for key in ("id", "claim", "fact")}
        lists = {key: _field(document, key, name, list) for key in ("article", "url", "stance", "rationale")}
        if len({len(values) for values in lists.values()}) != 1:
            raise UserError(f"{name}: article, url, stance and rationale do not have the same length")
        if shared["id"] not in folds:
            raise UserError(f"{name}: the claim '{shared['id']}' is in none of the official folds")
        for index in range(len(lists["article"])):
            columns["id"].append(f"{shared['id']}-{index + 1}")
            columns["claim_id"].append(shared["id"])
            columns["claim"].append(shared["claim"])
            columns["fact"].append(shared["fact"])
            columns["fold"].append(folds[shared["id"]])
            for key, values in lists.items():
                columns[key].append(as_text(values[index]))
            places.append(Place(name, index + 1))
    return Table(columns, places)


def fold_lists(content: bytes, name: str) -> dict[str, str]:
    """Lines `Fold_1: R-3 V-11 …`: claim id -> fold number."""
    folds: dict[str, str] = {}
    for line, text in enumerate(decoded(content, name).splitlines(), start=1):
        if not text.strip():
            continue
        head, colon, members = text.partition(":")
        number = head.strip().removeprefix("Fold_")
        if not colon or not number.isdigit():
            raise UserError(f"{name}: line {line}: expected 'Fold_<number>: ids'")
        for member in members.split():
            if folds.setdefault(member, number) != number:
                raise UserError(f"{name}: line {line}: '{member}' is in fold {folds[member]} and in fold {number}")
    return folds


class Pair(NamedTuple):
    """A row of a set of claims and texts."""

    id: Value
    group: Value
    domain: Value
    split: Value
    target: Value
    text: Value
    label: Value
    origin: Value


PAIR_COLUMNS = Pair._fields


def with_unrelated(pairs: Table, number: int) -> Table:
    """Pairs of a claim and a text, and `number` more for each claim: texts of other groups, half of its own domain.

    Most sentences of an article have nothing to do with a claim, and a set in which a quarter is unrelated does not
    say so. Nobody labelled these pairs: they are unrelated because their texts were written about other claims. Texts
    are drawn within a split, by the checksum of claim and text.

    Args:
        pairs: with the columns `PAIR_COLUMNS`.
    Returns:
        The same columns; drawn rows have the label `unrelated`, the origin `drawn`, and the id `CLAIM~TEXT`.
    """
    rows = [Pair(*row) for row in zip(*(pairs.column(name, name) for name in PAIR_COLUMNS), strict=True)]
    texts: dict[tuple[Value, ...], list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        texts[row.split, row.domain].append(at)
        texts[(row.split,)].append(at)
    first = {(row.split, row.target): at for at, row in reversed(list(enumerate(rows)))}
    more: list[tuple[Pair, Place]] = []
    for at in sorted(first.values()):
        claim = rows[at]
        pools = ((texts[claim.split, claim.domain], number // 2), (texts[(claim.split,)], number))
        for text in _drawn(rows, claim, pools):
            named = f"{claim.id}~{rows[text].id}"
            drawn = claim._replace(id=named, text=rows[text].text, label="unrelated", origin="drawn")
            more.append((drawn, pairs.places[text]))
    columns = {
        name: [*pairs.columns[name], *(drawn[place] for drawn, _ in more)] for place, name in enumerate(PAIR_COLUMNS)
    }
    places = [*pairs.places, *(place for _, place in more)]
    return replace(pairs, columns=columns, places=places, splits=[""] * len(places))


def _drawn(rows: Sequence[Pair], claim: Pair, pools: Sequence[tuple[list[int], int]]) -> list[int]:
    """Rows of other groups with texts that differ, from each pool until there are as many as it says."""
    found: dict[Value, int] = {}
    for pool, wanted in pools:
        for at in sorted(pool, key=lambda at: (crc32(f"{claim.target}\n{rows[at].text}".encode()), at)):
            if len(found) >= wanted:
                break
            if rows[at].group != claim.group:
                found.setdefault(rows[at].text, at)
    return list(found.values())
