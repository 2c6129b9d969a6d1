"""Which rows people should label next: uncertain, diverse, disagreed upon, suspicious or random ones.

They are chosen from a data set of the catalogue or a file of new texts, by what models say about them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from naba.annotation import out_of_fold
from naba.annotation.out_of_fold import keys
from naba.annotation.suspects import codes, neighbours, ranking
from naba.config import dataset_config
from naba.config.schema import ColumnsConfig, DatasetConfig, FileConfig
from naba.data import catalogue, own_yaml
from naba.data.corpora.readers import SourceFile
from naba.data.dataset import load
from naba.data.own_files import label_ids
from naba.data.rows import ReadingOptions, read_bytes
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from naba.config.schema import DataConfig
    from naba.data.dataset import Dataset, IntArray
    from naba.evaluation.metrics import FloatArray

STRATEGIES = ("uncertain", "diverse", "disagree", "suspects", "random")
DIMENSIONS = 50
MOST_ROWS = 20_000
"""Rows that are clustered; of more, a random choice."""


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


def choose(dataset: Dataset, by: str, count: int, probabilities: Sequence[FloatArray] = (), seed: int = 0) -> IntArray:
    """The rows to label, the most useful first; of repeated rows only the first is ever chosen.

    Args:
        dataset: the n rows to choose from.
        by: one of `STRATEGIES`.
        probabilities: (n, k) of each model asked: `uncertain` and `suspects` need one, `disagree` two or more.
    Returns:
        At most `count` rows.
    Raises:
        UserError: no such strategy, too few models for it, or labels that `suspects` needs are missing.
    """
    if by not in STRATEGIES:
        raise UserError(f"--by: {unknown_name('way to choose', by, STRATEGIES)}")
    require_models(by, len(probabilities))
    if by == "suspects":
        _require_labels(dataset)
        order = ranking(codes(dataset), probabilities[0], neighbours(dataset))
    elif by == "uncertain":
        order = np.argsort(margins(probabilities[0]), kind="stable")
    elif by == "disagree":
        order = np.argsort(-divergence(probabilities), kind="stable")
    else:
        order = shuffled(dataset, seed)
    order = order[np.isin(order, _first(dataset))]
    return diverse(dataset, order[:MOST_ROWS], count, seed) if by == "diverse" else order[:count].astype(np.int64)


def require_models(by: str, count: int) -> None:
    """Raises:
    UserError: rows cannot be chosen in this way by the answers of so many models.
    """
    needed = {"uncertain": 1, "suspects": 1, "disagree": 2}.get(by, 0)
    if count < needed:
        raise UserError(
            f"--by {by} needs the answers of {needed} model{'s' if needed > 1 else ''}, and has {count}",
            "--model NAME,NAME: models of the catalogue for a labelled data set, runs or classifier folders for a file",
        )


def _require_labels(dataset: Dataset) -> None:
    missing = int((dataset.column_values("label") == "").sum())
    if missing:
        raise UserError(f"--by suspects doubts labels, and {missing} of {len(dataset)} rows have none")


def _first(dataset: Dataset) -> IntArray:
    seen: dict[str, int] = {}
    for row, key in enumerate(keys(dataset)):
        seen.setdefault(key, row)
    return np.fromiter(seen.values(), dtype=np.int64, count=len(seen))


def shuffled(dataset: Dataset, seed: int) -> IntArray:
    """All rows in an order that hangs on their ids and the seed alone."""
    digests = [hashlib.sha256(f"annotate\0{seed}\0{name}".encode()).digest() for name in dataset.column_values("id")]
    return np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.int64)


def margins(probabilities: FloatArray) -> FloatArray:
    """(n,) the most probable label's lead over the next (margin sampling; Settles 2009, Active Learning, ch. 3.1)."""
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    two = np.partition(probabilities, -2, axis=1)[:, -2:]
    lead: FloatArray = two[:, 1] - two[:, 0]
    return lead


def divergence(probabilities: Sequence[FloatArray]) -> FloatArray:
    """(n,) mean Kullback-Leibler divergence in nats of the models from their mean (McCallum & Nigam 1998, eq. 5)."""
    stacked = np.clip(np.stack(probabilities), 1e-12, 1)
    mean = stacked.mean(axis=0)
    found: FloatArray = (stacked * (np.log(stacked) - np.log(mean))).sum(axis=2).mean(axis=0)
    return found


def diverse(dataset: Dataset, rows: IntArray, count: int, seed: int) -> IntArray:
    """The row nearest to the middle of each of `count` clusters of texts, the largest cluster first.

    k-means on latent semantic vectors of character TF-IDF (representative sampling; Xu, Yu, Tresp et al. 2003).
    """
    if count >= len(rows):
        return rows
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    texts = keys(dataset)
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True, max_features=50_000)
    matrix = vectors.fit_transform([texts[row].replace("\0", " ") for row in rows])
    size = min(DIMENSIONS, min(matrix.shape) - 1)
    points = normalize(TruncatedSVD(size, random_state=seed).fit_transform(matrix))
    clusters = KMeans(count, n_init=3, random_state=seed).fit(points)
    away = np.linalg.norm(points - clusters.cluster_centers_[clusters.labels_], axis=1)
    sizes = np.bincount(clusters.labels_, minlength=count)
    chosen = []
    for cluster in np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]:
        members = np.flatnonzero(clusters.labels_ == cluster)
        chosen.append(members[np.argmin(away[members])])
    return rows[np.array(chosen, dtype=np.int64)]
