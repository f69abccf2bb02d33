"""The answer of a model of pydantic-ai as events and result. Pure: its events in, `LLMEvent`s out."""

from typing import Any

from pydantic_ai.messages import (
    BaseToolCallPart,
    ModelMessagesTypeAdapter,
    ModelResponse,
    ModelResponseStreamEvent,
    NativeToolCallPart,
    NativeToolReturnPart,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPartDelta,
)
from pydantic_ai.usage import RequestUsage

from ...llm.event import LLMEvent
from ...llm.result import LLMResult, ToolCall
from ...llm.usage import Cost, Usage
from .decoder import AnswerEvents, parsed_arguments, truncated
from .pydantic_ai_encode import KIND

_REASONS_UNTOLD = frozenset({"xai", "snowflake"})
"""Services of which pydantic-ai keeps no reason in their own words: their streams end as the connection does."""


class Decoder(AnswerEvents):
    """See `AnswerEvents`; `decode` takes the events one by one, `end` the response that they amount to."""

    def __init__(self, *, backend: str, provider: str) -> None:
        super().__init__(backend=backend, provider=provider)
        self._text: list[str] = []
        self._calls: dict[str, ToolCall] = {}

    @property
    def partial_text(self) -> str:
        return "".join(self._text)

    def serves(self, model: str | None) -> None:
        """The model that answers, told with the first event that shows something."""
        self._news = {"metadata": {"model": model}} if model else None

    def decode(self, event: ModelResponseStreamEvent) -> list[LLMEvent]:
        """The events of one event."""
        match event:
            case PartStartEvent(part=TextPart(content=text)) | PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                if not text:
                    return []
                self._text.append(text)
                return [self._shown("delta", delta=text)]
            case PartStartEvent(part=ThinkingPart(content=text)):
                return [self._shown("thinking", thinking=text)] if text else []
            case PartDeltaEvent(delta=ThinkingPartDelta(content_delta=thought)):
                return [self._shown("thinking", thinking=thought)] if thought else []
            case PartDeltaEvent(delta=ToolCallPartDelta(args_delta=piece)):
                return (
                    [self._shown("delta", unshown=len(piece if isinstance(piece, str) else str(piece)))]
                    if piece
                    else []
                )
            case PartStartEvent(part=BaseToolCallPart() as part) | PartEndEvent(part=BaseToolCallPart() as part):
                return [self._shown("tool", tool=self._call(part))]
            case PartStartEvent(part=NativeToolReturnPart() as part):
                return [self._shown("tool", tool=self._returned(part))]
        return []

    def end(self, response: ModelResponse) -> list[LLMEvent]:
        """The last event.

        Raises:
            LLMError: the response is not whole.
        """
        # Where the service gave no reason to stop, pydantic-ai makes one up; only its details tell which is which.
        if _reason(response) is None and response.provider_name not in _REASONS_UNTOLD:
            raise truncated()
        self.ended = True
        result = self.whole(response)
        return [self._shown("completed", result=result, usage=result.usage)]

    def whole(self, response: ModelResponse) -> LLMResult:
        """The result of an answer."""
        for part in response.parts:
            if isinstance(part, BaseToolCallPart):
                self._call(part)
            elif isinstance(part, NativeToolReturnPart):
                self._returned(part)
        metadata: dict[str, Any] = {}
        if response.provider_response_id:
            metadata["message_id"] = response.provider_response_id
        if any(not isinstance(part, TextPart) for part in response.parts):
            (kept,) = ModelMessagesTypeAdapter.dump_python([response], mode="json")
            metadata["content"] = [{"type": KIND, "response": kept}]
        cost = response.usage.cost
        return LLMResult(
            text="".join(part.content for part in response.parts if isinstance(part, TextPart)),
            thinking="".join(part.content for part in response.parts if isinstance(part, ThinkingPart)),
            tool_calls=list(self._calls.values()),
            finish_reason=_reason(response) or response.finish_reason,
            usage=decoded_usage(response.usage),
            cost=None if cost is None else Cost(float(cost), price_table=f"as told by {self._provider}"),
            model=response.model_name,
            provider=self._provider,
            backend=self._backend,
            metadata=metadata,
        )

    def _call(self, part: BaseToolCallPart[Any]) -> ToolCall:
        arguments = part.args if isinstance(part.args, dict) else parsed_arguments(part.args) if part.args else {}
        known = self._calls.get(part.tool_call_id)
        served = isinstance(part, NativeToolCallPart)
        call = ToolCall(
            id=part.tool_call_id,
            name=part.tool_name,
            arguments=arguments,
            kind="server" if served else "client",
            status=known.status if known else "running" if served else "pending",
            output=known.output if known else None,
        )
        self._calls[call.id] = call
        return call

    def _returned(self, part: NativeToolReturnPart[Any]) -> ToolCall:
        call = self._calls.get(part.tool_call_id) or ToolCall(id=part.tool_call_id, name=part.tool_name, kind="server")
        failed = part.outcome != "success"
        call = call.model_copy(
            update={
                "status": "failed" if failed else "completed",
                "output": part.model_response_object() if isinstance(part.content, dict) else part.model_response_str(),
            }
        )
        self._calls[call.id] = call
        return call


def _reason(response: ModelResponse) -> str | None:
    """Why the service says that it stopped, in its own words."""
    told = (response.provider_details or {}).get("finish_reason")
    return None if told is None else str(told)


def decoded_usage(usage: RequestUsage) -> Usage | None:
    """pydantic-ai's counts under our names: its `input_tokens` hold the cached ones, and what is not told is 0."""
    if not usage.input_tokens and not usage.output_tokens:
        return None
    read, written = usage.cache_read_tokens or None, usage.cache_write_tokens or None
    return Usage(
        input_tokens=max(0, usage.input_tokens - (read or 0) - (written or 0)),
        output_tokens=usage.output_tokens,
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=usage.output_reasoning_tokens or usage.details.get("reasoning_tokens") or None,
    )
