"""What the bodies of both OpenAI protocols have in common, and how both refuse one. Pure."""

import json
from typing import Any

from .wire import Refusal


def read_body(body: bytes, without_model: str) -> tuple[dict[str, Any], str, bool]:
    """What a request is, which model it names, and whether it asks for a stream.

    Args:
        body: As it came.
        without_model: What that protocol says of a request that names none.

    Raises:
        Refusal: 400 `invalid_request_error`.
    """
    try:
        data = json.loads(body)
    except ValueError:
        raise invalid("We could not parse the JSON body of your request.") from None
    if not isinstance(data, dict):
        raise invalid("The body of your request is no JSON object.")
    if data.get("stream") not in (None, True, False):
        raise invalid("Invalid type for 'stream': expected a boolean.")
    model = data.get("model")
    if not isinstance(model, str) or not model:
        raise invalid(without_model)
    return data, model, bool(data.get("stream"))


def invalid(message: str) -> Refusal:
    """The refusal of a request that is not what the protocol says."""
    return Refusal(400, "invalid_request_error", message)
