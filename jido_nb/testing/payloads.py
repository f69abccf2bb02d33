"""Payloads of the signals of a made-up turn, with the keys that the runtime writes."""

from collections.abc import Mapping
from typing import Any

_USAGE = {
    "input_tokens": 12,
    "output_tokens": 7,
    "cache_read_tokens": 0,
    "cache_write_tokens": 0,
    "reasoning_tokens": None,
}


def says(message_id: str, content: str) -> dict[str, Any]:
    return {"message_id": message_id, "ingress": "test", "content": content}


def piece(text_key: str, chunks_key: str, sequence: int, text: str, at_ms: float) -> dict[str, Any]:
    return {text_key: text, "sequence": sequence, chunks_key: [[at_ms, len(text)]]}


def retrying(effect_id: str, attempt: int, discarded: bool) -> dict[str, Any]:
    backoff_ms = 100 * 2 ** (attempt - 1)
    return {
        "status": "retrying",
        "backoff_ms": backoff_ms,
        "wait_ms": backoff_ms + 5.0,
        "retry_after_ms": None,
        "reason": "overloaded",
        "error_category": "provider",
        "retryable": True,
        "details": {"status": 503},
        "discarded": discarded,
        "duration_ms": 20.0,
        "first_chunk_ms": 10.0 if discarded else None,
        "usage": None,
        "cost": None,
        "request_id": f"{effect_id}:{attempt}",
    }


def _completed(text: str, thought: str, request_id: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    result = {
        "status": "completed",
        "text": text,
        "thinking": thought,
        "tool_calls": [],
        "finish_reason": "end_turn",
        "usage": _USAGE,
        "cost": None,
        "model": asked["model"],
        "provider": asked["provider"],
        "backend": asked["backend"],
        "request_id": request_id,
        "metadata": {},
    }
    return {"result": result}


def _failed(text: str, thought: str, request_id: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "reason": "overloaded",
        "error_category": "provider",
        "retryable": True,
        "details": {"status": 503},
        "partial_text": text,
        "usage": None,
        "cost": None,
    }


def _canceled(text: str, thought: str, request_id: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "reason": "user_cancel",
        "requested_by": "test",
        "backend_cancel": "ok",
        "partial_text": text,
        "cancel_latency_ms": 1.5,
        "usage": None,
        "cost": None,
    }


ENDINGS = {"completed": _completed, "failed": _failed, "canceled": _canceled}
