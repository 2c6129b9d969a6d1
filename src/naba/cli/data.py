"""`naba data`: fetch, mirror, pin, describe and add data sets; find suspect labels.

naba data fetch ans_stance
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from naba import files
from naba.cli import console
from naba.cli.arguments import Parser, add_reading_options, data_options, given_options, reading_options
from naba.errors import UserError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

DESCRIPTION = """Data sets on this machine:

  naba data fetch NAME… | --all     download and verify files, for use offline
  naba data mirror DIR [NAME…]      copy them into a mirror for another machine (NABA_MIRROR=DIR there)
  naba data pin NAME                write the sha256 of files that have none into the data set's YAML
  naba data new FILE [--name NAME]  write conf/dataset/NAME.yaml for your own file; columns are guessed, or named by
                                    --text, --label, --target and --id
  naba data ids NAME [--split test] ids and texts as CSV, to let another system predict them (naba score)
  naba data stats [NAME…] [--write] rows, labels, lengths and fingerprint; --write updates data/statistics.json
  naba data suspects NAME           labels that look wrong, with reasons (naba data suspects --help)"""

ROLES = ("text", "label", "target", "id")


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
    parser.add_argument("--split", choices=["train", "validation", "test"], help="ids: only these rows")
    parser.add_argument("--write", action="store_true", help="stats: update data/statistics.json")
    add_reading_options(parser.add_argument_group("new: how FILE is read"), labelled=True)
    options = parser.parse_args(arguments)
    of_new = [f"--{name}" for name in ("name", *ROLES) if getattr(options, name)] + given_options(options)
    if of_new and options.action != "new":
        raise UserError(f"naba data {options.action}: {of_new[0]} goes with naba data new", "naba data --help")
    return ACTIONS[options.action](options)


def _fetch(options: argparse.Namespace) -> int:
    from naba.data import catalogue

    wanted = catalogue.chosen(options.names, "fetch", everything=options.all)
    return console.each(lambda name: print(catalogue.fetch(name, data_options())), wanted)


def _mirror(options: argparse.Namespace) -> int:
    from naba.data import catalogue

    if not options.names:
        raise UserError("naba data mirror: name the folder", "naba data mirror DIR ans_stance")
    files.check_place(folder := Path(options.names[0]).expanduser(), folder=True)
    wanted = catalogue.chosen(options.names[1:], "mirror", everything=options.all)
    written: list[list[Path]] = []
    code = console.each(lambda name: written.append(catalogue.mirror(folder, [name], data_options())), wanted)
    print(f"{folder}: {sum(map(len, written))} files of {len(written)} data sets; use it with NABA_MIRROR={folder}")
    return code


def _pin(options: argparse.Namespace) -> int:
    from naba.data import catalogue

    wanted = catalogue.chosen(options.names, "pin")
    return console.each(lambda name: print(catalogue.pin(name, data_options())), wanted)


def _new(options: argparse.Namespace) -> int:
    from naba.data import own_yaml

    if len(options.names) != 1:
        raise UserError("naba data new: name one file", "naba data new my.csv --name mine")
    said, drop = {role: getattr(options, role) for role in ROLES}, options.drop_unlabelled
    made = own_yaml.new(Path(options.names[0]), options.name, said, reading_options(options), drop_unlabelled=drop)
    print(f"{made.text}\nwrote {made.path}; look it over, then: naba check {made.name}, naba train dataset={made.name}")
    return 0


def _stats(options: argparse.Namespace) -> int:
    from naba.data import catalogue
    from naba.data.dataset import load_named

    if options.write:
        files.check_place(catalogue.statistics_path())
    shown = console.table("dataset", "rows", "labels", "fingerprint", right=("rows",))
    datasets = []

    def one(name: str) -> None:
        datasets.append(load_named(name, data_options()))
        shown.add_row(*catalogue.statistics_line(datasets[-1]))
        for change in catalogue.statistics_changes(datasets[-1]):
            console.note(f"{name} is not what data/statistics.json says: {change}")

    code = console.each(one, catalogue.chosen(options.names or catalogue.here(data_options()), "stats"))
    console.console().print(shown)
    if options.write:
        print(f"wrote {catalogue.write_statistics(catalogue.updated_statistics(datasets))}")
    return code


def _ids(options: argparse.Namespace) -> int:
    from naba.data import catalogue

    writer = csv.writer(sys.stdout)
    writer.writerow(catalogue.TO_PREDICT)
    for name in catalogue.chosen(options.names, "ids"):
        writer.writerows(catalogue.rows_to_predict(name, options.split, data_options()))
    return 0


ACTIONS = {"fetch": _fetch, "mirror": _mirror, "pin": _pin, "new": _new, "stats": _stats, "ids": _ids}
