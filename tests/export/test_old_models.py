"""MLflow models that version 0.1 logged: MLflow runs the Python file that lies in them, which asks for old names."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

OLD = Path(__file__).parents[1] / "data" / "version_0_1" / "home"


@pytest.mark.filterwarnings("ignore:.*type hint")  # MLflow, of the old file
def test_mlflow_loads_a_model_of_version_0_1() -> None:
    from naba.tracking.models import predictor

    predict = predictor(OLD / "exports" / "mlflow")
    rows = pd.read_csv(OLD / "work" / "rows.csv", keep_default_na=False)
    expected = pd.read_csv(OLD / "expected_mlflow.csv")
    found = predict(rows)
    assert found["label"].tolist() == expected["label"].tolist()
