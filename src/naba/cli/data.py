"""`naba data`: fetch, mirror, pin, describe and add data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from naba.cli import console
from naba.cli.arguments import Parser, add_reading_options, data_options, reading_options
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

DESCRIPTION = """Data sets on this machine:

  naba data fetch NAME… | --all     bring files here, verified, to work offline afterwards
  naba data mirror DIR [NAME…]      copy them into a mirror for another machine (NABA_MIRROR=DIR there)
  naba data pin NAME                write the sha256 of files that have none into the data set's YAML
  naba data new FILE [--name NAME]  write conf/dataset/NAME.yaml for your own file; columns are guessed, or named by
                                    --text, --label, --target and --id
  naba data ids NAME [--split test] ids and texts as CSV, to let another system predict them (naba score)
  naba data stats [NAME…] [--write] rows, labels, lengths and fingerprint; --write updates data/statistics.json
  naba data suspects NAME           labels that look wrong, with reasons (naba data suspects --help)"""

ROLES = ("text", "label", "target", "id")
SPLITS = ("train", "validation", "test")


def main(arguments: Sequence[str]) -> int:
    """Run `naba data ACTION`."""
    if arguments and arguments[0] == "suspects":
        from naba.cli import suspects

        return suspects.main(arguments[1:])
    parser = Parser("data", DESCRIPTION)
    parser.add_argument("action", choices=[*ACTIONS, "suspects"], help="what to do")
    parser.add_argument("names", nargs="*", help="data sets; DIR first for mirror, FILE for new")
    parser.add_argument("--all", action="store_true", help="every data set of the catalogue")
    parser.add_argument("--name", help="new: the name of the data set (default: the file's, in ASCII)")
    for role in ROLES:
        parser.add_argument(f"--{role}", metavar="COLUMN", help=f"new: the column of the {role}")
    parser.add_argument("--drop-unlabelled", action="store_true", help="new: leave rows without a label out")
    parser.add_argument("--split", choices=SPLITS, help="ids: only these rows")
    add_reading_options(parser)
    parser.add_argument("--write", action="store_true", help="stats: update data/statistics.json")
    options = parser.parse_args(arguments)
    return ACTIONS[options.action](options)


def _wanted(names: Sequence[str], *, everything: bool, action: str) -> list[str]:
    from naba.data import catalogue

    known = catalogue.names()
    for name in names:
        if name not in known:
            raise UserError(unknown_name("dataset", name, known))
    if not names and not everything:
        raise UserError(f"naba data {action}: name a data set, or --all", "naba list datasets")
    return known if everything else list(names)


def _fetch(options: argparse.Namespace) -> int:
    from naba.data import catalogue

    failed = 0
    for name in _wanted(options.names, everything=options.all, action="fetch"):
        try:
            fetched = catalogue.fetch(name, data_options())
        except UserError as error:
            if not options.all:
                raise
            failed += 1
            console.note(f"{name}: {error}")
            continue
        print(f"{name}: {len(fetched.files)} files, {fetched.bytes / 1e6:.1f} MB, verified")
        for path, digest in fetched.unpinned.items():
            print(f"  {path}: sha256 {digest} (not in the YAML: naba data pin {name})")
    return 1 if failed else 0


def _mirror(options: argparse.Namespace) -> int:
    from naba.data import catalogue

    if not options.names:
        raise UserError("naba data mirror: name the folder", "naba data mirror DIR ans_stance")
    folder = Path(options.names[0])
    wanted = _wanted(options.names[1:], everything=options.all, action="mirror")
    files = catalogue.mirror(folder, wanted, data_options())
    print(f"{folder}: {len(files)} files of {len(wanted)} data sets; use it with NABA_MIRROR={folder}")
    return 0


def _pin(options: argparse.Namespace) -> int:
    from naba.data import catalogue

    for name in _wanted(options.names, everything=False, action="pin"):
        pinned = catalogue.pin(name, data_options())
        print(
            f"{pinned.path}: " + (f"{len(pinned.hashes)} hashes written" if pinned.hashes else "all files are pinned")
        )
    return 0


def _new(options: argparse.Namespace) -> int:
    from naba.data import own_yaml

    if len(options.names) != 1:
        raise UserError("naba data new: name one file", "naba data new my.csv --name mine")
    said = {role: getattr(options, role) for role in ROLES}
    reading = reading_options(options)
    drop = options.drop_unlabelled
    made = own_yaml.new(Path(options.names[0]), options.name, said, reading, drop_unlabelled=drop)
    print(made.text)
    print(f"wrote {made.path}; look it over, then: naba check {made.name}, naba train dataset={made.name}")
    return 0


def _stats(options: argparse.Namespace) -> int:
    from naba.data import catalogue, statistics
    from naba.data.dataset import load_named

    data = data_options()
    names = options.names or [name for name in catalogue.names() if catalogue.is_here(name, data)]
    datasets = [load_named(name, data) for name in _wanted(names, everything=False, action="stats")]
    shown = console.table("dataset", "rows", "labels", "fingerprint", right=("rows",))
    for dataset in datasets:
        described = statistics.describe(dataset)
        rows = " / ".join(str(count) for count in described["rows"].values())
        shown.add_row(dataset.name, rows, ", ".join(dataset.labels), dataset.fingerprint[:12])
        for change in statistics.changes(dataset):
            console.note(f"{dataset.name} is not what data/statistics.json says: {change}")
    console.console().print(shown)
    if options.write:
        print(f"wrote {statistics.write(statistics.updated(datasets))}")
    return 0


def _ids(options: argparse.Namespace) -> int:
    import csv
    import sys

    from naba.data.dataset import load_named

    writer = csv.writer(sys.stdout)
    writer.writerow(["id", "split", "text", "target"])
    for name in _wanted(options.names, everything=False, action="ids"):
        dataset = load_named(name, data_options())
        columns = [dataset.column_values(column) for column in ("id", "split", "text", "target")]
        writer.writerows(row for row in zip(*columns, strict=True) if options.split in {None, row[1]})
    return 0


ACTIONS = {"fetch": _fetch, "mirror": _mirror, "pin": _pin, "new": _new, "stats": _stats, "ids": _ids}
