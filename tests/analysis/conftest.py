"""Stories for the frames: what a runtime would have written, with every time given in milliseconds."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from jido_nb.core.directives import EmitOutput
from jido_nb.core.engine import MARKER_SOURCE, MARKER_TYPE, Engine, marker_id
from jido_nb.core.signal import Recorded, Signal, make_signal
from jido_nb.journal.sqlite import SqliteJournal

START_US = 1_760_000_000_000_000
"""2025-10-09 08:53:20 UTC."""

LLM = "conv.effect.llm.generation"
ASKED = {"backend": "jido_ai", "provider": "simulated", "model": "story", "stream": True}


class Story:
    """Writes signals, applies them as a partition would, and keeps the log."""

    def __init__(self, subject: str = "c1", log: "Story | None" = None) -> None:
        """`log`: another story whose log this one goes on with, in a conversation of its own."""
        self.subject = subject
        self.signals: list[Signal] = log.signals if log else []
        self._engine: Engine = log._engine if log else Engine()
        self._counts: dict[str, int] = {}

    @property
    def log(self) -> list[Recorded]:
        return [Recorded(seq, signal) for seq, signal in enumerate(self.signals, 1)]

    def write(self, at_ms: float, type: str, id: str, data: Mapping[str, Any], cause_id: str | None = None) -> Signal:
        """Write one signal and what the reducer answers to it."""
        signal = self._write(at_ms, type, id, "/test", data, cause_id)
        while (applied := self._engine.step()) is not None:
            for directive in applied.directives:
                if isinstance(directive, EmitOutput):
                    self._write(at_ms, directive.type, directive.id, "/out", directive.data, directive.cause_id)
        return signal

    def mark(self, at_ms: float) -> None:
        """Write the marker of what was applied in this conversation since the last call."""
        marker = self._engine.take_marker(self.subject)
        if marker is not None:
            self._write(at_ms, MARKER_TYPE, marker_id(marker.data), MARKER_SOURCE, marker.data, marker.cause_id)

    def message(self, at_ms: float, id: str = "m1", content: str = "hello") -> "Effect":
        """A message, and the effect that it asks for."""
        self.write(at_ms, "conv.in.message.received", id, {"message_id": id, "ingress": "test", "content": content})
        return Effect(self, f"llm-generation-{id}", id)

    def control(self, at_ms: float, kind: str, id: str, **data: Any) -> Signal:
        """`abort_requested`, `stop_requested` or `cancel_requested`."""
        payload = {"message_id": id, "ingress": "control", **data}
        return self.write(at_ms, f"conv.in.control.{kind}", id, payload)

    def _write(
        self, at_ms: float, type: str, id: str, source: str, data: Mapping[str, Any], cause_id: str | None
    ) -> Signal:
        extensions = {"contract_major": 1} | ({"cause_id": cause_id} if cause_id else {})
        signal = make_signal(
            id=id,
            type=type,
            source=source,
            subject=self.subject,
            time_us=START_US + round(at_ms * 1000),
            data=data,
            extensions=extensions,
        )
        self.signals.append(signal)
        self._engine.offer(Recorded(len(self.signals), signal))
        return signal


class Effect:
    """Writes the lifecycle of one generation."""

    def __init__(self, story: Story, effect_id: str, cause_id: str) -> None:
        self.id = effect_id
        self.attempt = 0
        self.asked: dict[str, Any] = dict(ASKED)
        self._story = story
        self._cause_id = cause_id
        self._count = 0

    def put(self, at_ms: float, lifecycle: str, *, cause_id: str | None = None, **data: Any) -> None:
        payload = {
            "effect_id": self.id,
            "lifecycle": lifecycle,
            "effect_class": "llm",
            "kind": "generation",
            "attempt": self.attempt,
            **self.asked,
            **data,
        }
        id, self._count = f"{self.id}/{self._count}", self._count + 1
        self._story.write(at_ms, f"{LLM}.{lifecycle}", id, payload, cause_id or self._cause_id)

    def start(self, at_ms: float) -> None:
        self.attempt = 1
        self.put(at_ms, "started", max_attempts=3, timeout_ms=30_000, request_id=f"{self.id}:1")

    def text(self, at_ms: float, text: str, *chunks: tuple[float, int]) -> None:
        self.put(at_ms, "progress", status="streaming", sequence=0, token_delta=text, chunks=[list(c) for c in chunks])

    def thinking(self, at_ms: float, text: str, *chunks: tuple[float, int]) -> None:
        self.put(
            at_ms,
            "progress",
            status="thinking",
            sequence=0,
            thinking_delta=text,
            thinking_chunks=[list(c) for c in chunks],
        )

    def tool(self, at_ms: float, id: str, name: str, status: str, given: Any, **data: Any) -> None:
        facts = {"tool_call_id": id, "tool_name": name, "tool_status": status, "tool_input": given}
        self.put(at_ms, "progress", status="tool", sequence=0, **(facts | data))

    def retry(self, at_ms: float, *, duration_ms: float, wait_ms: int, **data: Any) -> None:
        """The attempt failed and another is due."""
        facts = {
            "reason": "overloaded",
            "error_category": "provider",
            "retryable": True,
            "details": {"status": 503},
            "backoff_ms": 100,
            "retry_after_ms": None,
            "discarded": False,
            "first_chunk_ms": None,
            "usage": None,
            "cost": None,
            "request_id": f"{self.id}:{self.attempt}",
        }
        self.put(at_ms, "progress", status="retrying", duration_ms=duration_ms, wait_ms=wait_ms, **(facts | data))

    def again(self, at_ms: float) -> None:
        self.attempt += 1
        self.put(at_ms, "progress", status="retry_attempt_started", request_id=f"{self.id}:{self.attempt}")

    def complete(self, at_ms: float, text: str, *, duration_ms: float, **data: Any) -> None:
        result = {
            "status": "completed",
            "text": text,
            "thinking": "",
            "tool_calls": [],
            "finish_reason": "end_turn",
            "usage": usage(10, 4),
            "cost": {"amount": 0.25, "currency": "USD", "price_table": "test"},
            "model": "story-1",
            "provider": "simulated",
            "backend": "jido_ai",
            "request_id": "req_1",
            "metadata": {},
        }
        self.put(at_ms, "completed", result=result | data, duration_ms=duration_ms, first_chunk_ms=None)

    def fail(self, at_ms: float, *, duration_ms: float | None, **data: Any) -> None:
        facts = {
            "reason": "overloaded",
            "error_category": "provider",
            "retryable": True,
            "details": {"status": 503},
            "partial_text": "",
            "first_chunk_ms": None,
            "usage": None,
            "cost": None,
        }
        self.put(at_ms, "failed", duration_ms=duration_ms, **(facts | data))

    def cancel(self, at_ms: float, *, cause_id: str | None, duration_ms: float | None, **data: Any) -> None:
        facts = {"reason": "user_cancel", "backend_cancel": "ok", "partial_text": "", "cancel_latency_ms": 2.5}
        self.put(at_ms, "canceled", cause_id=cause_id, duration_ms=duration_ms, **(facts | data))


def usage(input_tokens: int, output_tokens: int) -> dict[str, int | None]:
    return {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "cache_read_tokens": None,
        "cache_write_tokens": None,
        "reasoning_tokens": None,
    }


def eventful() -> Story:
    """`c1`: a retried answer, one canceled in mid-stream. `c2`: one canceled in a wait, a failed one, an open one."""
    story = Story("c1")
    flaky = story.message(0, "m1", "tell me a story")
    flaky.start(1)
    flaky.text(40, "Once", (30.0, 4))
    flaky.retry(61, duration_ms=60.0, wait_ms=150, retry_after_ms=140, discarded=True, first_chunk_ms=30.0,
                usage=usage(10, 1), cost={"amount": 0.05, "currency": "USD", "price_table": "test"})  # fmt: skip
    flaky.again(211)
    flaky.thinking(240, "hm", (20.0, 2))
    flaky.text(271, "Once upon", (30.0, 4), (50.0, 5))
    flaky.text(311, " a time", (90.0, 7))
    flaky.complete(321, "Once upon a time", duration_ms=110.0)
    story.mark(321)

    stopped = story.message(400, "m2", "go on")
    stopped.start(401)
    stopped.text(431, "And then", (30.0, 8))
    asked = story.control(451, "cancel_requested", "x1", reason="enough", requested_by="ada", effect_id=stopped.id)
    stopped.cancel(454, cause_id=asked.id, duration_ms=53.0, partial_text="And then", reason="enough",
                   first_chunk_ms=30.0, usage=usage(12, 2))  # fmt: skip
    story.mark(454)

    other = Story("c2", story)
    waiting = other.message(500, "m1", "hello")
    waiting.asked["stream"] = False
    waiting.start(501)
    waiting.retry(511, duration_ms=10.0, wait_ms=100)
    abort = other.control(531, "abort_requested", "x2", reason="stop it")
    waiting.cancel(532, cause_id=abort.id, duration_ms=None, reason="stop it", backend_cancel="not_available")
    refused = other.message(600, "m2", "again")
    refused.asked["backend"] = "harness"
    refused.start(601)
    refused.fail(
        611, duration_ms=10.0, reason="no key", error_category="auth", retryable=False, details={"status": 401}
    )
    other.mark(611)
    running = other.message(700, "m3", "still there?")
    running.start(701)
    running.text(731, "Yes", (30.0, 3))
    return story


def full() -> Story:
    """The eventful log, and `c3`: an agent runs a tool, a model asks for one, and the runtime runs a function."""
    story = Story("c3", eventful())
    working = story.message(800, "m1", "what is in it?")
    working.asked["backend"] = "harness"
    working.start(801)
    working.tool(811, "t1", "Read", "pending", {"path": "a.txt"})
    working.tool(821, "t1", "Read", "running", {"path": "a.txt"})
    working.tool(851, "t1", "Read", "completed", {"path": "a.txt"}, tool_output="text")
    working.complete(861, "text", duration_ms=60.0, tool_calls=[
        {"id": "t1", "name": "Read", "arguments": {"path": "a.txt"}, "kind": "server"},
        {"id": "t2", "name": "ask", "arguments": {"who": "ada"}, "kind": "client"},
    ])  # fmt: skip
    asked = {"message_id": "f1", "ingress": "tool", "tool_name": "double", "arguments": {"x": 2}}
    story.write(900, "conv.in.tool.requested", "f1", asked)
    base = {"effect_id": "tool-execution-f1", "effect_class": "tool", "kind": "execution", "attempt": 1,
            "tool_name": "double"}  # fmt: skip
    started, completed = ("conv.effect.tool.execution.started", "conv.effect.tool.execution.completed")
    story.write(901, started, "f1/0", {**base, "lifecycle": "started"}, "f1")
    result = {"status": "completed", "output": 4}
    story.write(911, completed, "f1/1", {**base, "lifecycle": "completed", "result": result}, "f1")
    return story


@pytest.fixture(scope="session")
def full_log() -> list[Recorded]:
    return full().log


@pytest.fixture
def full_path(tmp_path: Path, full_log: list[Recorded]) -> Path:
    """The full log in a file."""
    return written(tmp_path / "full.sqlite", full_log)


def written(path: Path, log: list[Recorded]) -> Path:
    journal = SqliteJournal(path)
    journal.append([recorded.signal for recorded in log])
    journal.close()
    return path


@pytest.fixture
def story() -> Story:
    """An empty one, conversation `c1`."""
    return Story()


@pytest.fixture(scope="session")
def eventful_log() -> list[Recorded]:
    return eventful().log


@pytest.fixture
def new_story() -> Callable[..., Story]:
    return Story


@pytest.fixture
def sqlite_path(tmp_path: Path, eventful_log: list[Recorded]) -> Path:
    """The eventful log in a file."""
    return written(tmp_path / "runs.sqlite", eventful_log)
