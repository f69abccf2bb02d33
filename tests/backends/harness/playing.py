"""Play records to an agent's decoder the way a live run does, without a process."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jido_nb.backends.harness.agent import Agent, Decoder, Run, SessionPlan
from jido_nb.backends.harness.live import parse_line
from jido_nb.backends.harness.process import Exit
from jido_nb.llm.error import LLMError
from jido_nb.llm.event import TERMINAL, AgentRetry, LLMEvent, Retraction
from jido_nb.llm.request import LLMRequest
from jido_nb.llm.result import LLMResult, ToolCall

Record = dict[str, Any]
OK = Exit(0, "exited")


def run_of(agent: Agent, *, settings: Record | None = None, prompt: str = "hi", **more: Any) -> Run:
    """What an agent is given; `settings` are checked by the agent's own model."""
    request = LLMRequest.model_validate(
        {
            "request_id": "e:1",
            "conversation_id": "c",
            "backend": "harness",
            "messages": [{"role": "user", "content": prompt}],
        }
    )
    known: Record = {"session": SessionPlan(), "execution_ref": "harness-1", "cwd": "/w", **more}
    return Run(agent.name, request, agent.settings.model_validate(settings or {}), prompt, **known)


@dataclass
class Played:
    """What came of a run: its events, its ending, and what the decoder wrote back."""

    decoder: Decoder
    events: list[LLMEvent] = field(default_factory=list)
    result: LLMResult | None = None
    error: LLMError | None = None
    written: list[Record] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        if self.error is None:
            return "completed"
        return "canceled" if self.error.category == "canceled" else "failed"

    @property
    def answer(self) -> LLMResult:
        assert self.result is not None, self.error
        return self.result

    @property
    def problem(self) -> LLMError:
        assert self.error is not None, self.result
        return self.error

    @property
    def text(self) -> str:
        return self.result.text if self.result else self.error.partial_text if self.error else ""

    @property
    def deltas(self) -> list[str]:
        return [event.delta for event in self.events if event.delta]

    @property
    def thoughts(self) -> list[str]:
        return [event.thinking for event in self.events if event.thinking]

    @property
    def tools(self) -> list[tuple[str, str, Any, Any]]:
        """(name, status, arguments, output) of each tool event."""
        calls = [event.tool for event in self.events if isinstance(event.tool, ToolCall)]
        return [(call.name, call.status, call.arguments, call.output) for call in calls]

    @property
    def retries(self) -> list[AgentRetry]:
        return [event.aside for event in self.events if isinstance(event.aside, AgentRetry)]

    @property
    def retractions(self) -> list[tuple[int, int]]:
        asides = [event.aside for event in self.events if isinstance(event.aside, Retraction)]
        return [(aside.text, aside.thinking) for aside in asides]

    @property
    def failure(self) -> tuple[str, bool, Any]:
        """(category, retryable, why)."""
        return self.problem.category, self.problem.retryable, self.problem.details.get("reason")


def play(agent: Agent, run: Run, records: Iterable[Record | bytes], exit: Exit = OK) -> Played:
    """Decode records, or lines as they are; stop at the first terminal event. `exit` is how the process then ends."""
    decoder = agent.decoder(run)
    played = Played(decoder, [decoder.begin()])
    _written(played, decoder.opening())
    ending: LLMEvent | None = None
    for record in records:
        events = _decoded(decoder, record)
        ending = next((event for event in events if event.lifecycle in TERMINAL), None)
        played.events += events
        if ending is not None:
            break
        _written(played, decoder.replies())
    if ending is None and decoder.at_rest:
        events = decoder.rest()
        ending = events[-1]
        played.events += events
    if ending is None or (ending.lifecycle == "completed" and exit.returncode != 0):
        played.error = decoder.failure(exit)
    else:
        played.result, played.error = ending.result, ending.error
    return played


def _decoded(decoder: Decoder, record: Record | bytes) -> list[LLMEvent]:
    if not isinstance(record, bytes):
        return decoder.decode(record)
    try:
        parsed = parse_line(record)
    except ValueError:
        parsed = None
    return decoder.decode(parsed) if isinstance(parsed, dict) else decoder.unreadable(record)


def _written(played: Played, words: Iterable[bytes]) -> None:
    for word in words:
        assert word.endswith(b"\n")
        played.written += [json.loads(line) for line in word.splitlines()]
