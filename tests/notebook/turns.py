"""A turn that a test tells what to be, signal by signal: the part of LabTurn that is shown, without a runtime."""

import threading
from collections.abc import Callable
from itertools import count
from typing import Any

from jido_nb.core.projections.turn import TurnView
from jido_nb.core.signal import make_signal

T0 = 1_700_000_000_000_000
_numbers = count(1)


class ToldTurn:
    def __init__(self, prompt: str = "hello") -> None:
        self.id = f"llm-generation-{next(_numbers)}"
        self.conversation_id = "c1"
        self.view = TurnView(self.id, conversation_id="c1", prompt=prompt)
        self.watchers: list[Callable[[TurnView, Any], None]] = []
        self.cancels: list[tuple[str, str | None]] = []
        self.now_us = T0
        self.ended = threading.Event()

    def tell(self, lifecycle: str, **data: Any) -> None:
        self.now_us += 1000
        base = {"effect_id": self.id, "lifecycle": lifecycle, "effect_class": "llm", "attempt": 1}
        signal = make_signal(
            id=f"s{self.now_us}",
            type=f"conv.effect.llm.generation.{lifecycle}",
            source="/test",
            subject="c1",
            time_us=self.now_us,
            data={**base, **data},
            extensions={},
        )
        events = self.view.apply(signal)
        for watcher in tuple(self.watchers):
            watcher(self.view, events)
        if self.view.done:
            self.ended.set()

    def start(self, **data: Any) -> None:
        asked = {"backend": "jido_ai", "provider": "simulated", "model": "story", "max_attempts": 3}
        self.tell("started", **{**asked, **data})

    def say(self, text: str, attempt: int = 1) -> None:
        self.tell("progress", status="streaming", token_delta=text, attempt=attempt)

    def think(self, text: str) -> None:
        self.tell("progress", status="thinking", thinking_delta=text)

    def retry(self, attempt: int = 1, wait_ms: int = 120) -> None:
        facts = {"reason": "503 overloaded", "error_category": "provider", "wait_ms": wait_ms, "discarded": True}
        self.tell("progress", status="retrying", attempt=attempt, **facts)

    def again(self, attempt: int = 2) -> None:
        self.tell("progress", status="retry_attempt_started", attempt=attempt)

    def complete(self, text: str | None = None, attempt: int = 1) -> None:
        whole = self.view.text if text is None else text
        self.tell("completed", attempt=attempt, result={"status": "completed", "text": whole, "tool_calls": []})

    def fail(self, reason: str = "503 overloaded") -> None:
        self.tell("failed", reason=reason, error_category="provider", retryable=True, partial_text=self.view.text)

    def watch(self, callback: Callable[[TurnView, Any], None]) -> Callable[[], None]:
        self.watchers.append(callback)
        return lambda: self.watchers.remove(callback)

    def cancel(self, reason: str = "user_cancel", requested_by: str | None = None) -> bool:
        self.cancels.append((reason, requested_by))
        if not self.view.done:
            self.tell("canceled", reason=reason, requested_by=requested_by, partial_text=self.view.text)
        return True

    def wait(self, timeout: float | None = None) -> "ToldTurn":
        assert self.ended.wait(10 if timeout is None else timeout)
        return self
