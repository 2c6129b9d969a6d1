"""`naba list`: datasets, models, experiments, metrics, packages or runs.

naba list datasets
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba import cli, config
from naba.cli import console
from naba.cli.arguments import Parser
from naba.config import builders, packages
from naba.errors import UserError, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run `naba list datasets|models|experiments|metrics|packages|runs`."""
    parser = Parser("list")
    parser.add_argument("kind", choices=[*KINDS, "runs"], help="what to list")
    parser.add_argument("--uri", help="with runs: the MLflow store (default: naba's own)")
    options = parser.parse_args(arguments)
    if options.kind == "runs":
        _runs(options.uri)
    else:
        KINDS[options.kind]()
    return 0


def _datasets() -> None:
    shown = console.table("dataset", "task", "input", "labels", "primary metric", "licence", "labelled by")
    for name in config.names("dataset"):
        if name in {"file", "hub"}:
            shown.add_row(name, "", "", "", "", "", "your own data: naba train dataset=" + name + " …")
            continue
        try:
            dataset = config.dataset_config(name)
        except UserError as error:
            console.note(str(error))
            continue
        shown.add_row(name, dataset.task, "pair" if dataset.pair else "single", ", ".join(dataset.labels),
                      dataset.primary_metric, dataset.licence, dataset.label_source.replace("_", " "))  # fmt: skip
    console.console().print(shown)


def _models() -> None:
    shown = console.table("model", "input", "kinds (pool=)", "description")
    for name in config.names("model"):
        try:
            shown.add_row(name, *_model(name))
        except UserError as error:
            console.note(str(error))
    console.console().print(shown)


def _model(name: str) -> tuple[str, str, str]:
    section = config.section("model", name)
    accepts = section.get("accepts", [])
    if not isinstance(accepts, list):
        raise UserError(f"{config.yaml_path('model', name)}: accepts: expected a list such as [single, pair]")
    # What `defaults` names is a model inside, of any kind.
    kinds = "that of the model inside" if "defaults" in section else ", ".join(builders.tags(section))
    return ", ".join(map(str, accepts)), kinds, str(section.get("description", ""))


def _experiments() -> None:
    shown = console.table("experiment", "question")
    for name in config.names("experiment"):
        try:
            lines = config.yaml_path("experiment", name).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            console.note(sentence(error))
            continue
        comments = [line[1:].strip() for line in lines if line.startswith("#") and "@package" not in line]
        shown.add_row(name, "\n".join(comments))
    console.console().print(shown)


def _runs(uri: str | None) -> None:
    from rich.markup import escape

    from naba import tracking

    shown = console.table("run", "name", "status", "begun", "primary metric")
    for run in tracking.search(uri, finished=False):
        section = "test" if "test" in run.sections else next(iter(run.sections), "")
        score = run.primary(section)
        value = "" if score is None else f"{section}/{score.name} {escape(console.interval(score))}"
        shown.add_row(run.id[:12], escape(run.name), run.status, f"{run.begun:%Y-%m-%d %H:%M}", value)
    if shown.row_count:
        console.console().print(shown)
    else:
        console.note("there are no runs yet: naba train +experiment=quickstart -m")


def _metrics() -> None:
    from naba.evaluation.metrics import FAMILIES, catalogue

    shown = console.table("metric", "what it is", "source")
    for name, metric in sorted(catalogue().items()):
        shown.add_row(name, metric.description, metric.source)
    console.console().print(shown)
    families = console.table("family", "what it is", "source")
    for prefix, (_, description, source) in FAMILIES.items():
        families.add_row(f"{prefix}<label>" + ("_<label>…" if prefix == "macro_f1_" else ""), description, source)
    console.console().print(families)


def _packages() -> None:
    allowed = packages.allowed()
    packages.load()
    shown = console.table("package", "allowed by", "where", "brings")
    for package in allowed:
        conf = package.folder / "conf" if package.folder is not None else None
        brought = sorted(str(path.relative_to(conf).with_suffix("")) for path in conf.rglob("*.yaml")) if conf else []
        brought += [f"naba {name}" for name in cli.commands_of(packages.module_files(package))]
        shown.add_row(package.name, package.source, str(package.file), ", ".join(brought))
    if allowed:
        console.console().print(shown)
    elif packages.none_wanted():
        console.note("no packages are allowed: --no-packages (NABA_NO_PACKAGES=1) says so")
    else:
        console.note("no packages are allowed: --package NAME, NABA_PACKAGES, or an entry point in the group 'naba'")


KINDS = {"datasets": _datasets, "models": _models, "experiments": _experiments, "metrics": _metrics,
         "packages": _packages}  # fmt: skip
