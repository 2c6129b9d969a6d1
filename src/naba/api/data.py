"""Data sets and texts: `load_dataset`, `check`, `normalise`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from naba import config
from naba.arabic.profile import profile_from
from naba.config.overrides import value_text
from naba.data.dataset import Dataset
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from naba.data.checks.findings import Report


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


def load_dataset(name_or_path: str | Path, **options: Any) -> Dataset:
    """A data set of the catalogue, of your own `conf/dataset/`, or a file or folder of yours.

    >>> import naba
    >>> headlines = naba.load_dataset("article_stance")
    >>> len(headlines), headlines.labels
    (190, ('agree', 'disagree', 'discuss', 'unrelated'))

    Args:
        name_or_path: a name of `naba list datasets`, or a file (CSV, TSV, JSON Lines, Parquet, Excel) or a folder.
        options: what the YAML of a data set may say: `columns={"text": "headline"}`, `drop_unlabelled=True`.
    Returns:
        `Dataset`: `.table` (all rows as strings), `.labels`, `.frame(rows)` with the columns text and target,
        `.gold(rows)`, `.indices("train")`. Its files are fetched and their hashes compared.
    Raises:
        naba.UserError: no such data set or file, an unknown option, a row that cannot be read; says which and where.
    """
    from naba.config.overrides import compose, plan
    from naba.data.dataset import load

    arguments = [*dataset_choice(name_or_path), *written({"dataset": options})]
    settings = config.check(compose(plan(arguments, multirun=False).overrides))
    return load(settings.dataset, settings.data)


def check(dataset: str | Path | Dataset, *, slow: bool = True) -> Report:
    """What is wrong with a data set: duplicates, leaks, labels that contradict each other, odd characters.

    >>> import naba
    >>> report = naba.check("article_stance")
    >>> report.rows, [finding.code for finding in report.errors]
    (190, [])

    Args:
        dataset: what `load_dataset` gave, or takes.
        slow: also the checks that take seconds (near duplicates, models of one side).
    Returns:
        `Report`: `.errors` (they stop a training), `.warnings`, `.findings`; a table in a notebook.
    Raises:
        naba.UserError: as `load_dataset`.
    """
    from naba.data.checks import rows

    return rows.run(dataset if isinstance(dataset, Dataset) else load_dataset(dataset), slow=slow)


@overload
def normalise(texts: str, profile: str = "news") -> str: ...  # type: ignore[overload-overlap]
@overload
def normalise(texts: Sequence[str], profile: str = "news") -> list[str]: ...
def normalise(texts: str | Sequence[str], profile: str = "news") -> str | list[str]:
    """Arabic texts after the rules of a normalisation profile.

    >>> import naba
    >>> naba.normalise("أعلنت الحكومةُ عن ٣ قرارات")
    'اعلنت الحكومه عن 3 قرارات'

    Args:
        texts: one text, or n texts.
        profile: a name of `conf/normalisation/`: news, light, none, or your own.
    Returns:
        A text for a text, a list of n texts for n.
    Raises:
        naba.UserError: there is no such profile, or something among the texts is no text.
    """
    from naba.arabic.normalise import normalise_all

    rules = profile_from(config.section("normalisation", profile))
    if isinstance(texts, str):
        return normalise_all([texts], rules)[0]
    given = list(texts) if isinstance(texts, Iterable) else [texts]
    if strange := [(row, one) for row, one in enumerate(given) if not isinstance(one, str)]:
        row, one = strange[0]
        raise UserError(f"text {row} is {one!r} ({type(one).__name__}): expected text or a list of texts")
    return normalise_all(given, rules)
