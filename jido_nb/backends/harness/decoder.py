"""What the decoders of all agents share: the numbering, the text so far, what is taken back, tools, usage, the result.

An agent's decoder says in `read` what a record means, with `delta`, `tool`, `retrying`, `completed`, ...; the events
are collected in order. Text is taken back late: only when other text takes its place, so that what a failed run had
said stays as its partial text.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ...llm.error import Category, LLMError
from ...llm.event import AgentRetry, LLMEvent, Retraction
from ...llm.result import LLMResult, ToolCall
from ...llm.result import ToolStatus as Status
from ...llm.usage import Cost, Usage
from .agent import Run
from .errors import exit_error
from .fallback import extract
from .process import Exit

# Of a record of a strange shape.
_UNREADABLE = (KeyError, TypeError, AttributeError, ValueError, IndexError)
MAX_TOOL_OUTPUT_CHARS = 64 * 1024


_NAMES = frozenset({"model", "session_id"})


class BaseDecoder:
    """See `agent.Decoder`. A subclass needs `read`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.session_id: str | None = run.session.id if not run.session.fork else None
        self.session_totals: Mapping[str, Any] = run.session.totals
        self.model: str | None = None
        self.usage: Usage | None = None
        self.cost: Cost | None = None
        self.finish_reason: str | None = None
        self.facts: dict[str, Any] = {}
        """JSON values for `result.metadata`."""
        self.error: LLMError | None = None
        """The last failure that was told of without ending the run."""
        self._out: list[LLMEvent] = []
        self._sequence = 0
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._length = (0, 0)
        self._void: tuple[int, int] | None = None
        self._tools: dict[str, ToolCall] = {}
        self._unknown: Counter[str] = Counter()

    # What the backend calls.

    @property
    def spoke(self) -> bool:
        return self._length != (0, 0) or bool(self._tools)

    def begin(self) -> LLMEvent:
        metadata = {
            "execution_ref": self.run.execution_ref,
            "session_id": self.session_id,
            "agent": self.run.agent,
            "cwd": self.run.cwd,
        }
        self._emit("started", metadata={key: value for key, value in metadata.items() if value is not None})
        return self._taken()[0]

    def opening(self) -> list[bytes]:
        return []

    def decode(self, record: Mapping[str, Any]) -> list[LLMEvent]:
        try:
            self.read(record)
        except _UNREADABLE:
            self.unknown(record)
        return self._taken()

    def unreadable(self, line: bytes) -> list[LLMEvent]:
        self._unknown["no JSON"] += 1
        return []

    def replies(self) -> list[bytes]:
        return []

    def interrupt(self) -> bytes | None:
        return None

    def failure(self, exit: Exit) -> LLMError:
        """The error that the agent told last, else what exit code and standard error say."""
        return self.with_remains(self.error or exit_error(self.run.agent, exit))

    @property
    def at_rest(self) -> bool:
        return False

    def rest(self) -> list[LLMEvent]:
        return []

    def last_words(self) -> list[LLMEvent]:
        cost = {"cost": self.cost.to_payload()} if self.cost is not None else {}
        self._emit("delta", usage=self.usage, metadata=cost)
        return self._taken()

    # What a subclass says in `read`.

    def read(self, record: Mapping[str, Any]) -> None:
        """Say what one record means. A `KeyError` and its like: it is of a shape that is not known."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self._texts)

    @property
    def thinking(self) -> str:
        return "".join(self._thoughts)

    @property
    def mark(self) -> tuple[int, int]:
        """How much text and thinking there is now: where `take_back` may later go back to."""
        return self._void or self._length

    def told(self, **facts: Any) -> None:
        """The agent is ready and says who it is: `model`, `session_id`, `version`, ... Also a sign of life."""
        known = {name: value for name, value in facts.items() if value is not None}
        for name in _NAMES & known.keys():
            _string(known[name])
        self.model = known.get("model", self.model)
        self.session_id = known.get("session_id", self.session_id)
        self.facts.update((name, value) for name, value in known.items() if name not in ("model", "session_id"))
        self._emit("started", metadata=known)

    def alive(self) -> None:
        """Something happens, and it is nothing to show."""
        # Until the agent has said something, its first chunk is still due.
        self._emit("delta", metadata={} if self.spoke else {"agent": self.run.agent})

    def delta(self, text: str) -> None:
        if _string(text):
            self._retract()
            self._texts.append(text)
            self._length = (self._length[0] + len(text), self._length[1])
            self._emit("delta", delta=text)

    def think(self, text: str) -> None:
        if _string(text):
            self._retract()
            self._thoughts.append(text)
            self._length = (self._length[0], self._length[1] + len(text))
            self._emit("thinking", thinking=text)

    def take_back(self, mark: tuple[int, int]) -> None:
        """What came after `mark` is void, as soon as something takes its place."""
        if mark != self._length:
            self._void = mark

    def tool(self, id: str, name: str | None, status: Status, arguments: Any = None, output: Any = None) -> None:
        """A tool of the agent; what is None stays as it was told before."""
        self._retract()
        known = self._tools.get(id)
        call = ToolCall(
            id=id,
            name=name or (known.name if known else "tool"),
            arguments=arguments if arguments is not None else (known.arguments if known else {}),
            kind="server",
            status=status,
            output=_bounded(output) if output is not None or status == "pending" else (known.output if known else None),
        )
        if call != known:
            self._tools[id] = call
            self._emit("tool", tool=call)

    def tool_status(self, id: str) -> Status | None:
        known = self._tools.get(id)
        return known.status if known else None

    def retrying(
        self,
        attempt: int,
        *,
        max_attempts: int | None = None,
        wait_ms: float | None = None,
        reason: str = "",
        category: Category = "unknown",
        status: int | None = None,
    ) -> None:
        """The agent repeats a request to its model by itself."""
        self.facts["agent_retries"] = self.facts.get("agent_retries", 0) + 1
        self._emit("delta", aside=AgentRetry(attempt, max_attempts, wait_ms, reason, category, status))

    def consumed(self, usage: Usage | None) -> None:
        """What the run is known to have consumed so far."""
        if usage is not None:
            self.usage = usage
            self._emit("delta", usage=usage)

    def completed(self, text: str | None = None) -> None:
        """The run is over. `text`: the answer in the agent's last word; None or blank: what it streamed."""
        if self._void is not None:
            # Nothing took its place, but the agent said that it is void.
            self._retract()
        result = LLMResult(
            text=(_string(text) if text else "") or self.text,
            thinking=self.thinking,
            tool_calls=list(self._tools.values()),
            finish_reason=self.finish_reason if isinstance(self.finish_reason, str) else None,
            usage=self.usage,
            cost=self.cost,
            model=self.model,
            provider=self.run.agent,
            backend=self.run.request.backend,
            metadata=self._metadata(),
        )
        self._emit("completed", result=result, usage=self.usage)

    def failed(self, error: LLMError) -> None:
        self._emit("failed", error=self.with_remains(error), usage=self.usage)

    def canceled(self, why: str = "the agent says that it was interrupted") -> None:
        self._emit("canceled", error=self.with_remains(LLMError("canceled", why)), usage=self.usage)

    def unknown(self, record: Mapping[str, Any]) -> None:
        """A record that is not known: it is counted, and read as well as can be."""
        kind = ".".join(str(record[key]) for key in ("type", "subtype") if isinstance(record.get(key), str))
        self._unknown[kind[:80] or "no type"] += 1
        found = extract(record)
        self.session_id = self.session_id or found.session_id
        self.usage = found.usage or self.usage
        self.finish_reason = found.finish_reason or self.finish_reason
        for text in found.deltas:
            self.delta(text)
        for text in found.thinking:
            self.think(text)
        match found.ending:
            case "completed":
                self.completed(found.final)
            case "canceled":
                self.canceled()
            case "failed":
                self.failed(found.error or LLMError("unknown", "the agent reported a failure without a reason"))
            case None:
                self.alive()

    def with_remains(self, error: LLMError) -> LLMError:
        """The same error with what the run had said and consumed.

        A run that has used tools is not repeated by itself: what it did is done, and would be done again.
        """
        error.partial_text = error.partial_text or self.text
        error.usage = error.usage or self.usage
        if any(call.status in ("running", "completed", "failed") for call in self._tools.values()) and error.retryable:
            error.retryable = False
            error.details["tools_used"] = len(self._tools)
        if self.session_id:
            error.details.setdefault("session_id", self.session_id)
        if self.cost is not None:
            error.details.setdefault("cost_usd", self.cost.amount)
        return error

    def _metadata(self) -> dict[str, Any]:
        known = {"session_id": self.session_id, "execution_ref": self.run.execution_ref, "agent": self.run.agent}
        seen = {"provider_events": dict(self._unknown)} if self._unknown else {}
        return {**self.facts, **known, **seen}

    def _retract(self) -> None:
        if self._void is None:
            return
        (text, thinking), self._void = self._void, None
        self._texts, self._thoughts = [self.text[:text]], [self.thinking[:thinking]]
        self._length = (text, thinking)
        self._emit("delta", aside=Retraction(text, thinking))

    def _emit(self, lifecycle: Any, **parts: Any) -> None:
        self._out.append(LLMEvent(lifecycle, self._sequence, **parts))
        self._sequence += 1

    def _taken(self) -> list[LLMEvent]:
        out, self._out = self._out, []
        return out


def _bounded(output: Any) -> Any:
    if isinstance(output, str) and len(output) > MAX_TOOL_OUTPUT_CHARS:
        return output[:MAX_TOOL_OUTPUT_CHARS] + f"\n[{len(output) - MAX_TOOL_OUTPUT_CHARS} more characters]"
    return output


def number(value: Any) -> int | None:
    """An int, or None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} stands where text should")
    return value
