"""Parts that fail: each has an outcome that the page on failure modes states (docs/failure-modes.md)."""

import ast
import re
import time
from contextlib import aclosing, asynccontextmanager, closing, suppress
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest

from jido_nb.errors import ClosedError, JournalError
from jido_nb.journal.memory import MemoryJournal
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.llm.error import GenerationCanceled
from jido_nb.llm.event import LLMEvent
from jido_nb.llm.result import LLMResult
from jido_nb.runtime import ids
from jido_nb.runtime.effect_job import CancelRequest
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.chosen_loop import LoopClock, run_chosen
from jido_nb.testing.scripted_backend import Complete, Delta, ScriptedBackend, Started, Wait
from jido_nb.testing.scripted_effect import ScriptedEffect

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "failure-modes.md"
ANSWER = [Started("ref"), Delta("hello"), Complete()]
HANGING = [Started("ref"), Delta("a"), Wait()]


def first_text(turn):
    async def wait():
        async for event in turn:
            if event.kind == "delta":
                return

    return wait()


class Clinging(ScriptedBackend):
    """Does not let its first stream be left until `release` is set."""

    def __init__(self, release):
        super().__init__([HANGING, ANSWER], clock=LoopClock())
        self.release = release

    @asynccontextmanager
    async def stream(self, request):
        async with super().stream(request) as events:
            try:
                yield events
            finally:
                if len(self.requests) == 1:
                    with anyio.CancelScope(shield=True):
                        await self.release.wait()


@pytest.mark.parametrize("ends_by", ["cancel", "timeout"])
def test_a_backend_that_hangs_in_close_is_left_behind_and_its_turn_ends(ends_by, scripted):
    async def live():
        release = anyio.Event()
        backend = Clinging(release)
        config = scripted(backend, effects={"llm": {"timeout_ms": 1000 if ends_by == "timeout" else 60_000}})
        async with open_runtime(config, MemoryJournal(), clock=LoopClock()) as runtime:
            chat = runtime.conversation("c")
            turn = await chat.send("one")
            await first_text(turn)
            if ends_by == "cancel":
                assert await turn.cancel()
            await turn.wait()
            assert turn.status == ("canceled" if ends_by == "cancel" else "failed")
            assert turn.text == "a"
            (ending,) = await runtime.events(types=f"conv.effect.llm.generation.{turn.status}")
            assert ending.signal.data["left_behind"] is True
            assert "does not let go" in runtime.health().problems[0]
            assert (await (await chat.send("two")).result()).text == "hello"
            release.set()
            await anyio.sleep(1)  # of the time of this loop, which costs nothing
            assert runtime.health().problems == ()
            assert len(await runtime.events(types=f"conv.effect.llm.generation.{turn.status}")) == 1

    run_chosen(live, seed=1)


@pytest.mark.anyio
async def test_a_backend_that_swallows_cancellation_is_left_behind_and_its_effect_ends():
    release = anyio.Event()

    async def run(prepared, job, attempt, emit):
        while not release.is_set():
            with suppress(anyio.get_cancelled_exc_class()):
                await anyio.sleep(0.01)

    effect = ScriptedEffect(HANGING, leave_limit_s=0.05)
    effect.worker._executor.run = run
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(effect.worker.run)
        await anyio.wait_all_tasks_blocked()
        assert effect.worker.cancel(CancelRequest("enough"))
        with anyio.fail_after(30):
            await effect.worker.done.wait()
        assert effect.worker.left_behind
        assert effect.outbox.story == ["started@1", "canceled@1"]
        release.set()
    assert effect.outbox.terminal.data["left_behind"] is True  # the one, also when the executor has let go after all
    assert effect.outbox.durable == len(effect.outbox.puts)


class Flooding(ScriptedBackend):
    """Sends thousands of pieces without once giving way, with sequence numbers that mean nothing."""

    PIECES = 20_000

    @asynccontextmanager
    async def stream(self, request):
        self.requests.append(request)

        async def events():
            yield LLMEvent("started", 7)
            for number in range(self.PIECES):
                yield LLMEvent("delta", number % 3, delta=f"{number} ")
            yield LLMEvent("completed", 0, result=LLMResult(text="".join(f"{n} " for n in range(self.PIECES))))

        async with aclosing(events()) as opened:
            yield opened


@pytest.mark.anyio
async def test_a_flood_with_lying_sequence_numbers_keeps_every_piece_in_the_order_it_came(scripted, at_rest):
    async with open_runtime(scripted(Flooding([])), None) as runtime:
        turn = await runtime.conversation("c").send("hi")
        text = (await turn.result()).text
        log = await at_rest(runtime)
        pieces = [r.signal.data["token_delta"] for r in log if "token_delta" in r.signal.data]
        assert "".join(pieces) == text == "".join(f"{n} " for n in range(Flooding.PIECES))
        assert len(pieces) < Flooding.PIECES / 10


