"""The page that `naba ui` opens: what there is, with links into the views of MLflow's UI that show trainings.

A plug-in of MLflow's (`mlflow server --app-name naba`): MLflow's own application, with one page more.
"""

from __future__ import annotations

import html
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from naba.tracking.store import Store
from naba.tracking.views import PRIMARY, runs_address

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def page(found: Sequence[Experiment], models: Sequence[str], where: str) -> str:
    """The page as HTML."""
    rows = "".join(_row(one) for one in found)
    table = (
        f"<div class=wide><table><tr><th>experiment<th>runs<th>best so far<th>look at</tr>{rows}</table></div>"
        if found
        else "<p>There are no finished runs yet: <code>naba train +experiment=quickstart -m</code></p>"
    )
    named = ", ".join(f'<a href="/#/models/{html.escape(name)}">{html.escape(name)}</a>' for name in models)
    registry = f"<p>Registered models: {named}</p>" if models else ""
    return _PAGE.replace("TABLE", table).replace("REGISTRY", registry).replace("WHERE", html.escape(where))


def _row(one: Experiment) -> str:
    count = f"{one.finished} run" + ("s" if one.finished != 1 else "")
    best = (
        f"{html.escape(one.best[0][1])}<br><small>{html.escape(one.metric)} {one.best[0][2]:.3f}</small>"
        if one.best
        else ""
    )
    ids = html.escape(json.dumps([run for run, _, _ in one.best]))
    experiment = html.escape(json.dumps([one.id]))
    links = [
        f'<a href="/{html.escape(runs_address(one.id))}">table</a>',
        f'<a href="/{html.escape(runs_address(one.id, "CHART"))}">charts</a>',
    ]
    if len(one.best) > 1:
        links.append(f'<a href="/#/compare-runs?runs={ids}&amp;experiments={experiment}">the best side by side</a>')
    name = f'<a href="/{html.escape(runs_address(one.id))}" dir="auto">{html.escape(one.name)}</a>'
    return f'<tr><td>{name}<td>{count}<td dir="auto">{best}<td>{" · ".join(links)}</tr>'


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>naba · نبأ</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1c2430 }
table { border-collapse: collapse; width: 100% } th, td { text-align: start; padding: .5rem .8rem .5rem 0;
border-bottom: 1px solid #d8dee6; vertical-align: top } .wide { overflow-x: auto } small { color: #5a6675 }
a { color: #0b5cad }
</style>
<script>
// MLflow opens experiments as those of language-model applications, without any runs, unless it is told otherwise.
localStorage.setItem("mlflow.workflowType_v1", JSON.stringify("machine_learning"));
// A deep link of a browser that was never here before: go on to it.
if (location.hash.startsWith("#/")) location.replace("/" + location.hash);
</script>
<h1>naba · نبأ</h1>
TABLE
REGISTRY
<p>Whether two systems differ, a paired test on the same rows tells: <code>naba compare</code>, or with
<code>--html board.html</code> as one page. <a href="/#/experiments?workflowType=machine_learning">All of
MLflow's UI</a>
<br><small>WHERE</small></p>
</html>
"""


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
