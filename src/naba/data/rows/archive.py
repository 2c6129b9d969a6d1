"""Zip archives: one member, read within limits."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib

from naba.errors import UserError, unknown_name

LARGEST_MEMBER = 2**29
"""Bytes of one unpacked file: a small archive can unpack to any size."""


def zip_member(content: bytes, name: str, member: str | None) -> tuple[bytes, str]:
    """One file out of a zip archive, and the name messages call it: `archive.zip!member`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [
                entry.filename
                for entry in archive.infolist()
                # A damaged name may be empty, which `is_dir` does not expect.
                if entry.filename and not entry.is_dir() and not entry.filename.startswith("__MACOSX/")
            ]
            if member is None and len(members) != 1:
                raise UserError(
                    f"{name}: the archive holds {len(members)} files: {', '.join(members[:50]) or 'none'}",
                    "Unpack it, or name one in the YAML of the data set: `files: [{path: …, member: NAME}]`.",
                )
            chosen = members[0] if member is None else member
            if chosen not in members:
                raise UserError(f"{name}: {unknown_name('member', chosen, members)}")
            with archive.open(chosen) as file:
                # What the archive says of its size may be wrong, so it is measured as it comes.
                unpacked = file.read(LARGEST_MEMBER + 1)
            if len(unpacked) > LARGEST_MEMBER:
                raise UserError(f"{name}!{chosen}: {too_large()}", "Unpack it, and read the file itself.")
            return unpacked, f"{name}!{chosen}"
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, ValueError, RuntimeError, EOFError, OSError) as error:
        # RuntimeError: encrypted, or a compression method Python does not have.
        raise UserError(f"{name}: the archive cannot be read: {error}") from error


def too_large() -> str:
    """The problem of a member that unpacks to more than the limit."""
    return f"unpacks to more than {LARGEST_MEMBER // 2**20} MiB"
