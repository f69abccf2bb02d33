"""What a backend streams: one event per chunk, so it is a struct that costs next to nothing to build."""

from typing import Any, Literal

import msgspec

from .error import Category, LLMError
from .result import LLMResult, ToolCall
from .usage import Usage

Lifecycle = Literal["started", "delta", "thinking", "tool", "completed", "failed", "canceled"]
TERMINAL: frozenset[Lifecycle] = frozenset({"completed", "failed", "canceled"})


class Retraction(msgspec.Struct, frozen=True):
    """The stream takes back what it said: only so many characters of the attempt's text and thinking stay."""

    text: int
    thinking: int


class AgentRetry(msgspec.Struct, frozen=True):
    """The agent itself repeats a request to its model; the attempt goes on.

    `attempt` counts the agent's own repetitions from 1; `wait_ms` is how long it waits before this one.
    """

    attempt: int
    max_attempts: int | None = None
    wait_ms: float | None = None
    reason: str = ""
    category: Category = "unknown"
    status: int | None = None


class LLMEvent(msgspec.Struct, frozen=True):
    """One event of one attempt.

    `sequence` counts from 0 in each attempt. `delta` and `thinking` are exactly the characters that arrived.
    `started` comes first, when the response has begun; its metadata holds `execution_ref` (for `Backend.cancel`) and,
    where known, `model` and `request_id`. A `delta` whose text is empty shows that the answer is still being made
    (the arguments of a tool call are arriving): it resets the idle clock, and `unshown` says how many characters came,
    which count as output of an attempt that is cut off. With metadata it is a sign of life, and no chunk yet.
    `usage` is what is known so far. `completed` carries the whole `result`.
    `aside` rides on an empty `delta`, alone: what a coding agent tells of its own retries and of text it takes back.
    """

    lifecycle: Lifecycle
    sequence: int
    delta: str = ""
    thinking: str = ""
    tool: ToolCall | None = None
    result: LLMResult | None = None
    error: LLMError | None = None
    usage: Usage | None = None
    metadata: dict[str, Any] = {}
    aside: Retraction | AgentRetry | None = None
    unshown: int = 0
