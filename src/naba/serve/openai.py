"""A classifier behind the chat protocol of OpenAI, so that what asks language models can ask it too.

What is asked is the last message of the user: the text itself, or, for pairs, JSON with `text` and `target`. The answer
is the label; its log-probabilities are those of all labels.
"""

from __future__ import annotations

import json
import math
import time
import uuid
from typing import TYPE_CHECKING, Any

from naba.data.rows.json import unique_keys
from naba.evaluation.predictions import PREFIX
from naba.serve.limits import Limits, RefusedError, row_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LEAST = -100.0
"""Log-probability of what the classifier holds to be impossible."""
MOST_TOP = 20


def read_question(body: bytes, limits: Limits, model: str) -> tuple[dict[str, str], dict[str, Any]]:
    """The row that a request asks about, and the request.

    Raises:
        RefusedError: 400 for anything that is no such request, 404 for another model than the one served.
    """
    try:
        request = json.loads(body.decode(), object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"the body is not valid JSON: {error}") from error
    messages = request.get("messages") if isinstance(request, dict) else None
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise RefusedError(400, "'messages' must be a list of objects with role and content")
    if request.get("model") != model:
        raise RefusedError(404, f"the model '{request.get('model')}' does not exist; this server has '{model}'")
    if request.get("stream"):
        raise RefusedError(400, "'stream' is not supported: an answer is one word")
    if request.get("response_format") not in (None, {"type": "text"}):
        raise RefusedError(400, "'response_format' is not supported: an answer is one of the labels")
    asked = [one.get("content") for one in messages if one.get("role") == "user"]
    if not asked or not isinstance(asked[-1], str):
        raise RefusedError(400, "the last message of the role user must hold a text")
    return row_of(_row(asked[-1], limits), 0, limits), request


def _row(asked: str, limits: Limits) -> Any:
    try:
        found = json.loads(asked)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    if len(limits.columns) > 1:
        shape = ", ".join(f'"{name}": "…"' for name in limits.columns)
        raise RefusedError(400, f"this classifier reads pairs: the message must be JSON, {{{shape}}}")
    return {limits.columns[0]: asked}


def completion(answer: Mapping[str, Any], request: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The answer to a row in the form of a chat completion; tokens are words."""
    label = str(answer["label"])
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": label},
        "finish_reason": "stop",
        "logprobs": {"content": [_token(answer, label)]} if request.get("logprobs") and label else None,
    }
    words = sum(len(str(one.get("content")).split()) for one in request["messages"])
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [choice],
        "usage": {"prompt_tokens": words, "completion_tokens": 1, "total_tokens": words + 1},
    }


def _token(answer: Mapping[str, Any], label: str) -> dict[str, Any]:
    found = {name.removeprefix(PREFIX): value for name, value in answer.items() if name.startswith(PREFIX)}
    top = sorted(found.items(), key=lambda item: -item[1])[:MOST_TOP]
    return {**_one(label, found[label]), "top_logprobs": [_one(name, value) for name, value in top]}


def _one(token: str, probability: float) -> dict[str, Any]:
    return {"token": token, "logprob": math.log(probability) if probability > 0 else LEAST, "bytes": [*token.encode()]}


def listed(models: Sequence[str]) -> dict[str, Any]:
    """The models of a server."""
    return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": "naba"} for name in models]}


def error(message: str, status: int) -> dict[str, Any]:
    """An error as the protocol has it."""
    return {"error": {"message": message, "type": "invalid_request_error" if status < 500 else "server_error"}}
