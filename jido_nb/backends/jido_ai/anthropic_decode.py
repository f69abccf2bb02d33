"""The answer of the Anthropic Messages API as events and result. Pure: JSON values in, `LLMEvent`s out.

A stream is `message_start`, then for each content block a start, deltas and a stop, then `message_delta`, then
`message_stop`; `ping` and `error` come anywhere (docs.anthropic.com, "Streaming messages"). Kinds of blocks, deltas and
records that are not known are kept or passed over, never an error: the service adds some every few months.
"""

import operator
from collections.abc import Mapping
from typing import Any

import msgspec

from ...llm.event import LLMEvent
from ...llm.result import LLMResult, ToolCall, ToolKind, ToolStatus
from ...llm.usage import Usage
from .decoder import AnswerDecoder, count_of, parsed_arguments
from .errors import stream_error

_TOOL_KINDS: Mapping[str, tuple[ToolKind, ToolStatus]] = {
    "tool_use": ("client", "pending"),
    "server_tool_use": ("server", "running"),
    "mcp_tool_use": ("server", "running"),
}
_BESIDE = ("context_management", "input_transformations")
"""What a `message_delta` says beside its delta, and a whole message in its own fields."""
_parse = msgspec.json.decode


class Decoder(AnswerDecoder):
    """See `AnswerDecoder`; `decode` takes the records of a stream one by one."""

    def __init__(self, *, backend: str, provider: str, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(backend=backend, provider=provider, facts=facts)
        self._blocks: dict[int, dict[str, Any]] = {}
        self._pieces: dict[int, list[str]] = {}
        self._calls: dict[str, ToolCall] = {}
        self._message: dict[str, Any] = {}

    @property
    def partial_text(self) -> str:
        """The text so far."""
        return "".join(self._text_of(index, block) for index, block in sorted(self._blocks.items()))

    def read(self, data: bytes) -> list[LLMEvent]:
        return self.decode(_parse(data))

    def decode(self, record: Any) -> list[LLMEvent]:
        """The events of one record of the stream; most give one, some none.

        Raises:
            LLMError: the record is an `error`.
            KeyError, TypeError, AttributeError: it is not what the protocol says.
        """
        kind = record["type"]
        if kind == "content_block_delta":
            return self._delta(record["index"], record["delta"])
        match kind:
            case "content_block_start":
                return self._block_start(record["index"], record["content_block"])
            case "content_block_stop":
                return self._block_stop(record["index"])
            case "message_start":
                return self._message_start(record["message"])
            case "message_delta":
                about = {name: record[name] for name in _BESIDE if name in record} | record["delta"]
                self._message.update({name: value for name, value in about.items() if value is not None})
                self._count(record.get("usage"))
            case "message_stop":
                self.ended = True
                return [self._event("completed", result=self._result(), usage=self.usage)]
            case "error":
                raise stream_error(record)
        return []

    def whole(self, message: Any) -> LLMResult:
        if message["type"] == "error":
            raise stream_error(message)
        self._message_start({**message, "content": message["content"]})
        self.ended = True
        return self._result()

    def _delta(self, index: int, delta: Mapping[str, Any]) -> list[LLMEvent]:
        kind = delta["type"]
        if kind == "text_delta":
            text = delta["text"]
            if type(text) is not str:
                raise TypeError(f"a text_delta holds {text!r}")
            self._pieces[index].append(text)
            if self._news is None and text:  # the hot path: nearly every record of a stream ends here
                sequence = self._sequence
                self._sequence = sequence + 1
                return [LLMEvent("delta", sequence, text)]
            return [self._shown("delta", delta=text)] if text else []
        match kind:
            case "thinking_delta":
                thought = _string(delta["thinking"])
                self._pieces[index].append(thought)
                return [self._shown("thinking", thinking=thought)] if thought else []
            case "input_json_delta":
                piece = _string(delta["partial_json"])
                self._pieces[index].append(piece)
                return [self._shown("delta", unshown=len(piece))] if piece else []
            case "signature_delta":
                block = self._blocks[index]
                block["signature"] = block.get("signature", "") + delta["signature"]
            case "citations_delta":
                block = self._blocks[index]
                block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
            case "compaction_delta":
                self._blocks[index].update({name: value for name, value in delta.items() if name != "type"})
        return []

    def _block_start(self, index: int, block: Mapping[str, Any]) -> list[LLMEvent]:
        kind, kept = block["type"], dict(block)
        if kind in ("text", "thinking"):
            _string(block[kind])
        # Blocks are put in order by it, also those of an answer that breaks off.
        self._blocks[operator.index(index)] = kept
        if kind == "text":
            self._pieces[index] = [block["text"]]
            return [self._shown("delta", delta=block["text"])] if block["text"] else []
        if kind == "thinking":
            self._pieces[index] = [block["thinking"]]
            return [self._shown("thinking", thinking=block["thinking"])] if block["thinking"] else []
        if kind in _TOOL_KINDS:
            self._pieces[index] = []
            return self._tool(kept)
        if "tool_use_id" in block:
            return self._tool_result(kept)
        if kind == "fallback":  # from here on another model answers
            self._serves(block["to"]["model"])
        return []

    def _block_stop(self, index: int) -> list[LLMEvent]:
        block = self._blocks[index]
        kind = block["type"]
        pieces = self._pieces.pop(index, None)
        if pieces is None:
            return []
        if kind in ("text", "thinking"):
            block[kind] = "".join(pieces)
            return []
        text = "".join(pieces)
        if text:
            block["input"] = parsed_arguments(text)
        return self._tool(block)

    def _tool(self, block: Mapping[str, Any]) -> list[LLMEvent]:
        kind, status = _TOOL_KINDS[block["type"]]
        call = ToolCall(id=block["id"], name=block["name"], arguments=block.get("input", {}), kind=kind, status=status)
        self._calls[call.id] = call
        return [self._shown("tool", tool=call)]

    def _tool_result(self, block: Mapping[str, Any]) -> list[LLMEvent]:
        content = block.get("content")
        failed = block.get("is_error") or (isinstance(content, dict) and str(content.get("type")).endswith("_error"))
        call = self._calls.get(block["tool_use_id"]) or ToolCall(
            id=block["tool_use_id"], name=block["type"].removesuffix("_tool_result"), kind="server"
        )
        call = call.model_copy(update={"status": "failed" if failed else "completed", "output": content})
        self._calls[call.id] = call
        return [self._shown("tool", tool=call)]

    def _message_start(self, message: Mapping[str, Any]) -> list[LLMEvent]:
        self._message = {name: value for name, value in message.items() if name not in ("content", "usage")}
        self._count(message.get("usage"))
        self._serves(message.get("model"))
        # What a tool at the service's own place did between two requests is here already, whole.
        content = message.get("content") or ()
        events: list[LLMEvent] = []
        for index, block in enumerate(content, -len(content)):
            events += [*self._block_start(index, block), *self._block_stop(index)]
        return events

    def _serves(self, model: str | None) -> None:
        self._message["model"] = model
        self._news = {"usage": self.usage, "metadata": {"model": model} if model else {}}

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        if not usage:
            return
        self.usage = (self.usage or Usage()).updated(decoded_usage(usage))
        for name in ("service_tier", "server_tool_use", "inference_geo"):
            if usage.get(name):
                self._metadata[name] = usage[name]

    def _text_of(self, index: int, block: Mapping[str, Any]) -> str:
        if block["type"] != "text":
            return ""
        pieces = self._pieces.get(index)
        return block["text"] if pieces is None else "".join(pieces)

    def _result(self) -> LLMResult:
        message = self._message
        blocks = [block for _, block in sorted(self._blocks.items())]
        metadata = dict(self._metadata)
        for name in ("id", "stop_sequence", "stop_details", "container", *_BESIDE):
            if message.get(name) is not None:
                metadata["message_id" if name == "id" else name] = message[name]
        # Plain text is in `text` already; anything else has to be sent back as it came.
        if any(block["type"] != "text" or block.get("citations") for block in blocks):
            metadata["content"] = blocks
        return LLMResult(
            text="".join(block["text"] for block in blocks if block["type"] == "text"),
            thinking="".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
            tool_calls=list(self._calls.values()),
            finish_reason=message.get("stop_reason"),
            usage=self.usage,
            model=message.get("model"),
            provider=self._provider,
            backend=self._backend,
            request_id=self._request_id,
            metadata=metadata,
        )


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} stands where text should")
    return value


def decoded_usage(usage: Mapping[str, Any]) -> Usage:
    """Anthropic's counts under our names; its `input_tokens` leaves cached ones out, as ours does."""
    return Usage(
        input_tokens=count_of(usage, "input_tokens"),
        output_tokens=count_of(usage, "output_tokens"),
        cache_read_tokens=count_of(usage, "cache_read_input_tokens"),
        cache_write_tokens=count_of(usage, "cache_creation_input_tokens"),
        reasoning_tokens=count_of(usage.get("output_tokens_details"), "thinking_tokens"),
    )
