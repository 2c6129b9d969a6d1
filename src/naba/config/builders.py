"""Model builders: a name in a YAML, its options as a dataclass, the check of one against the other, and search spaces.

A builder is a frozen dataclass below `Options`. Its fields are what the YAML may say; its docstring says what they
mean; `build` makes the estimator and imports what is heavy. naba's own stand in the table `naba.models.BUILDERS` and
in modules that import no library, so that checking a YAML takes no time. Those of others come with their package (see
`naba.config.packages`): a class below `Options`, or a plain function, which a YAML names by its path. No file layout
of naba's is part of a YAML or of a run.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ValidationError

from naba.config import packages
from naba.config.schema import FORBID, adapter, explain
from naba.errors import Problems, UserError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from naba.arabic.profile import Profile
    from naba.config.schema import DatasetConfig

logger = logging.getLogger(__name__)

SEARCH = "search"
"""The key of what `naba tune` may try; it is no part of the model that is trained."""

ABOUT = frozenset({"name", "accepts", "description", "builder", "tags", SEARCH})
"""Keys of a model's YAML that are not options of its builder."""

WEIGHTS = ("checkpoint", "encoder", "embeddings", "weights")
"""Options that name somebody's pretrained weights."""

_OLD_KEY = "_target_"
_OLD_PACKAGE = "naba.models."
_REGISTERED: dict[str, type[Options]] = {}
_OF_A_RANGE = ("low", "high", "log")


@dataclass(frozen=True)
class Context:
    """What a run gives a builder beside its options.

    Attributes:
        seed: of everything that draws.
        normalisation: of the texts; None leaves them as they are.
        pair: is the task one of pairs (`text` and `target`)?
        primary_metric: what early stopping watches.
        checkpoint_folder: where a training that can be resumed keeps its checkpoints.
        background_texts: name of an unlabelled data set -> its distinct texts, in order.
        task: of the data set: `stance`, `claim_type`, …
        label_names: label -> the name by which it is shown, in order.
    """

    seed: int = 0
    normalisation: Profile | None = None
    pair: bool = False
    primary_metric: str | None = None
    checkpoint_folder: Path | None = None
    background_texts: Callable[[str], Sequence[str]] | None = None
    task: str = ""
    label_names: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def texts(self, name: str) -> Sequence[str]:
        """The distinct texts of an unlabelled data set, in order.

        Raises:
            UserError: it cannot be had.
        """
        load = self.background_texts or packages.registry("naba.data.dataset:background_texts")
        return list(load(name))