@pytest.mark.anyio
async def test_a_subscriber_that_stalls_delays_and_loses_nothing(scripted, at_rest):
    heard = []

    def stall(recorded):
        time.sleep(0.01)  # on the loop, which is what a subscriber must not do
        heard.append(recorded.seq)

    async with open_runtime(scripted(ANSWER), None) as runtime:
        runtime.bus.subscribe("**", stall)
        assert (await (await runtime.conversation("c").send("hi")).result()).text == "hello"
        assert heard == [r.seq for r in await at_rest(runtime)]


@pytest.mark.anyio
async def test_a_disk_that_is_full_stops_the_runtime_and_a_new_one_goes_on_when_there_is_room(
    tmp_path, scripted, at_rest
):
    path = tmp_path / "runs.sqlite"
    with closing(SqliteJournal(path)) as journal:
        async with open_runtime(scripted(HANGING), journal) as runtime:
            turn = await runtime.conversation("c").send("hi")
            await first_text(turn)
            journal._writer.execute("PRAGMA max_page_count = 1")  # SQLite keeps what there is, and gives no page more
            with pytest.raises(JournalError, match="disk is full"):
                await runtime.conversation("c").send("x" * 100_000)
            # Whoever waits is told, though nothing more comes from the backend, whose call is over.
            with anyio.fail_after(30), pytest.raises(JournalError, match="disk is full"):
                await turn.result()
            assert len(scripted.backend.closed) == 1
            assert not await turn.cancel()
            assert "disk is full" in runtime.health().problems[0]
    async with open_runtime(scripted(ANSWER), path) as runtime:
        await at_rest(runtime)
        assert runtime.health().recovered == 1
        assert (await (await runtime.conversation("c").send("again")).result()).text == "hello"


class Slow(MemoryJournal):
    """Takes its time for each batch."""

    blocking = True

    def append(self, signals):
        time.sleep(0.02)
        return super().append(signals)


@pytest.mark.anyio
async def test_a_disk_that_is_slow_makes_batches_larger_and_loses_nothing(scripted, at_rest):
    pieces = [Delta(f"{number} ") for number in range(300)]
    settings = scripted([Started("ref"), *pieces, Complete()], effects={"llm": {"join_ms": 0}})
    async with open_runtime(settings, Slow()) as runtime:
        turn = await runtime.conversation("c").send("hi")
        assert (await turn.result()).text == "".join(f"{number} " for number in range(300))
        log = await at_rest(runtime)
        assert len([r for r in log if "token_delta" in r.signal.data]) == 300


@pytest.mark.anyio
async def test_a_journal_that_is_closed_under_us_ends_everybodys_wait(tmp_path, scripted):
    journal = SqliteJournal(tmp_path / "runs.sqlite")
    async with open_runtime(scripted(HANGING), journal) as runtime:
        turn = await runtime.conversation("c").send("hi")
        await first_text(turn)
        journal.close()
        with pytest.raises(ClosedError, match="is closed"):
            await runtime.conversation("c").send("more")
        with anyio.fail_after(30), pytest.raises(GenerationCanceled, match="runtime_closed") as told:
            await turn.result()
        assert told.value.partial_text == "a"
        assert len(scripted.backend.closed) == 1


@pytest.mark.anyio
async def test_a_clock_that_jumps_back_changes_neither_order_nor_limits(scripted, at_rest, monkeypatch):
    real, offset = time.time_ns, [0]
    monkeypatch.setattr(ids, "time", SimpleNamespace(time_ns=lambda: real() + offset[0]))
    async with open_runtime(scripted(ANSWER), None) as runtime:
        chat = runtime.conversation("c")
        await (await chat.send("one")).result()
        offset[0] = -3_600_000_000_000
        await (await chat.send("two")).result()
        log = await at_rest(runtime)
        asked = [r.signal.id for r in log if r.signal.type == "conv.in.message.received"]
        assert asked == sorted(asked)
        assert log[-1].signal.time_us < log[0].signal.time_us
        assert [m.content for m in await chat.context()] == ["one", "hello", "two", "hello"]


@pytest.mark.anyio
async def test_a_conversation_that_never_rests_ends_its_turns_all_the_same(scripted, journal):
    feeding = True

    async def feed():
        number = 0
        while feeding:
            data = {"message_id": f"n{number}", "ingress": "test", "note": number}
            raw = {"type": "conv.in.note.taken", "id": f"n{number}", "subject": "c", "contract_major": 1, "data": data}
            # Two at a time, each before the one before it is applied, so that something is always on its way.
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(runtime.ingest, raw)
                tasks.start_soon(anyio.lowlevel.checkpoint)
            number += 1

    async with open_runtime(scripted(ANSWER), journal) as runtime, anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(feed)
        with anyio.fail_after(30):
            for text in ("one", "two"):
                assert (await (await runtime.conversation("c").send(text)).result()).text == "hello"
        feeding = False


def named_tests():
    """(file, test) of everything that the page names."""
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE.read_text(encoding="utf-8"))


def test_the_page_names_a_test_for_each_promise():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not row.startswith(("| What", "| ---"))]
    assert len(promises) > 25
    assert [row for row in promises if "::test_" not in row] == []


@pytest.mark.parametrize(("file", "name"), named_tests())
def test_each_test_that_the_page_names_exists(file, name):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in names
