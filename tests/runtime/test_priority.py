"""What is applied first when much has gathered, and what never changes its order."""

import threading

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jido_nb.core.catalogue import priority_of
from jido_nb.journal.memory import MemoryJournal
from jido_nb.runtime.opening import open_runtime
from jido_nb.runtime.writing_line import MAX_BATCH
from jido_nb.testing.scripted_backend import Complete, Delta, Started, Wait

pytestmark = pytest.mark.anyio

ABORT = "conv.in.control.abort_requested"


def raw(type, id, subject="c1", **data):
    return {"type": type, "id": id, "subject": subject, "contract_major": 1, "data": data}


def progress(number, effect="other", subject="c1"):
    data = {"effect_id": effect, "lifecycle": "progress", "token_delta": "x"}
    return raw("conv.effect.llm.generation.progress", f"{effect}-{number}", subject, **data)


def abort(id="abort"):
    return raw(ABORT, id, message_id=id, ingress="control")


def applied(log):
    """Ids in the order in which they were applied."""
    return [id for r in log if r.signal.type.startswith("conv.applied") for id in r.signal.data["applied_event_ids"]]


async def test_an_abort_behind_ten_thousand_signals_is_applied_next(scripted):
    # W-2: upstream it is applied last.
    async with open_runtime(scripted([Started(), Delta("a"), Wait()]), None) as runtime:
        turn = await runtime.conversation("c1").send("hi")
        async for event in turn:
            if event.kind == "delta":
                break
        place = []

        def notice(recorded):
            partition = runtime._coordinator.partition_of("c1")
            place.append((partition.engine.states["c1"].applied_count, runtime.health().waiting))

        runtime.bus.subscribe(ABORT, notice)
        await runtime.ingest_many([*(progress(number) for number in range(10_000)), abort()])
        await turn.wait()
        assert turn.status == "canceled"
        await runtime.idle()
        order = applied(await runtime.events("conv.applied.**", subject="c1"))
        (before, behind), *_ = place
        assert behind > 5_000
        assert order.index("abort") == before
        assert len(order) == len(set(order))


class HeldJournal(MemoryJournal):
    """A journal whose `append` waits, in a thread, for as long as `free` is clear."""

    blocking = True

    def __init__(self):
        super().__init__()
        self.free = threading.Event()
        self.free.set()
        self.held = False

    def append(self, signals):
        self.held = not self.free.is_set()
        assert self.free.wait(60)
        return super().append(signals)


@pytest.mark.parametrize("flooded", ["c1", "c2"])
async def test_an_abort_behind_ten_thousand_signals_that_are_not_yet_written_is_written_and_applied_next(
    flooded, scripted, log_check
):
    journal = HeldJournal()
    async with open_runtime(scripted([Started(), Delta("a"), Wait()]), journal) as runtime:
        chat = runtime.conversation("c1")
        turn = await chat.send("hi")
        async for event in turn:
            if event.kind == "delta":
                break
        flood = [
            raw("conv.audit.x.noted", f"n{number}", flooded, audit_id="a", category="b") for number in range(10_000)
        ]
        # The writer holds a first batch when the wish comes; what stands in line behind that is what it overtakes.
        journal.free.clear()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(runtime.ingest_many, flood)
            with anyio.fail_after(30):
                while not (journal.held and (waiting := runtime._ingest.waiting) >= len(flood) - MAX_BATCH):
                    await checkpoint()
                tasks.start_soon(chat.abort)
                while runtime._ingest.waiting == waiting:
                    await checkpoint()
            journal.free.set()
            with anyio.fail_after(30):
                await turn.wait()
        assert turn.status == "canceled"
        await runtime.idle()
        log = await runtime.events()
        log_check(log)
        (wish,) = (recorded for recorded in log if recorded.signal.type == ABORT)
        noted = [recorded for recorded in log if recorded.signal.type == flood[0]["type"]]
        assert [recorded.signal.id for recorded in noted] == [item["id"] for item in flood]
        assert sum(recorded.seq < wish.seq for recorded in noted) <= MAX_BATCH
        seqs = {recorded.signal.id: recorded.seq for recorded in log}
        order = applied(recorded for recorded in log if recorded.signal.subject == "c1")
        assert all(seqs[id] < wish.seq for id in order[: order.index(wish.signal.id)])
        (ended,) = (recorded for recorded in log if recorded.signal.type.endswith("generation.canceled"))
        assert ended.signal.cause_id == wish.signal.id


async def test_nobody_starves_and_the_story_of_one_effect_keeps_its_order(scripted, journal):
    # W-3, W-4
    async with open_runtime(scripted([Started(), Complete()]), journal) as runtime:
        burst = []
        for number in range(300):
            burst.append(progress(number, f"e{number % 3}"))
            burst.append(raw("conv.audit.x.completed", f"audit{number}", audit_id="a", category="b"))
            burst.append(abort(f"abort{number}"))
        for name in ("e0", "e1", "e2"):
            data = {"effect_id": name, "lifecycle": "completed", "result": {}}
            burst.append(raw("conv.effect.llm.generation.completed", f"{name}-end", **data))
        await runtime.ingest_many(burst)
        await runtime.idle()
        order = applied(await runtime.events("conv.applied.**"))
        for name in ("e0", "e1", "e2"):
            story = [id for id in order if id.startswith(f"{name}-") and "/" not in id]
            assert story == [item["id"] for item in burst if item["id"].startswith(f"{name}-")]
        priorities = [
            priority_of(next(item["type"] for item in burst if item["id"] == id))
            for id in order[:60]
            if any(item["id"] == id for item in burst)
        ]
        assert set(priorities) == {0, 1, 2}


async def test_a_flood_in_one_conversation_does_not_hold_up_another(scripted, journal, at_rest):
    async with open_runtime(scripted([Started(), Delta("a"), Complete()]), journal) as runtime:
        await runtime.ingest_many([progress(number, subject="flood") for number in range(5_000)])
        turn = await runtime.conversation("calm").send("hi")
        assert (await turn.result()).text == "a"
        await runtime.idle()
        log = await runtime.events(subject="calm")
        flood = await runtime.events("conv.applied.**", subject="flood")
        assert log[-1].seq < flood[-1].seq or len(flood) > 1