class Options(ABC):
    """Options of a builder; `class TfidfNb(Options, builder="tfidf_nb")`, a frozen dataclass, keywords only.

    Its docstring has a part `Attributes:` that says what each field means.
    """

    __pydantic_config__ = FORBID
    builder: ClassVar[str] = ""
    version: ClassVar[int] = 1
    """To be raised when equal options begin to give another model: it enters the identity of a run."""

    def __init_subclass__(cls, builder: str = "", **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if builder:
            cls.builder = builder
            _REGISTERED[builder] = cls

    @abstractmethod
    def build(self, context: Context) -> Any:
        """The unfitted estimator."""

    def backgrounds(self) -> tuple[str, ...]:
        """Names of the unlabelled data sets that the model learns from; their content enters a run's identity."""
        return ()

    def missing(self) -> str:
        """What must be said before a training begins, although the YAML may leave it open; "" for nothing."""
        return ""

    def content(self) -> dict[str, Any]:
        """What decides the model, for a run's identity: the options, files by what is in them rather than by name."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    def described(self, dataset: DatasetConfig) -> dict[str, Any]:  # noqa: ARG002
        """What of a data set's description, beside its rows, decides the model: the words of a prompt; {} for none."""
        return {}

    def tags(self) -> tuple[str, ...]:
        """What kind of model it is, for pools of a board: `no_weights`, `open_weights`, `prompted`, `api`."""
        fields = dataclasses.asdict(self)  # type: ignore[call-overload]
        return ("open_weights",) if any(fields.get(name) for name in WEIGHTS) else ("no_weights",)


@cache
def table() -> dict[str, str]:
    """naba's own builders -> `module:class`; the table itself imports nothing."""
    return dict(packages.registry("naba.models:BUILDERS"))


def names() -> list[str]:
    """All builders, those that allowed packages register as well."""
    packages.load()
    return sorted({*table(), *_REGISTERED})


def options_class(name: str) -> type[Options]:
    """The options of a builder.

    Raises:
        UserError: there is no such builder; names the nearest one.
    """
    if name in table():
        own: type[Options] = packages.registry(table()[name])
        return own
    if "." in name:
        from naba.config.functions import options_of

        return options_of(name)
    packages.load()
    if name not in _REGISTERED:
        raise UserError(unknown_name("builder", name, names()))
    return _REGISTERED[name]


def builder_of(model: Mapping[str, Any]) -> str:
    """The builder that a model's section names.

    Raises:
        UserError: it names none.
    """
    name = model.get("builder")
    if name is None and isinstance(target := model.get(_OLD_KEY), str):
        # Version 0.1 named a function by its file, `naba.models.sparse.tfidf_logreg`.
        name = target.rpartition(".")[2] if target.startswith(_OLD_PACKAGE) else target
    if not isinstance(name, str):
        raise UserError(f"builder: expected a name, one of {', '.join(names())}")
    return name


def modern(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model's section with `builder: NAME`, also for one of version 0.1 (`_target_: naba.models.….NAME`).

    The models inside a model are brought up to date with it. A target that is no builder is left as it is, so that
    the check names it.
    """
    section = {key: modern(value) if isinstance(value, dict) else value for key, value in model.items()}
    target = section.get(_OLD_KEY)
    if not isinstance(target, str) or "builder" in section or not target.startswith(_OLD_PACKAGE):
        return section
    name = target.rpartition(".")[2]
    if name not in table():
        return section
    _note(target, name)
    # In its place: the order of keys is that of the file.
    return {("builder" if key == _OLD_KEY else key): name if key == _OLD_KEY else v for key, v in section.items()}


@cache
def _note(target: str, name: str) -> None:
    logger.warning("`_target_: %s` is how version 0.1 named a model; write `builder: %s`", target, name)


def checked(model: Mapping[str, Any], place: str = "model") -> tuple[dict[str, Any], list[str]]:
    """A model's section with every option written out and typed, and what is wrong with it.

    Args:
        model: as a YAML has it; other models may stand inside (`classifier:`).
        place: where it stands, for messages.
    Returns:
        The section (as given where there are problems), and one line a problem.
    """
    section = modern(model)
    try:
        kind = options_class(builder_of(section))
    except UserError as error:
        return section, [f"{place}.builder: {error.message}"]
    given = {key: value for key, value in section.items() if key not in ABOUT}
    problems = []
    for key in [key for key in given if key in Context.__dataclass_fields__]:
        problems.append(f"{place}.{key}: the run itself gives it; leave it out")
        del given[key]
    for key, value in given.items():
        if isinstance(value, Mapping) and ("builder" in value or _OLD_KEY in value):
            given[key], inside = checked(value, f"{place}.{key}")
            problems += inside
    try:
        options = adapter(kind).validate_python(given)
    except ValidationError as error:
        problems += explain(error, kind, f"{place}.")
    if SEARCH in section and not problems:
        problems += _search_problems(section[SEARCH], kind, given, f"{place}.{SEARCH}")
    if problems:
        return section, problems
    about = {key: value for key, value in section.items() if key in ABOUT - {SEARCH}}
    return about | dataclasses.asdict(options), []


def options(model: Mapping[str, Any]) -> Options:
    """The options that a model's section gives its builder.

    Raises:
        UserError: no such builder, or options that it does not have or that are out of range; all of them at once.
    """
    section, problems = checked(model)
    if problems:
        raise Problems(problems, f"model '{model.get('name', 'model')}' has")
    given = {key: value for key, value in section.items() if key not in ABOUT}
    return adapter(options_class(section["builder"])).validate_python(given)


def backgrounds(model: Mapping[str, Any]) -> list[str]:
    """Names of the unlabelled data sets that a model, or a model inside it, learns from."""
    inside = [value for value in model.values() if isinstance(value, Mapping) and "builder" in value]
    return [*options(model).backgrounds(), *(name for one in inside for name in backgrounds(one))]


def require(model: Mapping[str, Any], place: str = "model") -> None:
    """Refuse a model that leaves something open without which it, or one inside it, cannot be trained.

    Raises:
        UserError: says what.
    """
    if problem := options(model).missing():
        raise UserError(f"{place}.{problem}")
    for name, value in model.items():
        if isinstance(value, Mapping) and "builder" in value:
            require(value, f"{place}.{name}")


def described(model: Mapping[str, Any], dataset: DatasetConfig) -> list[dict[str, Any]]:
    """What of a data set's description decides a model, or a model inside it."""
    inside = [value for value in model.values() if isinstance(value, Mapping) and "builder" in value]
    own = options(model).described(dataset)
    return [*([own] if own else []), *(each for one in inside for each in described(one, dataset))]


def tags(model: Mapping[str, Any]) -> tuple[str, ...]:
    """What kind of model it is, and of those inside it; and what its YAML says itself (`tags: [desk]`)."""
    inside = [value for value in model.values() if isinstance(value, Mapping) and "builder" in value]
    # A wrapper has no weights of its own: it is what is inside it.
    own = [tag for one in inside for tag in tags(one)] if inside else options(model).tags()
    given = model.get("tags") or ()
    return tuple(dict.fromkeys((*own, *(given if isinstance(given, list | tuple) else (str(given),)))))


def content(model: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a model, for a run's identity: builder, its version, options; no names, descriptions or paths."""
    chosen = options(model)
    inside = {
        key: content(value) if isinstance(value, Mapping) and "builder" in value else value
        for key, value in chosen.content().items()
    }
    return {"builder": chosen.builder, "version": chosen.version, "options": inside}


def documentation(kind: type) -> dict[str, str]:
    """What the `Attributes:` part of a docstring says of each field; `C, words: …` says it of both."""
    found: dict[str, str] = {}
    for cls in reversed(kind.__mro__):
        lines = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")[2].splitlines()
        fields: list[str] = []
        for line in lines:
            indent = len(line) - len(line.lstrip())
            if line.strip() and indent < 4:
                break
            if indent == 4 and ": " in line:
                head, _, text = line.strip().partition(": ")
                fields = [name.strip() for name in head.split(",")]
                found |= dict.fromkeys(fields, text)
            else:
                found |= {name: f"{found[name]} {line.strip()}".strip() for name in fields}
    return found


@dataclass(frozen=True)
class Space:
    """What one option may be: an entry of `search:` in a model's YAML.

    ```yaml
    search:
      C: {low: 0.03, high: 30, log: true}    # a number between two; whole where both are
      class_weight: [balanced, null]         # one of several
      training.epochs: {low: 2, high: 6}     # an option inside a group
    ```

    Attributes:
        low, high: bounds, both included; None where there are choices.
        log: is it drawn evenly by its logarithm?
        choices: the values, where they are listed.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def whole(self) -> bool:
        """Is it a whole number?"""
        return type(self.low) is int and type(self.high) is int

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that must be valid for all to be."""
        return self.choices or (self.low, self.high)

    def __str__(self) -> str:
        if self.choices:
            return ", ".join("null" if one is None else str(one) for one in self.choices)
        return f"{self.low} to {self.high}{' (log)' if self.log else ''}"


def spaces(model: Mapping[str, Any]) -> dict[str, Space]:
    """Option (`C`, `training.epochs`, `classifier.C` of a model inside) -> what it may be.

    Raises:
        Problems: a search space that cannot be understood.
    """
    found, problems = _read_spaces(model.get(SEARCH) or {}, f"model.{SEARCH}")
    if problems:
        raise Problems(problems)
    for key, value in model.items():
        if isinstance(value, Mapping) and "builder" in value:
            found |= {f"{key}.{name}": space for name, space in spaces(value).items()}
    return found


def _search_problems(search: Any, kind: type, given: Mapping[str, Any], place: str) -> list[str]:
    """What is wrong with a search space: its form, options that the builder lacks, bounds that an option refuses.

    Args:
        kind: the builder's options.
        given: valid values of them.
        place: of `search`, for messages.
    """
    found, problems = _read_spaces(search, place)
    for option, space in found.items():
        for value in space.ends:
            try:
                adapter(kind).validate_python(_with_value(given, option, value))
            except ValidationError as error:
                problems += explain(error, kind, f"{place}.")
    return list(dict.fromkeys(problems))


def _with_value(given: Mapping[str, Any], option: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(dict(given))
    *groups, name = option.split(".")
    section = changed
    for group in groups:
        section = section.setdefault(group, {})
    section[name] = value
    return changed


def _read_spaces(search: Any, place: str) -> tuple[dict[str, Space], list[str]]:
    if not isinstance(search, Mapping):
        return {}, [f"{place}: expected options and what they may be, got {search!r}"]
    found: dict[str, Space] = {}
    problems: list[str] = []
    for option, content in search.items():
        where = f"{place}.{option}"
        said = list(_wrong_space(content, where))
        problems += said
        if said:
            continue
        if isinstance(content, Mapping):
            found[str(option)] = Space(content["low"], content["high"], bool(content.get("log", False)))
        else:
            found[str(option)] = Space(choices=tuple(content))
    return found, problems


def _wrong_space(content: Any, where: str) -> Iterator[str]:
    if isinstance(content, Sequence) and not isinstance(content, str):
        if len(content) < 2:  # one choice is no choice
            yield f"{where}: expected at least two choices, got {list(content)}"
        return
    if not isinstance(content, Mapping):
        yield f"{where}: expected a list of choices, or {{low: …, high: …, log: true}}, got {content!r}"
        return
    yield from (unknown_name("key", f"{where}.{key}", [f"{where}.{part}" for part in _OF_A_RANGE])
                for key in content if key not in _OF_A_RANGE)  # fmt: skip
    low, high = content.get("low"), content.get("high")
    if not all(isinstance(end, (int, float)) and not isinstance(end, bool) for end in (low, high)):
        yield f"{where}: expected numbers low and high, got {low!r} and {high!r}"
    elif not low < high:  # type: ignore[operator]
        yield f"{where}: expected low < high, got {low} and {high}"
    elif content.get("log") and low <= 0:  # type: ignore[operator]
        yield f"{where}: a logarithm needs low > 0, got {low}"
