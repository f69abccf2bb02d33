"""Records of Claude Code 2.1.329, written by hand after what it prints: ids shortened, what nobody reads left out."""

from typing import Any

Record = dict[str, Any]
SESSION = "11111111-2222-4333-8444-555555555555"


def init(**more: Any) -> Record:
    return {
        "type": "system",
        "subtype": "init",
        "cwd": "/w",
        "session_id": SESSION,
        "tools": ["Bash", "Read"],
        "model": "claude-sonnet-4-5",
        "permissionMode": "default",
        "claude_code_version": "2.1.329",
        **more,
    }


def system(subtype: str, **more: Any) -> Record:
    return {"type": "system", "subtype": subtype, "session_id": SESSION, **more}


REQUESTING = system("status", status="requesting")
UI = system("ui_invalidate", event="ui.render")
THINKING_TOKENS = system("thinking_tokens", estimated_tokens=2)


def stream(event: Record, **more: Any) -> Record:
    return {"type": "stream_event", "event": event, "session_id": SESSION, "parent_tool_use_id": None, **more}


def message_start(id: str) -> Record:
    usage = {"input_tokens": 120, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 20, "output_tokens": 1}
    return stream({"type": "message_start", "message": {"id": id, "role": "assistant", "content": [], "usage": usage}})


def block_start(index: int, **block: Any) -> Record:
    return stream({"type": "content_block_start", "index": index, "content_block": block})


def text_block(index: int = 0) -> Record:
    return block_start(index, type="text", text="")


def delta(index: int, **delta: Any) -> Record:
    return stream({"type": "content_block_delta", "index": index, "delta": delta})


def text(*pieces: str, index: int = 0) -> list[Record]:
    return [delta(index, type="text_delta", text=piece) for piece in pieces]


def block_stop(index: int = 0) -> Record:
    return stream({"type": "content_block_stop", "index": index})


def message_delta(stop_reason: str | None, output_tokens: int = 17) -> Record:
    return stream(
        {"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": {"output_tokens": output_tokens}}
    )


def message_stop(abandoned_from: int | None = None) -> Record:
    more = {} if abandoned_from is None else {"abandoned_blocks": {"from_block_index": abandoned_from}}
    return stream({"type": "message_stop"}, **more)


def assistant(id: str, *content: Record, **more: Any) -> Record:
    message = {"id": id, "role": "assistant", "model": "claude-sonnet-4-5", "content": list(content)}
    return {"type": "assistant", "message": message, "parent_tool_use_id": None, "session_id": SESSION, **more}


def synthetic(said: str, error: str, **more: Any) -> Record:
    record = assistant("x", {"type": "text", "text": said}, error=error, is_api_error_message=True, **more)
    record["message"]["model"] = "<synthetic>"
    return record


def said(text: str) -> Record:
    return {"type": "text", "text": text}


def tool_use(id: str, name: str, **input: Any) -> Record:
    return {"type": "tool_use", "id": id, "name": name, "input": input}


def tool_result(id: str, content: Any, *, is_error: bool = False, **meta: Any) -> Record:
    block = {"type": "tool_result", "tool_use_id": id, "content": content, "is_error": is_error}
    more = {"tool_result_meta": [{"id": id, **meta}]} if meta else {}
    return {"type": "user", "message": {"role": "user", "content": [block]}, "parent_tool_use_id": None, **more}


def interrupted() -> Record:
    content = [{"type": "text", "text": "[Request interrupted by user]"}]
    return {"type": "user", "message": {"role": "user", "content": content}, "parent_tool_use_id": None}


def api_retry(attempt: int, status: int | None, error: str, max_retries: int = 2) -> Record:
    return system(
        "api_retry", attempt=attempt, max_retries=max_retries, retry_delay_ms=563, error_status=status, error=error
    )


def result(answer: str | None = "Hello.", **more: Any) -> Record:
    return {
        "stop_reason": "end_turn",
        "session_id": SESSION,
        "total_cost_usd": 0.0006,
        "usage": {
            "input_tokens": 120,
            "cache_creation_input_tokens": 3,
            "cache_read_input_tokens": 20,
            "output_tokens": 17,
            "output_tokens_details": {"thinking_tokens": 4},
        },
        "terminal_reason": "completed",
        "is_error": False,
        "num_turns": 1,
        "subtype": "success",
        "api_error_status": None,
        "result": answer,
        "type": "result",
        **more,
    }


def failed(said: str | None, terminal_reason: str | None = "api_error", **more: Any) -> Record:
    return result(said, is_error=True, terminal_reason=terminal_reason, **{"stop_reason": "stop_sequence", **more})


def answer(id: str, *pieces: str) -> list[Record]:
    """One model message of one block of text, as it is streamed and confirmed."""
    return [
        message_start(id),
        text_block(),
        *text(*pieces),
        assistant(id, said("".join(pieces))),
        block_stop(),
        message_delta("end_turn"),
        message_stop(),
    ]
