"""Parquet as rows of strings."""

from __future__ import annotations

import io

from reading import fails

from naba.data.rows import read_bytes


def test_parquet_with_numbers_dates_and_class_names() -> None:
    import datasets

    features = datasets.Features(
        {"id": datasets.Value("int64"), "label": datasets.ClassLabel(names=["no", "yes"]), "ok": datasets.Value("bool")}
    )
    buffer = io.BytesIO()
    rows = {"id": [10**18 + 1, None], "label": [1, 0], "ok": [True, False]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(buffer)
    table = read_bytes(buffer.getvalue(), "f.parquet")
    assert table.columns == {"id": ["1000000000000000001", None], "label": ["yes", "no"], "ok": ["true", "false"]}
    assert "not a readable Parquet" in fails(buffer.getvalue()[:-8], "f.parquet")
