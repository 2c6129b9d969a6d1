"""The application that uvicorn runs for `naba serve`: MLflow's own scoring server, behind naba's limits.

It is what `mlflow models serve` runs (`mlflow.pyfunc.scoring_server.app`), built by the same two functions of MLflow.
Imported by uvicorn in each worker, never by naba itself.
"""

import os

from naba.serve.limits import Limited, Limits
from naba.serve.server import LIMITS, MODEL
from naba.tracking.pyfunc import scoring_application

app = Limited(scoring_application(os.environ[MODEL]), Limits.from_json(os.environ[LIMITS]))
