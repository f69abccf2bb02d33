"""Choosing what is applied next, with much waiting: picks from a full queue, and an abort that comes last."""

import time

from jido_nb.core.entry import Entry, entry_of
from jido_nb.core.ready_queue import ReadyQueue
from jido_nb.core.signal import Recorded
from jido_nb.testing.builders import signal

from .row import Row, growth

DEPTHS = (1_000, 10_000, 100_000)
PICKS = 1_000
ROUNDS = 5


async def measure(full: bool) -> list[Row]:
    entries = [_entry(seq) for seq in range(1, max(DEPTHS) + 1)]
    points = tuple((float(depth), min(_pick_ms(entries[:depth]) for _ in range(ROUNDS))) for depth in DEPTHS)
    return [
        growth("a pick from a queue of so many signals", "slope near 0", "", points),
        Row("an abort behind 10,000 signals", "applied next", f"applied as number {_abort(entries[:10_000])}"),
    ]


def _entry(seq: int) -> Entry:
    kinds = ("conv.effect.llm.generation.progress", "conv.out.assistant.delta", "conv.audit.note")
    kind = kinds[seq % 3]
    of_effect = {"effect_id": f"e{seq % 50}"} if seq % 3 == 0 else {}
    return entry_of(Recorded(seq, signal(kind, f"c{seq % 50}", id=f"s{seq}", **of_effect)))


def _pick_ms(entries: list[Entry]) -> float:
    queue = ReadyQueue()
    for entry in entries:
        queue.push(entry)
    began = time.process_time()
    for _ in range(PICKS):
        picked = queue.pop()
        assert picked is not None
        queue.push(picked)
    return (time.process_time() - began) / PICKS * 1000


def _abort(entries: list[Entry]) -> int:
    queue = ReadyQueue()
    for entry in entries:
        queue.push(entry)
    queue.push(entry_of(Recorded(len(entries) + 1, signal("conv.in.control.abort_requested", "c1", id="stop"))))
    picked, count = queue.pop(), 1
    while picked is not None and picked.key[1] != "stop":
        picked, count = queue.pop(), count + 1
    return count
