"""Spark and Ray on this machine: the same answers as the local engine."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from naba import cli
from naba.config import overrides
from naba.data.dataset import load_named
from naba.experiment import run
from naba.predict.locate import locate
from ports import free_port
from store_copies import home_with_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> str:
    home = tmp_path_factory.mktemp("distributed")
    with home_with_store(empty_store, home):
        quick = ["model.characters_to=0", "evaluation.resamples=50", "tracking.figures=false"]
        return str(locate(run.run(overrides.compose(["dataset=synthetic_stance", "model=tfidf_nb", *quick])).run))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    dataset = load_named("synthetic_stance")
    frame = dataset.frame(dataset.indices("test")).rename(columns={"target": "claim"})
    frame.insert(0, "id", range(len(frame)))
    frame.loc[3, "text"] = "\u00a0 "
    frame.loc[4, "claim"] = None
    path = tmp_path / "in.parquet"
    frame.to_parquet(path, row_group_size=200)
    return path


def compare(engine: str, classifier: str, table: Path, tmp_path: Path) -> None:
    columns = ["--target", "claim", "--prefix", "naba_", "--batch", "100"]
    assert cli.main(["predict", classifier, str(table), *columns, "-o", str(tmp_path / "local.parquet")]) == 1
    output = tmp_path / engine
    arguments = ["predict", classifier, str(table), *columns, "-o", str(output), "--engine", engine]
    done = subprocess.run(
        [sys.executable, "-m", "naba.cli", *arguments],
        capture_output=True, text=True, check=False, timeout=300, env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "510 rows" in done.stderr
    assert "2 rows without text" in done.stderr
    wanted, found = pd.read_parquet(tmp_path / "local.parquet"), pd.read_parquet(output)
    pd.testing.assert_frame_equal(found.sort_values("id").reset_index(drop=True), wanted, check_exact=True)
    assert sorted(pd.read_parquet(f"{output}.bad")["id"]) == [3, 4]


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="pip install 'naba[spark]'")
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17 (apt-get install default-jre-headless)")
def test_spark_answers_as_the_local_engine(classifier: str, table: Path, tmp_path: Path) -> None:
    compare("spark", classifier, table, tmp_path)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="pip install 'naba[ray]'")
def test_ray_answers_as_the_local_engine(classifier: str, table: Path, tmp_path: Path) -> None:
    compare("ray", classifier, table, tmp_path)


@pytest.mark.ray
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="pip install 'naba[ray]'")
def test_a_cluster_that_is_not_there_is_named_at_once(
    classifier: str, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"127.0.0.1:{free_port()}"
    options = ["--target", "claim", "-o", str(tmp_path / "out"), "--engine", "ray", "--address", address]
    assert cli.main(["predict", classifier, str(table), *options]) == 2
    assert f"no Ray answers at {address}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.parquet", "-o", "out", "--engine", "spark"], "nothing.parquet: no such file"),
        (["in.csv", "-o", "out", "--engine", "ray"], "read Parquet"),
        (["in.parquet", "--engine", "ray"], "--output FOLDER"),
        (["in.parquet", "-o", "there", "--engine", "ray"], "there is there already"),
        (["in.parquet", "-o", "there", "--overwrite", "--engine", "ray"], "not written by naba"),
        (["in.parquet", "-o", "out", "--engine", "ray", "--strict"], "--strict goes with --engine local"),
        (["in.parquet", "-o", "out", "--engine", "ray", "--workers", "2"], "--workers goes with --engine local"),
        (["in.parquet", "-o", "out.csv", "--cluster", "x"], "--cluster goes with"),
        (["in.parquet", "-o", "out", "--engine", "dask"], "invalid choice"),
    ],
)
def test_wrong_requests_are_refused_before_anything_starts(
    arguments: list[str], said: str, classifier: str, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("text,target\nx,y\n", encoding="utf-8")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "thesis.txt").write_text("mine", encoding="utf-8")
    assert cli.main(["predict", classifier, *arguments]) == 2
    assert said in capsys.readouterr().err
    assert (tmp_path / "there" / "thesis.txt").is_file()
