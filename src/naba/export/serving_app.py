"""The application that uvicorn runs for `naba serve`: MLflow's own scoring server, behind naba's limits.

It is what `mlflow models serve` runs (`mlflow.pyfunc.scoring_server.app`), built by the same two functions of MLflow.
Imported by uvicorn in each worker, never by naba itself.
"""

import os

from mlflow.pyfunc import scoring_server

from naba.export.serving import LIMITS, MODEL
from naba.export.serving_limits import Limited, Limits

_mlflow = scoring_server.init(scoring_server.load_model_with_mlflow_config(os.environ[MODEL]))
app = Limited(_mlflow, Limits.from_json(os.environ[LIMITS]))
