"""The rows to choose from, and what models say about them: a data set of the catalogue, or a file of new texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from naba.annotation import out_of_fold
from naba.config import dataset_config
from naba.config.schema import ColumnsConfig, DatasetConfig, FileConfig
from naba.data import catalogue, own_yaml
from naba.data.corpora.readers import SourceFile
from naba.data.dataset import load
from naba.data.own_files import label_ids
from naba.data.rows import ReadingOptions, read_bytes
from naba.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from naba.config.schema import DataConfig
    from naba.data.dataset import Dataset
    from naba.evaluation.metrics import FloatArray


@dataclass(frozen=True)
class Labels:
    """The labels people choose among, and the task they are about."""

    names: dict[str, str]
    task: str = "own"

    @classmethod
    def of(cls, scheme: str | None, listed: Sequence[str]) -> Labels | None:
        """Those of a data set of the catalogue, or listed ones; None where neither is given.

        Raises:
            UserError: both are said.
        """
        if scheme and listed:
            raise UserError("--scheme and --labels both say which labels there are", "give one of them")
        if scheme:
            config = dataset_config(scheme)
            return cls(dict(config.labels), config.task)
        return cls({label: value for value, label in label_ids(list(listed)).items()}) if listed else None


def labelled(
    name: str, models: Sequence[str], split: str, changes: Sequence[str], seed: int
) -> tuple[Dataset, list[FloatArray]]:
    """The rows of a part of a data set and the out-of-fold probabilities of each model.

    Args:
        models: of the catalogue; without any, the rows alone.
    """
    job = out_of_fold.job_of(name, models[0] if models else "majority", changes, seed)
    if not models:
        rows = out_of_fold.rows_of(job.dataset, split)
        return out_of_fold.part(job.dataset, rows), []
    found = [out_of_fold.unseen(job, split)]
    found += [out_of_fold.unseen(out_of_fold.job_of(name, model, changes, seed), split) for model in models[1:]]
    return found[0][0], [probabilities for _, probabilities in found]


def of_file(
    file: Path, columns: ColumnsConfig, labels: Labels, data: DataConfig, reading: ReadingOptions | None = None
) -> Dataset:
    """A file of texts without labels as a data set; a column `id` of different values names the rows.

    Raises:
        UserError: the file cannot be read, or has no such columns.
    """
    content, shown = SourceFile(file, str(file), FileConfig(path=file.name)).read()
    raw = read_bytes(content, shown, reading)
    values = raw.columns.get("id", [])
    if columns.id is None and values and None not in values and len(set(values)) == len(values):
        columns.id = "id"
    name = own_yaml.ascii_name(file.stem)
    config = DatasetConfig(
        name=name, task=labels.task, labels=dict(labels.names), primary_metric="macro_f1", path=str(file.resolve()),
        pair=columns.target is not None, columns=columns, options=dict((reading or ReadingOptions()).given()),
    )  # fmt: skip
    return load(config, data)


def is_dataset(name: str) -> bool:
    """Is it a data set of the catalogue, or the template `file` for one's own?"""
    return name in {*catalogue.names(), *catalogue.TEMPLATES}
