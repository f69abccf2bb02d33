"""How costs grow: with the length of the journal, with the number of conversations, with the length of an answer.

Milliseconds are of CPU, the least of a few rounds, because that is what a busy machine changes least.
"""

import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import jido_nb
from jido_nb.journal.continuing import continued
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.runtime.llm_messages import llm_messages
from jido_nb.testing.builders import Storyteller, signal

from .cost import warm_up
from .ingesting import audit
from .row import Points, Row, growth
from .simulator_process import settings_for, simulator_process
from .tabulating import write

LENGTHS = (1_000, 10_000, 100_000)
CONVERSATIONS = (1, 10, 100, 1_000)
CHUNKS = {"burst-200": 200, "burst-2000": 2_000, "burst-20000": 20_000}
ROUNDS = 3
TURNS = 20
APPENDED = 1_000
_number = count()

Journey = Callable[[Path], Awaitable[float]]


async def measure(full: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journals = {length: folder / f"{length}.sqlite" for length in (*LENGTHS, *((1_000_000,) if full else ()))}
        for length, path in journals.items():
            write(path, length)
        warm_up(jido_nb.replay, jido_nb.events_df)
        rows = []
        for title, target, journey in JOURNEYS:
            points = tuple([(float(length), await journey(path)) for length, path in journals.items()])
            rows.append(growth(title, target, "signals", points))
        rows.append(await _one_conversation(folder))
        rows.append(await _told(folder))
        rows.append(await _conversations(folder))
        rows.append(await _chunks(folder))
    return rows


async def _open_and_go_on(path: Path) -> float:
    """Open the journal, write into a conversation that is in it, and wait until that is applied."""

    async def run() -> None:
        async with jido_nb.open_runtime({}, path) as runtime:
            await runtime.ingest(_note("c1"))
            await runtime.idle()

    return await _least(run)


async def _append(path: Path) -> float:
    with _opened(path) as journal:

        async def run() -> None:
            journal.append([_note("elsewhere") for _ in range(APPENDED)])

        return await _least(run)


async def _replay(path: Path) -> float:
    async def run() -> None:
        assert jido_nb.replay(path).identical

    return await _least(run, rounds=1)


async def _events(path: Path) -> float:
    async def run() -> None:
        jido_nb.events_df(path)

    return await _least(run, rounds=1)


JOURNEYS: tuple[tuple[str, str, Journey], ...] = (
    ("open a journal of so many signals and go on with a conversation", "well below 1", _open_and_go_on),
    (f"append {APPENDED:,} signals to it", "slope near 0", _append),
    ("replay it from the beginning", "slope 1, 10 s at 1,000,000", _replay),
    ("`events_df` of it, CPU of all threads", "slope 1", _events),
)


async def _one_conversation(folder: Path) -> Row:
    """From the last state that it keeps to its end, which is a few signals later."""
    points: list[tuple[float, float]] = []
    for length in LENGTHS:
        journal, teller = SqliteJournal(folder / f"one-{length}.sqlite"), Storyteller()
        while teller.seq < length:
            journal.append([each for _ in range(50) for each in teller.turn("c1")])
        journal.append([signal("conv.audit.note", "c1", id=f"later{number}") for number in range(5)])

        async def run(journal: SqliteJournal = journal) -> None:
            assert len(continued(journal, "c1").unapplied) == 5

        points.append((float(teller.seq), await _least(run)))
        journal.close()
    return growth("go on with a conversation of so many signals", "slope near 0", "signals", tuple(points))


async def _told(folder: Path) -> Row:
    """What the next model is told of twenty turns, between which so much was streamed."""
    points: list[tuple[float, float]] = []
    for length in LENGTHS:
        journal, teller = SqliteJournal(folder / f"told-{length}.sqlite"), Storyteller()
        for _ in range(TURNS):
            journal.append(teller.turn("c1", chunks=["word "] * (length // TURNS // 2)))

        async def run(journal: SqliteJournal = journal) -> None:
            assert len(llm_messages(journal, "c1", None, 2 * TURNS, 0)) == 2 * TURNS

        points.append((float(teller.seq), await _least(run)))
        journal.close()
    return growth(f"read what was said in {TURNS} turns of so many signals", "slope near 0", "signals", tuple(points))


async def _conversations(folder: Path) -> Row:
    """The same 10,000 signals, of one conversation or of many."""
    points: list[tuple[float, float]] = []
    for conversations in CONVERSATIONS:
        async with jido_nb.open_runtime({}, folder / f"{conversations}-conversations.sqlite") as runtime:
            raws = [{**audit(index), "subject": f"c{index % conversations}"} for index in range(10_000)]
            began = time.process_time()
            for start in range(0, len(raws), 1_000):
                await runtime.ingest_many(raws[start : start + 1_000])
            await runtime.idle()
            points.append((float(conversations), 1000 * (time.process_time() - began)))
    return growth("ingest 10,000 signals of so many conversations", "slope near 0", "conversations", tuple(points))


async def _chunks(folder: Path) -> Row:
    with simulator_process() as url:
        async with jido_nb.open_runtime(settings_for(url), folder / "chunks.sqlite") as runtime:

            async def answer(model: str) -> None:
                await (await runtime.conversation(model=f"simulated:{model}").send("go")).wait()

            await answer("burst-200")
            points: Points = tuple(
                [(float(chunks), await _least(lambda model=model: answer(model))) for model, chunks in CHUNKS.items()]  # type: ignore[misc]
            )
    return growth("an answer in so many chunks", "slope <= 1", "chunks", points)


async def _least(run: Callable[[], Awaitable[None]], rounds: int = ROUNDS) -> float:
    """Milliseconds of CPU."""
    took = []
    for _ in range(rounds):
        began = time.process_time()
        await run()
        took.append(1000 * (time.process_time() - began))
    return min(took)


@contextmanager
def _opened(path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(path)
    try:
        yield journal
    finally:
        journal.close()


def _note(subject: str) -> Any:
    return signal("conv.audit.note", subject, id=f"noted-{next(_number)}")
