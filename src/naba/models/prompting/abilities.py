"""What a server takes, found out once with small requests and remembered."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from naba.errors import UserError
from naba.models.prompting import records
from naba.models.prompting.endpoint import FailedError, RejectedError
from naba.models.prompting.prompt import without_system

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naba.models.prompting.endpoint import Endpoint, Reply
    from naba.models.prompting.prompt import Message

VERSION = 1
TOP = 20
"""Likeliest tokens asked for at each place; the most that the protocol allows."""
ORDER = ("response_format", "logprobs", "seed", "system", "temperature", "max_tokens")
"""In which order what a server does not take is left out."""


@dataclass(frozen=True)
class Abilities:
    """What a server takes.

    Attributes:
        response_format: a JSON schema for the answer.
        logprobs: the likeliest tokens with their log-probabilities.
        seed: of the draws.
        system: a message of the role `system`; otherwise the instruction goes before the first question.
        temperature: a temperature other than the server's own.
        max_tokens: a limit under that name; otherwise `max_completion_tokens`.
    """

    response_format: bool = True
    logprobs: bool = True
    seed: bool = True
    system: bool = True
    temperature: bool = True
    max_tokens: bool = True

    def payload(
        self, model: str, asked: Sequence[Message], ids: Sequence[str], sampling: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The request.

        Args:
            ids: what may be answered.
            sampling: `temperature`, `max_tokens`, `seed`.
        """
        found: dict[str, Any] = {"model": model, "messages": list(asked) if self.system else without_system(asked)}
        found["max_tokens" if self.max_tokens else "max_completion_tokens"] = sampling["max_tokens"]
        if self.temperature:
            found["temperature"] = sampling["temperature"]
        if self.seed:
            found["seed"] = sampling["seed"]
        if self.logprobs:
            found |= {"logprobs": True, "top_logprobs": TOP}
        if self.response_format:
            answer = {"type": "object", "properties": {"answer": {"type": "string", "enum": list(ids)}},
                      "required": ["answer"], "additionalProperties": False}  # fmt: skip
            schema = {"name": "answer", "strict": True, "schema": answer}
            found["response_format"] = {"type": "json_schema", "json_schema": schema}
        return found


@dataclass(frozen=True)
class Probe:
    """A small request of the kind that will be sent.

    Attributes:
        model: the language model's name.
        messages: a row as any other.
        ids: what may be answered.
        sampling: `temperature`, `max_tokens`, `seed`.
    """

    model: str
    messages: Sequence[Message]
    ids: Sequence[str]
    sampling: Mapping[str, Any]


def abilities(endpoint: Endpoint, probe: Probe) -> Abilities:
    """What the server takes for a model; asked once, and then remembered.

    Everything is asked for at first; what the server does not take is left out in the order of `ORDER` until it
    answers, and then each is tried once more alone, so that one that is refused does not cost the others. What it
    takes without heeding it (an answer without log-probabilities, a text where JSON was asked for) is left out too.

    Raises:
        UserError: it does not answer the plainest request either, or cannot be asked.
    """
    name = _key(endpoint, probe.model)
    known = records.read(name)
    if known is not None and known.get("abilities", {}).keys() == asdict(Abilities()).keys():
        return Abilities(**known["abilities"])
    found = _found(endpoint, probe)
    records.write(name, {"endpoint": endpoint.url, "model": probe.model, "abilities": asdict(found)})
    return found


def remembered(endpoint: Endpoint, model: str) -> Abilities:
    """What is known of the server without asking it: everything, if nothing is."""
    known = (records.read(_key(endpoint, model)) or {}).get("abilities", {})
    return Abilities(**known) if known.keys() == asdict(Abilities()).keys() else Abilities()


def _key(endpoint: Endpoint, model: str) -> str:
    return records.key(endpoint.url, {"probe": VERSION, "model": model})


def _found(endpoint: Endpoint, probe: Probe) -> Abilities:
    left, dropped = Abilities(), []
    message = ""
    for ability in ("", *ORDER):
        if ability:
            left = replace(left, **{ability: False})
            dropped.append(ability)
        message = _problem(endpoint, probe, left)
        if not message:
            break
    if message:
        raise UserError(f"{endpoint.url} does not answer a plain request to '{probe.model}': {message}")
    for ability in dropped[:-1]:
        more = replace(left, **{ability: True})
        left = left if _problem(endpoint, probe, more) else more
    return left


def _problem(endpoint: Endpoint, probe: Probe, tried: Abilities) -> str:
    """Why a small request with these abilities was not answered, or not as asked; "" where it was."""
    try:
        reply = endpoint.complete(tried.payload(probe.model, probe.messages, probe.ids, probe.sampling))
    except (RejectedError, FailedError) as error:
        return str(error)
    if tried.response_format and not _is_json(reply, probe.ids):
        return "the answer is not the JSON that was asked for"
    if tried.logprobs and reply.logprobs is None:
        return "the answer has no log-probabilities"
    return ""


def _is_json(reply: Reply, ids: Sequence[str]) -> bool:
    try:
        found = json.loads(reply.text)
    except ValueError:
        return False
    return isinstance(found, dict) and str(found.get("answer")) in ids
