"""The items of an answer in the OpenAI Responses protocol: how each of them is streamed, and what it is in the end.

A tool call takes the shape of the tool that the client offers under its name: a function with JSON arguments, a custom
tool with free text, or OpenAI's own local shell.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .scenario import Answer
from .steps import Fault, Interlude, RedactedThinking, Step, StreamError, Text, Thinking, ToolUse, Wait, joined
from .wire import Op, interlude_op

PING = b": still here\n\n"
Event = Callable[..., bytes]
"""event(type, field=value, ...) -> its bytes, numbered."""


class Items:
    """The items of one answer to one request."""

    def __init__(self, answer: Answer, body: Mapping[str, Any], request_id: str) -> None:
        self._steps = [step for step in answer.steps if isinstance(step, Interlude) or _is_item(step)]
        self._kinds = {
            str(tool.get("name") or tool.get("type")): str(tool.get("type"))
            for tool in body.get("tools") or ()
            if isinstance(tool, Mapping)
        }
        self._tail = request_id.removeprefix("req_")

    def whole(self) -> list[dict[str, Any]]:
        """All items as they are when they are complete."""
        items = [step for step in self._steps if not isinstance(step, Interlude)]
        return [self._item(step, index) for index, step in enumerate(items)]

    def events(self, event: Event) -> Iterator[Op | StreamError]:
        """The events of all items, up to the first fault."""
        index = 0
        for step in self._steps:
            if isinstance(step, Interlude):
                yield interlude_op(step, PING)
                if isinstance(step, Fault):
                    return
                continue
            done = self._item(step, index)
            yield event("response.output_item.added", output_index=index, item=_opened(done))
            for op in self._pieces(step, done, index, event):
                yield op
                if isinstance(op, Fault):
                    return
            yield event("response.output_item.done", output_index=index, item=done)
            index += 1

    def _item(self, step: Step, index: int) -> dict[str, Any]:
        tail = f"{self._tail}_{index}"
        match step:
            case Text(pieces):
                part = {"type": "output_text", "annotations": [], "logprobs": [], "text": joined(pieces)}
                about = {"status": "completed", "role": "assistant"}
                return {"id": f"msg_{tail}", "type": "message", **about, "content": [part]}
            case Thinking(pieces):
                summary = [{"type": "summary_text", "text": joined(pieces)}]
                return {
                    "id": f"rs_{tail}",
                    "type": "reasoning",
                    "summary": summary,
                    "encrypted_content": step.signature,
                }
            case RedactedThinking(data):
                return {"id": f"rs_{tail}", "type": "reasoning", "summary": [], "encrypted_content": data}
            case ToolUse():
                return self._call(step, tail)
        raise AssertionError(step)

    def _call(self, step: ToolUse, tail: str) -> dict[str, Any]:
        asked, about = joined(step.pieces), {"status": "completed", "call_id": step.id}
        match self._kinds.get(step.name):
            case "local_shell":
                action = {"type": "exec", "env": {}, **_object(asked)}
                return {"id": f"lsh_{tail}", "type": "local_shell_call", **about, "action": action}
            case "custom":
                return {"id": f"ctc_{tail}", "type": "custom_tool_call", **about, "name": step.name, "input": asked}
            case _:
                return {"id": f"fc_{tail}", "type": "function_call", **about, "name": step.name, "arguments": asked}

    def _pieces(self, step: Step, item: Mapping[str, Any], index: int, event: Event) -> Iterator[Op | StreamError]:
        at: dict[str, Any] = {"item_id": item["id"], "output_index": index}
        match item["type"]:
            case "message":
                (part,) = item["content"]
                at["content_index"] = 0
                empty = {**part, "text": ""}
                yield event("response.content_part.added", **at, part=empty)
                yield from _deltas(step, event, "response.output_text", {**at, "logprobs": []})
                yield event("response.output_text.done", **at, text=part["text"], logprobs=[])
                yield event("response.content_part.done", **at, part=part)
            case "reasoning" if item["summary"]:
                (part,) = item["summary"]
                at["summary_index"] = 0
                yield event("response.reasoning_summary_part.added", **at, part={**part, "text": ""})
                yield from _deltas(step, event, "response.reasoning_summary_text", at)
                yield event("response.reasoning_summary_text.done", **at, text=part["text"])
                yield event("response.reasoning_summary_part.done", **at, part=part)
            case "function_call":
                yield from _deltas(step, event, "response.function_call_arguments", at)
                yield event("response.function_call_arguments.done", **at, arguments=item["arguments"])
            case "custom_tool_call":
                yield from _deltas(step, event, "response.custom_tool_call_input", at)
                yield event("response.custom_tool_call_input.done", **at, input=item["input"])


def _deltas(step: Step, event: Event, name: str, at: Mapping[str, Any]) -> Iterator[Op | StreamError]:
    if not isinstance(step, Text | Thinking | ToolUse):
        return
    for piece in step.pieces:
        if not isinstance(piece, str):
            yield interlude_op(piece, PING)
            if isinstance(piece, Fault):
                return
            continue
        if step.pause_ms > 0:
            yield Wait(step.pause_ms)
        yield event(f"{name}.delta", **at, delta=piece)


def _opened(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as its first event shows it: all but what is still to come."""
    empty: dict[str, Any] = {"content": [], "summary": [], "arguments": "", "input": "", "encrypted_content": None}
    status = {"status": "in_progress"} if "status" in item else {}
    return {**item, **{name: value for name, value in empty.items() if name in item}, **status}


def _is_item(step: Step) -> bool:
    # Anthropic's other blocks and its own tools have no place in this protocol.
    return isinstance(step, Text | Thinking | RedactedThinking) or (isinstance(step, ToolUse) and not step.server)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
