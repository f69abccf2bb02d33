"""Signals and whole turns for tests, the same on every run: no clock, no chance.

`signal` makes one signal and fills in what its stream requires. `story` makes all signals of a turn as the runtime
writes them, with the outputs and markers of the real reducer, so that it replays; `Storyteller` tells several.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal

from ..core.catalogue import LLM_EFFECT, MESSAGE_RECEIVED, stream_of
from ..core.directives import EmitOutput
from ..core.engine import MARKER_SOURCE, MARKER_TYPE, Engine, marker_id
from ..core.outputs import OUTPUT_SOURCE
from ..core.signal import CONTRACT_MAJOR, Recorded, Signal, make_signal, to_body
from .payloads import ENDINGS, piece, retrying, says

START_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z, when every story begins."""

Ending = Literal["completed", "failed", "canceled", "none"]


def signal(
    type: str = MESSAGE_RECEIVED,
    subject: str = "c1",
    *,
    id: str | None = None,
    time_us: int = START_US,
    source: str = "/test",
    cause_id: str | None = None,
    project_id: str | None = None,
    extensions: Mapping[str, Any] | None = None,
    **data: Any,
) -> Signal:
    """A valid signal whose payload is `data`, completed with the keys that its stream requires.

    Without an `id` it gets one that follows from its type, subject and data: the same call twice is the same signal.
    """
    known = {**_required(type), **data}
    if id is None:
        seed = f"{type}\0{subject}\0".encode() + to_body(known)
        id = f"{type.rpartition('.')[2]}-{sha256(seed).hexdigest()[:12]}"
    if stream_of(type) == "in":
        known.setdefault("message_id", id)
    others: dict[str, Any] = {"contract_major": CONTRACT_MAJOR}
    if cause_id is not None:
        others["cause_id"] = cause_id
    if project_id is not None:
        others["project_id"] = project_id
    return make_signal(
        id=id,
        type=type,
        source=source,
        subject=subject,
        time_us=time_us,
        data=known,
        extensions={**others, **(extensions or {})},
    )


def recorded(signals: Sequence[Signal], after_seq: int = 0) -> list[Recorded]:
    """`signals` as an empty journal (or one that ends at `after_seq`) would record them."""
    return [Recorded(seq, each) for seq, each in enumerate(signals, after_seq + 1)]


def story(
    subject: str = "c1",
    *,
    content: str = "Tell me a story.",
    chunks: Sequence[str] = ("Once ", "upon ", "a time."),
    thinking: Sequence[str] = (),
    ending: Ending = "completed",
    retries: int = 0,
    markers: bool = True,
) -> list[Signal]:
    """All signals of one turn, in journal order; see `Storyteller.turn` for the arguments.

    The markers' hashes cover `seq`: they replay where the story is the first thing in its journal.
    """
    told = Storyteller().turn(
        subject, content=content, chunks=chunks, thinking=thinking, ending=ending, retries=retries
    )
    return told if markers else [each for each in told if each.type != MARKER_TYPE]


