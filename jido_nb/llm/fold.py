"""Events to result: what a stream amounts to, also when it breaks off."""

from .error import LLMError
from .event import LLMEvent, Retraction
from .result import LLMResult, ToolCall
from .usage import Usage


class Fold:
    """Adds up the events of one attempt.

    Events after the terminal one are ignored, so the first ending counts.
    """

    def __init__(self) -> None:
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._tools: dict[str, ToolCall] = {}
        self._ending: LLMEvent | None = None
        self.usage: Usage | None = None
        """What the attempt is known to have consumed so far."""
        self.metadata: dict[str, object] = {}
        """What the events told beside the content, for example `execution_ref` and `request_id`."""

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def thinking(self) -> str:
        return "".join(self._thinking)

    @property
    def tools(self) -> list[ToolCall]:
        """Each call once, as last seen, in the order of first appearance."""
        return list(self._tools.values())

    @property
    def ended(self) -> bool:
        return self._ending is not None

    def add(self, event: LLMEvent) -> None:
        if self._ending is not None:
            return
        if event.delta:
            self._text.append(event.delta)
        if event.thinking:
            self._thinking.append(event.thinking)
        if event.tool is not None:
            self._tools[event.tool.id] = event.tool
        if event.usage is not None:
            self.usage = (self.usage or Usage()).updated(event.usage)
        if event.metadata:
            self.metadata.update(event.metadata)
        if isinstance(event.aside, Retraction):
            self._text = [self.text[: event.aside.text]]
            self._thinking = [self.thinking[: event.aside.thinking]]
        if event.lifecycle in ("completed", "failed", "canceled"):
            self._ending = event

    def result(self) -> LLMResult:
        """The result of the stream that was added.

        Raises:
            LLMError: the stream failed, was canceled at the provider, or ended without a terminal event
                (`transport`, `details.truncated`); `partial_text` and `usage` say what there was.
        """
        ending = self._ending
        if ending is None:
            raise self.truncated()
        if ending.lifecycle == "completed":
            return ending.result or LLMResult(
                text=self.text, thinking=self.thinking, tool_calls=self.tools, usage=self.usage
            )
        if ending.lifecycle == "failed":
            error = ending.error or LLMError("unknown", "the backend reported a failure without a reason")
        else:
            error = ending.error or LLMError("canceled", "the backend canceled the answer")
        raise self._with_remains(error)

    def truncated(self) -> LLMError:
        """The error of a stream that just stopped."""
        return self._with_remains(LLMError.of("transport", "the stream ended before its last event", truncated=True))

    def _with_remains(self, error: LLMError) -> LLMError:
        error.partial_text = error.partial_text or self.text
        error.usage = error.usage or self.usage
        return error
