"""What the conversation in an agent's request tells: what the user said last, and what tools have answered since.

A model that uses tools of its client is answered in requests of their own, one for each round of calls.
"""

import json
from collections.abc import Iterable
from typing import Any


def rounds_since(steps: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """What the tools have answered since the user last spoke, one text for each round of calls.

    Args:
        steps: The conversation as (who, text): `user` speaks, `model` speaks or calls, `result` is the answer of one
            tool. Results that follow each other are of one round.
    """
    rounds: list[list[str]] = []
    follows = False
    for who, text in steps:
        if who == "user":
            rounds = []
        elif who == "result" and follows:
            rounds[-1].append(text)
        elif who == "result":
            rounds.append([text])
        follows = who == "result"
    return tuple("\n".join(results) for results in rounds)


def last_text(content: Any) -> str:
    """The text of a message, or of its last part that is one."""
    if isinstance(content, str):
        return content
    texts = [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return texts[-1] if texts else ""


def flat(content: Any) -> str:
    """Text, or parts with text, as text; a part of another type as its type in brackets."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return json.dumps(content, ensure_ascii=False) if content is not None else ""
    parts = [part if isinstance(part, dict) else {} for part in content]
    return "".join(str(part["text"]) if "text" in part else f"[{part.get('type')}]" for part in parts)