class Storyteller:
    """Tells turn after turn of one journal: what it gives, joined, is a journal from its first signal on."""

    def __init__(self, *, backend: str = "jido_ai", provider: str = "simulated", model: str = "story") -> None:
        self.seq = 0
        """Of the last signal that was told."""
        self._engine = Engine()
        self._turns = 0
        self._time_us = START_US
        self._attribution = {"backend": backend, "provider": provider, "model": model, "stream": True}

    def turn(
        self,
        subject: str = "c1",
        *,
        content: str = "Tell me a story.",
        chunks: Sequence[str] = ("Once ", "upon ", "a time."),
        thinking: Sequence[str] = (),
        ending: Ending = "completed",
        retries: int = 0,
    ) -> list[Signal]:
        """The signals of a turn.

        Args:
            content: What the person says.
            chunks: The answer in pieces, one progress signal each; 10 ms apart.
            thinking: Pieces of thought before it.
            ending: How the effect ends; "none" leaves it as a crash would.
            retries: Attempts that fail with a 503 after their first chunk, before the one that counts.
        """
        self._turns += 1
        message_id = f"m{self._turns}"
        told = self._write(
            [self._make(MESSAGE_RECEIVED, message_id, "/messaging/test", subject, None, **says(message_id, content))],
            mark=False,
        )
        lifecycle = list(self._effect(subject, message_id, chunks, thinking, ending, retries))
        for place, each in enumerate(lifecycle):
            told += self._write([each], mark=place == len(lifecycle) - 1)
        return told

    def _effect(
        self,
        subject: str,
        message_id: str,
        chunks: Sequence[str],
        thinking: Sequence[str],
        ending: Ending,
        retries: int,
    ) -> Iterator[Signal]:
        effect_id = f"llm-generation-{message_id}"
        count = 0

        def put(lifecycle: str, attempt: int, **data: Any) -> Signal:
            nonlocal count
            payload = {
                "effect_id": effect_id,
                "lifecycle": lifecycle,
                "effect_class": "llm",
                "kind": "generation",
                "attempt": attempt,
                **self._attribution,
                **data,
            }
            id = f"{effect_id}/{count}"
            count += 1
            return self._make(f"{LLM_EFFECT}.{lifecycle}", id, "/runtime/effects/llm", subject, message_id, **payload)

        attempts = retries + 1
        yield put("started", 1, max_attempts=max(3, attempts), timeout_ms=60_000, request_id=f"{effect_id}:1")
        for attempt in range(1, attempts):
            if chunks:
                yield put("progress", attempt, status="streaming", **piece("token_delta", "chunks", 0, chunks[0], 10.0))
            yield put("progress", attempt, **retrying(effect_id, attempt, bool(chunks)))
            next_request = f"{effect_id}:{attempt + 1}"
            yield put("progress", attempt + 1, status="retry_attempt_started", request_id=next_request)
        at_ms = 0.0
        pieces = [("thinking", text) for text in thinking] + [("streaming", text) for text in chunks]
        for sequence, (status, text) in enumerate(pieces):
            at_ms += 10.0
            keys = ("token_delta", "chunks") if status == "streaming" else ("thinking_delta", "thinking_chunks")
            yield put("progress", attempts, status=status, **piece(*keys, sequence, text, at_ms))
        if ending != "none":
            times = {"duration_ms": at_ms + 5.0, "first_chunk_ms": 10.0 if pieces else None}
            text, thought = "".join(chunks), "".join(thinking)
            yield put(
                ending,
                attempts,
                **ENDINGS[ending](text, thought, f"{effect_id}:{attempts}", self._attribution),
                **times,
            )

    def _write(self, signals: list[Signal], *, mark: bool) -> list[Signal]:
        """`signals` and what follows from them: outputs, and at the end, if asked for, the markers."""
        told: list[Signal] = []
        waiting = signals
        while waiting:
            for each in waiting:
                self.seq += 1
                self._engine.offer(Recorded(self.seq, each))
            told += waiting
            waiting = []
            while (applied := self._engine.step()) is not None:
                waiting += [self._output(wish) for wish in applied.directives if isinstance(wish, EmitOutput)]
        if mark:
            for subject in self._engine.open_runs:
                marker = self._engine.take_marker(subject, at_rest=True)
                if marker is not None:
                    id = marker_id(marker.data)
                    told.append(self._make(MARKER_TYPE, id, MARKER_SOURCE, subject, marker.cause_id, **marker.data))
                    self.seq += 1
        return told

    def _output(self, wish: EmitOutput) -> Signal:
        return self._make(wish.type, wish.id, OUTPUT_SOURCE, wish.conversation_id, wish.cause_id, **wish.data)

    def _make(self, type: str, id: str, source: str, subject: str, cause_id: str | None, /, **data: Any) -> Signal:
        self._time_us += 10_000
        others: dict[str, Any] = {"contract_major": CONTRACT_MAJOR}
        if cause_id is not None:
            others["cause_id"] = cause_id
        return make_signal(
            id=id, type=type, source=source, subject=subject, time_us=self._time_us, data=data, extensions=others
        )


def _required(type: str) -> dict[str, Any]:
    stream, last = stream_of(type), type.rpartition(".")[2]
    return {
        "in": {"ingress": "test"},
        "effect": {"effect_id": "llm-generation-m1", "lifecycle": last},
        "out": {"output_id": "assistant-llm-generation-m1", "channel": "primary"},
        "applied": {"applied_event_id": "m1"},
        "audit": {"audit_id": "a1", "category": "test"},
    }.get(stream or "", {})
