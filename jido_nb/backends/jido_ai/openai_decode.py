"""The answer of a chat completions API as events and result. Pure: JSON values in, `LLMEvent`s out.

A stream is chunks with a delta each, one of them with the finish reason, then perhaps one with the usage, then `[DONE]`
(platform.openai.com, "Streaming"). Servers leave out the role, the usage, `[DONE]`, send null for a delta or an empty
list of choices, name the thinking in two ways and count all tool calls as 0; what none of them leaves out is the text.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ...llm.event import LLMEvent
from ...llm.result import LLMResult, ToolCall
from ...llm.settings import EndsWith
from ...llm.usage import Cost, Usage
from .decoder import AnswerDecoder, count_of, truncated
from .errors import error_in, stream_error
from .openai_calls import Calls
from .openai_reasoning import ReasoningDetails

DONE = b"[DONE]"
_REASONING = ("reasoning_content", "reasoning")
_parse = msgspec.json.decode


class Decoder(AnswerDecoder):
    """See `AnswerDecoder`; `decode` takes the chunks of a stream one by one."""

    def __init__(
        self,
        *,
        backend: str,
        provider: str,
        facts: Mapping[str, Any] | None = None,
        ends_with: EndsWith = "either",
    ) -> None:
        super().__init__(backend=backend, provider=provider, facts=facts)
        self._ends_with = ends_with
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls = Calls()
        self._details = ReasoningDetails()
        self._cost: Cost | None = None
        self._model: str | None = None
        self._finish_reason: str | None = None

    @property
    def partial_text(self) -> str:
        return "".join(self._text)

    @property
    def complete(self) -> bool:
        return self.ended or (self._finish_reason is not None and self._ends_with != "done")

    def read(self, data: bytes) -> list[LLMEvent]:
        if data == DONE:
            if self._finish_reason is None and self._ends_with == "finish_reason":
                raise truncated()
            return self._end()
        record = _parse(data)
        events = self.decode(record)
        # Nothing more is promised; not every server says `[DONE]` or closes.
        if self._finish_reason is not None and self._ends_with != "done" and record.get("usage"):
            events += self._end()
        return events

    def finish(self) -> list[LLMEvent]:
        if not self.complete:
            raise truncated()
        return self._end()

    def decode(self, record: Any) -> list[LLMEvent]:
        """The events of one chunk.

        Raises:
            LLMError: the chunk is an error, in any of the forms in which servers report one.
        """
        if self._model is None:
            self._introduce(record)
        usage = record.get("usage")
        if "x_groq" in record:
            usage = usage or self._groq(record["x_groq"])
        if usage:
            self._count(usage)  # before the error, which may come in the same chunk
        if ("error" in record or "choices" not in record) and (record.get("error") or error_in(record)):
            raise stream_error(record)
        choices = record.get("choices")
        if not choices:
            return []
        choice = choices[0]
        delta = choice.get("delta")
        events = self._delta(delta) if delta else []
        reason = choice.get("finish_reason")
        if reason:
            if reason == "error":
                raise stream_error(choice)
            self._finish_reason = reason
            events += [self._shown("tool", tool=call) for call in self._calls.close()]
        if choice.get("logprobs"):
            self._extend("logprobs", choice["logprobs"].get("content"))
        return events

    def whole(self, body: Any) -> LLMResult:
        if error := error_in(body):
            raise stream_error({"error": error})
        choice = body["choices"][0]
        message = dict(choice["message"])
        # Here nothing has to say which call it belongs to: each stands in its place.
        calls = enumerate(message.get("tool_calls") or ())
        message["tool_calls"] = [{**call, "index": index} for index, call in calls]
        self.decode({**body, "choices": [{**choice, "delta": message}]})
        self._calls.close()
        self.ended = True
        return self._result()

    def _groq(self, told: Mapping[str, Any]) -> Any:
        """The usage in what Groq tells in a field of its own; there it also says why it stopped early."""
        if told.get("error"):
            raise stream_error({"error": told["error"]})
        self._request_id = self._request_id or told.get("id")
        return told.get("usage")

    def _delta(self, delta: Mapping[str, Any]) -> list[LLMEvent]:
        events: list[LLMEvent] = []
        for name in _REASONING:
            if thinking := delta.get(name):
                self._thinking.append(_string(thinking))
                events.append(self._shown("thinking", thinking=thinking))
                break  # some send the same under both names
        content = delta.get("content")
        if content and not isinstance(content, str):
            events += self._parts(content)
        elif content:
            self._text.append(content)
            if self._news is None:  # the hot path: nearly every chunk of a stream ends here
                sequence = self._sequence
                self._sequence = sequence + 1
                events.append(LLMEvent("delta", sequence, content))
            else:
                events.append(self._shown("delta", delta=content))
        if refusal := delta.get("refusal"):
            self._text.append(_string(refusal))
            self._metadata["refusal"] = self._metadata.get("refusal", "") + refusal
            events.append(self._shown("delta", delta=refusal))
        for piece in delta.get("tool_calls") or ():
            begun, size = self._calls.add(piece)
            lifecycle = "tool" if begun else "delta"
            events.append(self._shown(lifecycle, tool=begun, unshown=size))
        if delta.get("reasoning_details"):
            self._details.add(delta["reasoning_details"])
        if delta.get("annotations"):
            self._extend("annotations", delta["annotations"])
        return events

    def _parts(self, parts: Any) -> list[LLMEvent]:
        """Content as a list of parts, as Mistral sends it when it thinks."""
        events: list[LLMEvent] = []
        for part in parts:
            if part["type"] == "thinking":
                inner = part["thinking"]
                thinking = inner if isinstance(inner, str) else "".join(one.get("text", "") for one in inner)
                self._thinking.append(thinking)
                events.append(self._shown("thinking", thinking=thinking))
            elif part["type"] == "text":
                self._text.append(_string(part["text"]))
                events.append(self._shown("delta", delta=part["text"]))
        return events

    def _introduce(self, record: Mapping[str, Any]) -> None:
        """Take what each chunk repeats from the first one that says it."""
        if record.get("model"):
            self._model = _string(record["model"])
            self._news = {"metadata": {"model": self._model}}
        for name, key in (("id", "message_id"), ("system_fingerprint", "system_fingerprint"), ("provider", "upstream")):
            if record.get(name):
                self._metadata[key] = record[name]

    def _count(self, usage: Mapping[str, Any]) -> None:
        self.usage = (self.usage or Usage()).updated(decoded_usage(usage))
        cost = usage.get("cost")
        # OpenRouter's own bill; with a key of the user's own it holds the fee alone, and the price is the vendor's.
        if isinstance(cost, int | float) and not isinstance(cost, bool) and not usage.get("is_byok"):
            self._cost = Cost(float(cost), price_table=f"as told by {self._provider}")

    def _extend(self, name: str, more: Any) -> None:
        self._metadata[name] = [*self._metadata.get(name, ()), *(more or ())]

    def _end(self) -> list[LLMEvent]:
        events = [self._shown("tool", tool=call) for call in self._calls.close()]
        self.ended = True
        return [*events, self._shown("completed", result=self._result(), usage=self.usage)]

    def _result(self) -> LLMResult:
        metadata = dict(self._metadata)
        # Plain text is in `text` already; the rest has to be sent back as it came.
        if more := [*map(_tool_use, self._calls.closed), *self._details.block()]:
            text = self.partial_text
            metadata["content"] = [*([{"type": "text", "text": text}] if text else []), *more]
        return LLMResult(
            text=self.partial_text,
            thinking="".join(self._thinking),
            tool_calls=self._calls.closed,
            finish_reason=self._finish_reason,
            usage=self.usage,
            cost=self._cost,
            model=self._model,
            provider=self._provider,
            backend=self._backend,
            request_id=self._request_id,
            metadata=metadata,
        )


def decoded_usage(usage: Mapping[str, Any]) -> Usage:
    """OpenAI's counts under our names; its `prompt_tokens` hold the cached ones, ours leave them out."""
    details = usage.get("prompt_tokens_details")
    read, written = count_of(details, "cached_tokens"), count_of(details, "cache_write_tokens")
    if read is None:
        read = count_of(usage, "prompt_cache_hit_tokens")  # DeepSeek
    prompt = count_of(usage, "prompt_tokens")
    return Usage(
        input_tokens=None if prompt is None else max(0, prompt - (read or 0) - (written or 0)),
        output_tokens=count_of(usage, "completion_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=count_of(usage.get("completion_tokens_details"), "reasoning_tokens"),
    )


def _tool_use(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a string was expected, not {type(value).__name__}")
    return value
