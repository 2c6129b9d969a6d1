"""Python values as the overrides of a command line, so that both ways lead to the same run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import config
from naba.config.overrides import value_text
from naba.data.dataset import Dataset
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator


def written(overrides: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Overrides as `key=value`: `model__C` and `{"model": {"C": …}}` are `model.C`, and groups take a name."""
    for key, value in overrides.items():
        name = f"{place}{key.replace('__', '.')}"
        if isinstance(value, Mapping):
            yield from written(value, f"{name}.")
        elif name in config.GROUPS:
            yield f"{name}={value}"
        else:
            yield f"{name}={value_text(value)}"


def dataset_choice(dataset: str | Path | Dataset) -> list[str]:
    """The overrides that choose a data set: a name, one that was loaded by its name, or a file or folder.

    Raises:
        UserError: there is no such data set and no such file.
    """
    names = config.names("dataset")
    if isinstance(dataset, Dataset):
        if dataset.name not in names:
            raise UserError(
                f"the data set '{dataset.name}' was not loaded by a name of the catalogue",
                "give the path it was loaded from, with the same options as dataset={…}; or write its YAML",
            )
        return [f"dataset={dataset.name}"]
    if not isinstance(dataset, (str, Path)):
        raise UserError(
            f"a {type(dataset).__name__} is no data set: expected a name, a path or what load_dataset gave",
            "write a table to a file first: table.to_parquet('mine.parquet')",
        )
    if str(dataset) in names and not isinstance(dataset, Path):
        return [f"dataset={dataset}"]
    path = Path(dataset).expanduser()
    if path.exists():
        return ["dataset=file", f"dataset.path={value_text(path.resolve())}"]
    if isinstance(dataset, Path) or "/" in dataset or "." in dataset:
        raise UserError(f"there is no file or folder {path}")
    raise UserError(unknown_name("dataset", dataset, names))
