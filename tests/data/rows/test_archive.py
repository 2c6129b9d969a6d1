"""Members of zip archives."""

from __future__ import annotations

import io
import zipfile

import pytest

from naba.data.rows import archive as limits
from naba.data.rows.archive import zip_member
from naba.errors import UserError


def archive(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def test_zip_members() -> None:
    one = archive(**{"data.csv": "a\n1\n", "__MACOSX/._data.csv": "junk"})
    assert zip_member(one, "z.zip", None) == (b"a\n1\n", "z.zip!data.csv")
    with pytest.raises(UserError, match=r"unknown member 'dta\.csv'; did you mean 'data\.csv'\?"):
        zip_member(one, "z.zip", "dta.csv")
    with pytest.raises(UserError, match=r"holds 2 files: a\.csv, b\.csv"):
        zip_member(archive(**{"a.csv": "", "b.csv": ""}), "z.zip", None)
    with pytest.raises(UserError, match=r"z\.zip: the archive cannot be read"):
        zip_member(one[:-30], "z.zip", None)
    broken = one.replace(b"a\n1\n", b"a\n2\n", 1)
    with pytest.raises(UserError, match="cannot be read: Bad CRC"):
        zip_member(broken, "z.zip", None)


def test_a_member_without_a_name_is_none() -> None:
    """One byte of an archive that was damaged in the name: zip ends a name at a zero."""
    damaged = archive(**{"data.csv": "a\n1\n"}).replace(b"data.csv", b"\0ata.csv")
    with pytest.raises(UserError, match=r"z\.zip: the archive holds 0 files: none"):
        zip_member(damaged, "z.zip", None)


def test_a_member_larger_than_the_limit_is_refused_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """3 MB of zip took 6 GB."""
    monkeypatch.setattr(limits, "LARGEST_MEMBER", 2**20)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros.csv", b"0" * (2**20 + 1))
    assert len(buffer.getvalue()) < 5000
    with pytest.raises(UserError, match=r"z\.zip!zeros\.csv: unpacks to more than 1 MiB"):
        zip_member(buffer.getvalue(), "z.zip", None)


def test_a_small_file_that_holds_very_many_cells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """224 kB of Parquet held sixty million cells."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from naba.data import rows

    values = pa.DictionaryArray.from_arrays(pa.array([0] * 50_000, pa.int32()), pa.array(["نص"]))
    content = io.BytesIO()
    pq.write_table(pa.table({"text": values, "label": values}), content)
    assert len(content.getvalue()) < 5_000
    assert len(rows.read_bytes(content.getvalue(), "f.parquet")) == 50_000
    monkeypatch.setattr(rows, "MOST_CELLS", 90_000)
    with pytest.raises(UserError, match=r"f\.parquet: more than 90,000 cells"):
        rows.read_bytes(content.getvalue(), "f.parquet")
