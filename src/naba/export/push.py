"""Upload of an export to the Hugging Face Hub, or to a server that speaks its protocol (HF_ENDPOINT).

Tested against a local server: repository, small files, large files by Git LFS, commit. Not tested: large files by Xet,
which huggingface_hub prefers where the package hf_xet is installed (HF_HUB_DISABLE_XET=1 keeps to Git LFS), and the Hub
itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naba.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*/[A-Za-z0-9][A-Za-z0-9_.\-]*")


def check_name(name: str) -> None:
    """Refuse what is not `owner/name`."""
    if not _NAME.fullmatch(name):
        raise UserError(f"--push '{name}': expected owner/name, such as my-newsroom/stance")


def push(folder: Path, name: str, *, public: bool = False) -> str:
    """Upload a folder as one commit to the model repository `name`, which is made (private) where it does not exist.

    Returns:
        The address of the commit.
    Raises:
        UserError: the Hub cannot be reached, or refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    check_name(name)
    hub = HfApi()
    try:
        hub.create_repo(name, repo_type="model", private=not public, exist_ok=True)
        done = hub.upload_folder(repo_id=name, folder_path=folder, commit_message="Export by naba")
    except OfflineModeIsEnabled as error:
        raise UserError("--push needs the network, and HF_HUB_OFFLINE is set", "unset it to upload") from error
    # The classes below it are those of the HTTP library that this version of huggingface_hub uses.
    # A large file that does not arrive is a RuntimeError.
    except (*HfHubHTTPError.__bases__, ValueError, RuntimeError) as error:  # type: ignore[misc]
        cause = (error.__cause__ or error) if isinstance(error, RuntimeError) else error
        reason = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
        raise UserError(
            f"{folder} could not be uploaded to '{name}': {reason}",
            "the export itself is complete; log in with `hf auth login`, and see that the name is yours",
        ) from error
    return str(done.commit_url)
