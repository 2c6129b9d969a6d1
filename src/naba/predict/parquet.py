"""Parquet as the output of a prediction job: Arrow types are kept, a part a piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from naba.predict.reading import Piece


def write_part(path: Path, piece: Piece, added: pd.DataFrame) -> None:
    """One piece as a Parquet file: its own columns (strings, where the input was text), then the added ones."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if piece.batch is not None:
        table = piece.batch
    else:
        values = {name: [row[index] for row in piece.cells] for index, name in enumerate(piece.names)}
        table = pa.table({name: pa.array(column, pa.string()) for name, column in values.items()})
    pq.write_table(append_columns(table, added), str(path))


def append_columns(table: Any, added: pd.DataFrame) -> Any:
    """An Arrow table with the columns of a DataFrame behind its own: text, booleans or 64-bit numbers."""
    import pyarrow as pa

    for name in added.columns:
        kind = {"O": pa.string(), "b": pa.bool_()}.get(added[name].dtype.kind, pa.float64())
        table = table.append_column(name, pa.array(added[name].tolist(), kind))
    return table


def join_parts(parts: Sequence[Path], target: Path) -> None:
    """Parts into one file, a row group a part, in constant memory."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(str(target), pq.read_schema(str(parts[0]))) as writer:
        for part in parts:
            writer.write_table(pq.read_table(str(part)))
