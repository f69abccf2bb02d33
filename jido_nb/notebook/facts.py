"""The facts of a turn in words and numbers that the live view, the static output and the terminal share."""

import json
from collections.abc import Mapping
from typing import Any

from ..core.projections.retry import Retry
from ..core.projections.tool_use import ToolUse
from ..core.projections.turn import TurnView

TOOL_DETAIL_CHARS = 160
MOVING = frozenset({"rev", "elapsed_ms", "wait_ms"})
"""Keys of a meta that change by themselves; the browser counts on from where it was told."""


def who(view: TurnView) -> str:
    """`jido_ai · simulated:story`: the backend, and the model as people name it."""
    model = view.model or ""
    if view.provider and model and not model.startswith(f"{view.provider}:"):
        model = f"{view.provider}:{model}"
    return " · ".join(part for part in (view.backend, model or view.provider) if part)


def note(view: TurnView) -> str:
    """One line that says why a turn has not completed; empty while it runs and when it completed."""
    if view.status == "failed":
        error: Mapping[str, Any] = view.error or {}
        reason = error.get("reason") or "no reason given"
        return f"{error.get('error_category') or 'unknown'}: {reason}"
    if view.status == "canceled":
        return f"canceled: {view.reason}" if view.reason else "canceled"
    return ""


def retry_line(retry: Retry) -> str:
    """`attempt 1: 503 overloaded (provider)`; the wait is left out, since it differs from run to run."""
    kept = ", its text was discarded" if retry.discarded else ""
    return f"attempt {retry.attempt}: {retry.reason} ({retry.error_category}){kept}"


def tool_detail(tool: ToolUse) -> str:
    """Input and output of a tool call on one line, shortened."""
    parts = [_short(value) for value in (tool.input, tool.output) if value not in (None, "", {}, [])]
    return " → ".join(parts)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= TOOL_DETAIL_CHARS else f"{text[: TOOL_DETAIL_CHARS - 1]}…"


def meta_of(view: TurnView, now_us: int) -> dict[str, Any]:
    """What the live view shows beside text and thinking; a key that is absent is not known, or has nothing to show.

    Times are milliseconds as of `now_us`, so that kernel and browser need not agree on a clock.
    """
    meta: dict[str, Any] = {
        "status": view.status,
        "who": who(view),
        "attempt": view.attempt,
        "max_attempts": view.max_attempts,
        "elapsed_ms": None if view.started_us is None else round(view.elapsed_ms(now_us)),
        "first_ms": None if view.first_chunk_ms is None else round(view.first_chunk_ms),
        "usage": _tokens(view.usage),
        "cost": dict(view.cost) if view.cost else None,
        "tools": [[tool.name, tool.status, tool_detail(tool)] for tool in view.tools] or None,
        "note": note(view) or None,
    }
    # One reading: the runtime's thread ends the wait at any moment.
    if (retry := view.retry) is not None:
        meta["wait_ms"] = max(0, round((retry.until_us - now_us) / 1000))
        meta["retry"] = retry_line(retry)
    return {key: value for key, value in meta.items() if value is not None}


def _tokens(usage: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not usage or usage.get("output_tokens") is None:
        return None
    return {"input_tokens": usage.get("input_tokens"), "output_tokens": usage["output_tokens"]}
