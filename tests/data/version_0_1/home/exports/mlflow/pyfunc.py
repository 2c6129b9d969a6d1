"""The MLflow model of a naba classifier. MLflow runs this file by itself when it loads one."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd


class Classifier(mlflow.pyfunc.PythonModel):
    """Input: a table with `text` (and `target` for pairs). Output: `label` and `probability_<label>`, a row each."""

    def load_context(self, context: Any) -> None:
        """Load the classifier directory that lies in the model's artifacts."""
        from naba.export import directory

        self.model, self.description = directory.load(Path(context.artifacts["classifier"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
        """One row of output for each row of input, in order."""
        from naba.export.predict import predict_table

        return predict_table(self.model, self.description, model_input)


mlflow.models.set_model(Classifier())
