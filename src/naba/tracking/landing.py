"""The page that `naba ui` opens: what there is, with links into the views of MLflow's UI that show trainings.

A plug-in of MLflow's (`mlflow server --app-name naba`): MLflow's own application, with one page more.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naba import files
from naba.tracking.mlflow import PRIMARY, VIEW
from naba.tracking.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

TEMPLATE = Path(__file__).with_name("landing.html.jinja")
PATH = "/naba"
COOKIE = "naba"
COMPARED = 10
"""Runs that the link to MLflow's page of comparisons holds at most."""


@dataclass(frozen=True)
class Experiment:
    """An experiment with runs: the metric it is judged by, and its best finished runs, the best first."""

    id: str
    name: str
    finished: int
    metric: str
    best: Sequence[tuple[str, str, float]]
    """(run id, name, value)"""

    @property
    def comparison(self) -> str:
        """Where MLflow's UI shows the best runs side by side."""
        return f"#/compare-runs?runs={json.dumps([run for run, *_ in self.best])}&experiments={json.dumps([self.id])}"


def experiments(store: Store) -> list[Experiment]:
    """Those of a store that hold finished runs."""
    from naba.evaluation.metrics import metric as metric_of

    runs: dict[str, list[Any]] = {}
    for run in store.search():
        runs.setdefault(run.record.experiment_id, []).append(run)
    found = []
    for entity in store.client.search_experiments():
        own = runs.get(entity.experiment_id, [])
        name = entity.tags.get(PRIMARY, "test/macro_f1")
        scored = [(run.id, run.name, run.metrics[name]) for run in own if name in run.metrics]
        try:
            larger = metric_of(name.rpartition("/")[2]).higher_is_better
        except Exception:  # noqa: BLE001 - somebody's own metric, or a tag changed by hand: larger comes first
            larger = True
        scored.sort(key=lambda one: one[2], reverse=larger)
        if own:
            found.append(Experiment(entity.experiment_id, entity.name, len(own), name, scored[:COMPARED]))
    return found


def runs_address(experiment: str, mode: str = "TABLE") -> str:
    """Where MLflow's UI has the runs of an experiment, from the root of its server."""
    return (
        f"#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={VIEW}&compareRunsMode={mode}"
    )


def page(found: Sequence[Experiment], models: Sequence[str], where: str) -> str:
    """The page as HTML."""
    return files.rendered(TEMPLATE, experiments=found, models=models, where=where, address=runs_address)


def application() -> Any:
    """MLflow's application with this page, to which a browser that has never seen it is led."""
    from mlflow.server import BACKEND_STORE_URI_ENV_VAR
    from mlflow.server.fastapi_app import app as application
    from starlette.responses import HTMLResponse, RedirectResponse
    from starlette.routing import Route

    store = Store(os.environ[BACKEND_STORE_URI_ENV_VAR])

    def landing(_: Any) -> HTMLResponse:
        response = HTMLResponse(page(experiments(store), store.registered_names(), str(store)))
        response.set_cookie(COOKIE, "seen", samesite="lax")
        return response

    served = next(route for route in application.router.routes if getattr(route, "path", None) == "").app

    async def root(scope: Any, receive: Any, send: Any) -> None:
        cookies = dict(scope.get("headers", [])).get(b"cookie", b"")
        browser = b"text/html" in dict(scope.get("headers", [])).get(b"accept", b"")
        first = scope["type"] == "http" and scope["path"] == "/" and browser and COOKIE.encode() + b"=" not in cookies
        await (RedirectResponse(PATH) if first else served)(scope, receive, send)

    next(route for route in application.router.routes if getattr(route, "path", None) == "").app = root
    application.router.routes.insert(0, Route(PATH, landing))
    return application
