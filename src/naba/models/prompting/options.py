"""Options of language models that are asked by prompt."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict

from naba.config.builders import Context, Options
from naba.config.schema import CountInteger, PositiveInteger, PositiveNumber, Text
from naba.models.embeddings.options import part_content

if TYPE_CHECKING:
    from naba.config.schema import DatasetConfig
    from naba.models.prompting.classifier import PromptedClassifier


def _address(url: str) -> str:
    from naba.models.prompting.endpoint import address_problem

    if problem := address_problem(url):
        raise ValueError(problem)
    return url.rstrip("/")


Address = Annotated[Text, AfterValidator(_address)]
Temperature = Annotated[float, Strict(), Field(ge=0, le=2)]


@dataclass(frozen=True, kw_only=True)
class Prompted(Options, builder="prompted"):
    """A language model behind an OpenAI-compatible endpoint, asked one row at a time; a key is read from NABA_API_KEY.

    Attributes:
        endpoint: the address below which /chat/completions is (vLLM, Ollama, llama.cpp, transformers serve, hosted).
        language_model: its name on the server.
        prompt: one of naba's by name, or the path of a YAML of your own; by task and language if null.
        language: of the prompt, `ar` or `en`.
        shots: labelled training rows shown before each row, never of the row's own group; 0 for none.
        choose: `fixed` (drawn once), `balanced` (drawn once, the labels in turn), `nearest` (for each row).
        embeddings: a frozen encoder (see `embedded`) by whose embeddings the nearest rows are found; null for TF-IDF.
        prefix: stands before each text that is embedded (E5 wants `query: `); null takes what the folder says.
        temperature: of the draws; 0 takes the likeliest.
        votes: how often each row is asked; their shares are then the probabilities.
        tokens: most tokens of an answer; raise it for models that think aloud.
        at_once: requests under way at the same time.
        timeout: seconds for a whole answer.
        retries: further attempts after one that failed.
        budget: money that one run may spend, in the currency of the prices; no limit if null.
        prices: a YAML with a table of prices; naba's own if null.
    """

    endpoint: Address = "http://127.0.0.1:8000/v1"
    language_model: Text | None = None
    prompt: Text | None = None
    language: Literal["ar", "en"] = "ar"
    shots: CountInteger = 0
    choose: Literal["fixed", "balanced", "nearest"] = "balanced"
    embeddings: Text | None = None
    prefix: Text | None = None
    temperature: Temperature = 0.0
    votes: PositiveInteger = 1
    tokens: PositiveInteger = 32
    at_once: PositiveInteger = 4
    timeout: PositiveNumber = 60.0
    retries: CountInteger = 5
    budget: PositiveNumber | None = None
    prices: Text | None = None

    def missing(self) -> str:
        """The name of the language model, and what embeddings are for."""
        if not self.language_model:
            return "language_model: say which one is asked, by its name on the server"
        if self.embeddings and self.choose != "nearest":
            return f"choose: {self.choose} shots need no embeddings; say nearest, or leave model.embeddings out"
        return ""

    def build(self, context: Context) -> PromptedClassifier:
        """See `PromptedClassifier`."""
        from naba.errors import UserError
        from naba.evaluation.prices import prices
        from naba.models.embeddings.features import embeddings
        from naba.models.prompting import prompt
        from naba.models.prompting.classifier import PromptedClassifier
        from naba.models.prompting.shots import Shots

        path = prompt.path_of(self.prompt, context.task, self.language)
        table = prices(self.prices)
        price = table.of(self.language_model or "")
        if self.budget is not None and price is None:
            raise UserError(
                f"model.budget={self.budget:g} cannot be kept: no price is known for '{self.language_model}'",
                f"model.prices=FILE with a table of your own; these are known: {', '.join(table.tokens)}",
            )
        return PromptedClassifier(
            endpoint=self.endpoint,
            language_model=self.language_model,
            prompt=dataclasses.asdict(prompt.read(path)),
            label_names=dict(context.label_names),
            shots=Shots(
                self.shots,
                self.choose,
                embeddings(self.embeddings, self.prefix, pair=context.pair),
                context.seed,
            ),
            sampling={
                "temperature": self.temperature,
                "max_tokens": self.tokens,
                "seed": context.seed,
                "votes": self.votes,
            },
            limits={"at_once": self.at_once, "timeout": self.timeout, "retries": self.retries, "budget": self.budget},
            price=None if price is None else price.plain(table.currency),
        )

    def content(self) -> dict[str, Any]:
        """See `Options`: without what only decides how fast or how far answers are asked for."""
        # Without shots nothing is near.
        found = part_content(dataclasses.asdict(self) | ({} if self.shots else {"embeddings": None}))
        for name in ("at_once", "timeout", "retries", "budget", "prices", "prompt"):
            del found[name]
        return found

    def described(self, dataset: DatasetConfig) -> dict[str, Any]:
        """See `Options`: the prompt's content, and the names of the labels, which stand in it."""
        from naba.models.prompting import prompt

        path = prompt.path_of(self.prompt, dataset.task, self.language)
        return {"prompt": prompt.digest(path), "labels": dict(dataset.labels)}

    def tags(self) -> tuple[str, ...]:
        """See `Options`."""
        return ("prompted", "api")
