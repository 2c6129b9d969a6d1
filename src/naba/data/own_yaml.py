"""`naba data new`: a dataset YAML for a user's own file, its columns named by the user or guessed."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from naba import files
from naba.config.schema import FileConfig
from naba.data import own_files
from naba.data.corpora.readers import SourceFile
from naba.data.rows import SPLIT_NAMES, ReadingOptions, read_bytes, rows_error
from naba.errors import UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naba.data.rows import Table

NAME = r"[A-Za-z0-9][A-Za-z0-9_.\-]*"
LONGEST_NAME = 80
NAMES: Mapping[str, str] = {
    "text": "text sentence tweet_text tweet article content body headline title hypothesis evidence_text post comment "
            "s2 نص جملة تغريدة خبر عنوان مقال مقالة محتوى منشور تعليق متن",
    "label": "label class_label stance class category claim_type gold annotation verdict y "
             "موقف تصنيف تسمية فئة وسم صنف حكم علامة نوع",
    "target": "target claim claim_text premise topic rumor_text s1 "
              "ادعاء نص_الادعاء عنوان_الادعاء هدف زعم مقولة شائعة موضوع قضية",
    "id": "id tweet_id sentence_id uid guid index معرف رقم مسلسل تسلسل م",
    "split": "split part fold_name subset set قسم تقسيم جزء مجموعة",
}  # fmt: skip
"""Role -> words for it, English and Arabic (which also stand with the article, and with or without hamza)."""
BY_HEAD = ("text", "label", "id")
"""Roles of columns with further words in their names: نص التغريدة, تصنيف الموقف, tweet id."""


@dataclasses.dataclass(frozen=True)
class Guess:
    """Which column holds what, as said, or as guessed from names and values; None where nothing fits."""

    text: str
    label: str
    target: str | None
    id: str | None
    group: str | None
    split: str | None


def guess_columns(raw: Table, said: Mapping[str, str | None] | None = None) -> Guess:
    """Guess from the names of the columns, then from their values.

    Args:
        said: role (text, label, target, id) -> the column the user names.
    Raises:
        UserError: no such column; no column repeats few enough values to be a label, or none is left for the text.
    """
    chosen = {role: column for role, column in (said or {}).items() if column is not None}
    for role, column in chosen.items():
        if column not in raw.columns:
            raise UserError(f"{raw.file}: --{role}: {unknown_name('column', column, raw.columns)}")
    left = {name: values for name, values in raw.columns.items() if name not in chosen.values()}

    def named(role: str) -> str | None:
        by_name = {own_files.folded(column).removeprefix("ال"): column for column in left}
        words = [own_files.folded(word) for word in NAMES[role].split()]
        found = [by_name[word] for word in words if word in by_name]
        if role in BY_HEAD:
            found += [column for word in words for column in left if _head(column) == word]
        return chosen.get(role, found[0] if found else None)

    split = named("split")
    if split is None or not {str(value).strip().lower() for value in raw.columns[split]} <= set(SPLIT_NAMES):
        split = None
    identifier = named("id")
    ids = raw.columns.get(identifier or "", [])
    if "id" not in chosen and (None in ids or len(set(ids)) < len(raw)):
        identifier = None
    for used in (split, identifier):
        left.pop(used or "", None)
    label = named("label") or _label_like(left, raw)
    left.pop(label, None)
    text = named("text") or max(left, key=lambda column: sum(len(value or "") for value in left[column]), default=None)
    if text is None:
        raise UserError(f"{raw.file}: no column is left for the text besides the label '{label}'")
    left.pop(text, None)
    target = named("target")
    repeats = target is not None and len(set(raw.columns[target])) < 0.9 * len(raw)
    return Guess(text, label, target, identifier, target if repeats else None, split)


def _head(column: str) -> str:
    """Of a name of several words the one that says what it is: the first in Arabic, the last in English; else ""."""
    words = re.split(r"[\s_\-]+", column.strip())
    return own_files.folded(words[-1 if column.isascii() else 0]).removeprefix("ال") if len(words) > 1 else ""


def _label_like(columns: Mapping[str, list[str | None]], raw: Table) -> str:
    distinct = {
        name: len({value for value in values if not own_files.is_missing(value)}) for name, values in columns.items()
    }
    few = {name: count for name, count in distinct.items() if 2 <= count <= min(20, len(raw) / 2)}
    if not few:
        raise UserError(
            f"{raw.file}: no column looks like labels (few values that recur)",
            f"Columns: {', '.join(raw.columns)}. Name it: --label COLUMN.",
        )
    return min(few, key=lambda name: few[name])


@dataclasses.dataclass(frozen=True)
class NewEntry:
    """A dataset YAML made from a file."""

    path: Path
    name: str
    text: str
    guess: Guess


def new(
    file: Path,
    name: str | None = None,
    said: Mapping[str, str | None] | None = None,
    options: ReadingOptions | None = None,
    *,
    drop_unlabelled: bool = False,
    folder: Path | None = None,
) -> NewEntry:
    """Write `conf/dataset/NAME.yaml` below the current folder from a data file, guessing columns.

    Args:
        name: defaults to the file's name in ASCII.
        said: as for `guess_columns`.
        drop_unlabelled: leave rows without a label out, and say so in the YAML.
        folder: defaults to `conf/dataset`.
    Raises:
        UserError: the name is none or is taken; the file cannot be read, has no column like labels, or rows without a
            label; or the YAML is already there.
    """
    if not file.is_file():
        raise UserError(f"no such file: {file}")
    name = free_name(name, file)
    target = (folder or Path("conf") / "dataset") / f"{name}.yaml"
    if target.exists():
        raise UserError(f"{target} is already there", "Delete it, or give another name: --name NAME.")
    content, shown = SourceFile(file, str(file), FileConfig(path=file.name)).read()
    raw = read_bytes(content, shown, options)
    guess = guess_columns(raw, said)
    missing = [place for value, place in zip(raw.columns[guess.label], raw.places, strict=True)
               if own_files.is_missing(value)]  # fmt: skip
    if missing and not drop_unlabelled:
        raise rows_error(
            f"there is no label (column '{guess.label}')", missing,
            "Fill them in, leave these rows out (--drop-unlabelled), or name the column of the labels (--label).",
        )  # fmt: skip
    text = _yaml_text(file, name, guess, raw, options, drop_unlabelled=bool(missing))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}") from error
    return NewEntry(target, name, text, guess)


def free_name(name: str | None, file: Path) -> str:
    """The name that was given, or that of the file in ASCII; one that later commands would refuse is refused."""
    chosen = ascii_name(file.stem) if name is None else name
    example = f"my_{ascii_name(chosen)}"[:40]
    if not re.fullmatch(NAME, chosen) or len(chosen) > LONGEST_NAME or _is_value(chosen):
        raise UserError(
            f"'{chosen}' cannot be the name of a data set: expected at most {LONGEST_NAME} ASCII letters, digits, "
            "'_', '-' and '.', beginning with a letter or a digit, and no number", f"For example --name {example}",
        )  # fmt: skip
    shipped = files.shipped("conf") / "dataset" / f"{chosen}.yaml"
    if shipped.is_file():
        raise UserError(f"'{chosen}' is the name of a data set of naba's", f"Give another: --name my_{chosen}")
    return chosen


_PAIRS = (
    "ا=a ب=b ت=t ث=th ج=j ح=h خ=kh د=d ذ=dh ر=r ز=z س=s ش=sh ص=s ض=d ط=t ظ=z ع=a غ=gh ف=f ق=q ك=k ل=l م=m ن=n ه=h و=w "
    "ي=y ة=a ء= ى=a گ=g پ=p چ=ch ڤ=v"
)
LATIN = {pair[0]: pair[2:] for pair in _PAIRS.split()}
"""Arabic letters in Latin ones, for the names of files."""


def _is_value(name: str) -> bool:
    """Would `dataset=NAME` be read as a number, a truth value or nothing?"""
    try:
        float(name)
    except ValueError:
        return name.lower() in {"null", "true", "false"}
    return True


def ascii_name(text: str) -> str:
    """A name in ASCII, Arabic written in Latin letters: `أخبار 2` -> akhbar_2."""
    letters = "".join(LATIN.get(each, each) for each in own_files.without_marks(text))
    name = re.sub(r"[^A-Za-z0-9_\-]+", "_", letters).strip("_-")
    return name[:LONGEST_NAME] or "own"


class _Quoted(str):
    """A text that stands in quotes in YAML, where `no`, `1e3` and `-1` would be something else."""

    __slots__ = ()


def _yaml_text(
    path: Path, name: str, guess: Guess, raw: Table, options: ReadingOptions | None, *, drop_unlabelled: bool
) -> str:
    """A dataset YAML for the file, with the labels that occur (most frequent first) and what was guessed."""
    counts = Counter(str(value) for value in raw.columns[guess.label] if not own_files.is_missing(value))
    ids = own_files.label_ids([value for value, _ in counts.most_common()])
    columns = {key: quoted(value) for key, value in dataclasses.asdict(guess).items() if value is not None}
    given = (options or ReadingOptions()).given()
    content: dict[str, object] = {
        "name": name,
        "task": "stance" if guess.target else "own",
        "pair": guess.target is not None,
        "title": quoted(path.name),
        "description": quoted(f"Written by `naba data new` from {path.name}: {len(raw)} rows. Check the columns."),
        "path": quoted(str(path.resolve())),
        "options": {key: quoted(value) if isinstance(value, str) else value
                    for key, value in (raw.recognised | given).items()},
        "labels": {_Quoted(label): quoted(value) for value, label in ids.items()},
        "label_values": {_Quoted(value): quoted(label) for value, label in ids.items() if value != label},
        "drop_unlabelled": drop_unlabelled,
        "primary_metric": "macro_f1",
        "metrics": ["accuracy"],
        "columns": columns,
        "protocol": "grouped" if guess.group else "stratified",
        "licence": "",
        "citation": "",
        "label_source": "unknown",
    }  # fmt: skip
    return dumped(content)


def dumped(content: Mapping[str, object]) -> str:
    """Keys and values as the text of a dataset YAML; what is `quoted` stands in quotes."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """YAML with quoted texts."""

    Dumper.add_representer(
        _Quoted, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
    )
    return yaml.dump(dict(content), Dumper=Dumper, allow_unicode=True, sort_keys=False, width=10_000)


def quoted(text: str) -> str:
    """Text for YAML, in quotes, in which OmegaConf looks for no `${…}`."""
    return _Quoted(text.replace("${", "\\${"))
