"""JSON Lines and JSON: values as they are written."""

from __future__ import annotations

import json

import pytest
from reading import fails

from naba.data.rows import Table, read_bytes


def lines(*rows: str) -> Table:
    return read_bytes("\n".join(rows).encode(), "f.jsonl")


def test_json_lines_values() -> None:
    table = lines(
        '{"id": 1234567890123456789, "label": true, "score": 1.0}',
        "",
        '{"id": "007", "label": null, "score": NaN, "more": [1, {"a": "ب"}]}',
    )
    assert table.columns == {
        "id": ["1234567890123456789", "007"],
        "label": ["true", None],
        "score": ["1.0", "NaN"],
        "more": [None, '[1, {"a": "ب"}]'],
    }
    assert [place.line for place in table.places] == [1, 3]


def test_a_line_separator_inside_a_json_string_is_text() -> None:
    assert lines('{"a": "one\u2028two\x85three"}').columns["a"] == ["one\u2028two\x85three"]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ('{"a": 1', "not valid JSON"),
        ("[1]", "a JSON list"),
        ('{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ('{"a": "\\ud800"}', "surrogate"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_bad_json_lines(row: str, problem: str) -> None:
    message = fails('{"a": 0}\n' + row, "f.jsonl")
    assert "row 2, line 2" in message
    assert problem in message


def test_json_of_numbers_inside_lists_is_kept() -> None:
    assert json.loads(lines('{"a": {"start": 3}}').columns["a"][0] or "") == {"start": 3}


def test_a_list_of_objects_is_read_one_by_one() -> None:
    table = read_bytes(' [ {"id": 1.10, "more": [1.0]} ,\n{"id": "\u0628"}\n]\n'.encode(), "f.json")
    assert table.columns == {"id": ["1.10", "ب"], "more": ["[1.0]", None]}
    for text, said in {
        "[]": "no rows", "[1]": "row 1: a JSON Written" , '[{"a": 1} {"a": 2}]': "row 1: expected ',' or ']'",
        '[{"a": 1}] x': "more behind the end", '{"a": 1}': "should hold one list", '[{"a": 1},]': "not valid JSON",
        '[{"a": 1}, {"a": "\\ud800"}]': "row 2: half of a surrogate", '[{"a": 1, "a": 2}]': "the key 'a' stands twice",
        '[{"a": 1},\n{"a" 2}]': "line 2: not valid JSON",
    }.items():  # fmt: skip
        assert said in fails(text, "f.json"), text


def test_invisible_marks_in_keys() -> None:
    assert lines('{"\u200ftext ": "x"}').columns == {"text": ["x"]}
    assert "differ only in invisible marks" in fails('{"text": "x", "\u200ftext": "y"}', "f.jsonl")
