"""What a server takes, found out once with small requests and remembered."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from naba.errors import UserError
from naba.models.prompting.asking import read_record, record_name, write_record
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
class Question:
    """What a language model is asked.

    Attributes:
        model: its name.
        messages: instruction, shots and row.
        ids: what may be answered.
        sampling: `temperature`, `max_tokens`, `seed`.
    """

    model: str
    messages: Sequence[Message]
    ids: Sequence[str]
    sampling: Mapping[str, Any]


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

    def payload(self, question: Question) -> dict[str, Any]:
        """The request."""
        messages, sampling = question.messages, question.sampling
        found: dict[str, Any] = {
            "model": question.model,
            "messages": list(messages) if self.system else without_system(messages),
            "max_tokens" if self.max_tokens else "max_completion_tokens": sampling["max_tokens"],
        }
        found |= {name: sampling[name] for name in ("temperature", "seed") if getattr(self, name)}
        if self.logprobs:
            found |= {"logprobs": True, "top_logprobs": TOP}
        if self.response_format:
            answer = {"type": "object", "properties": {"answer": {"type": "string", "enum": list(question.ids)}},
                      "required": ["answer"], "additionalProperties": False}  # fmt: skip
            schema = {"name": "answer", "strict": True, "schema": answer}
            found["response_format"] = {"type": "json_schema", "json_schema": schema}
        return found


def abilities(endpoint: Endpoint, probe: Question) -> Abilities:
    """What the server takes for a model; asked once, with a small question, and then remembered.

    Everything is asked for at first; what the server does not take is left out in the order of `ORDER` until it
    answers, and then each is tried once more alone, so that one that is refused does not cost the others. What it
    takes without heeding it (an answer without log-probabilities, a text where JSON was asked for) is left out too.

    Raises:
        UserError: it does not answer the plainest request either, or cannot be asked.
    """
    found = remembered(endpoint, probe.model)
    if found is None:
        found = _found(endpoint, probe)
        record = {"endpoint": endpoint.url, "model": probe.model, "abilities": asdict(found)}
        write_record(_key(endpoint, probe.model), record)
    return found


def remembered(endpoint: Endpoint, model: str) -> Abilities | None:
    """What is known of the server without asking it."""
    known = (read_record(_key(endpoint, model)) or {}).get("abilities", {})
    return Abilities(**known) if known.keys() == asdict(Abilities()).keys() else None


def _key(endpoint: Endpoint, model: str) -> str:
    return record_name(endpoint.url, {"probe": VERSION, "model": model})


def _found(endpoint: Endpoint, probe: Question) -> Abilities:
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


def _problem(endpoint: Endpoint, probe: Question, tried: Abilities) -> str:
    """Why a small request with these abilities was not answered, or not as asked; "" where it was."""
    try:
        reply = endpoint.complete(tried.payload(probe))
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
