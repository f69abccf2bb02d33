"""A server that fails under a runtime: what was acknowledged is there, each turn ends once, and the way out is told.

What the journal alone makes of it is in tests/journal/test_postgres_faults.py.
"""

from contextlib import contextmanager
from uuid import uuid4

import anyio
import pytest

from jido_nb.errors import JournalError
from jido_nb.journal.commit_points import watching
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.scripted_backend import Complete, Delta, Started, Wait

from ..journal.postgres_server import running_server

pytestmark = [pytest.mark.anyio, pytest.mark.needs("postgres")]

ANSWER = [Started("ref"), Delta("hello"), Complete()]
HANGING = [Started("ref"), Delta("a"), Wait()]


@pytest.fixture(scope="module")
def machine():
    """A server that may be stopped."""
    with running_server() as running:
        yield running


@pytest.fixture
def place(machine):
    return f"{machine.url}?schema=j{uuid4().hex}"


def end_sessions(machine):
    """End all sessions that write, and return when they are gone."""
    import psycopg

    writers = "application_name LIKE 'jido_nb process%'"
    with psycopg.connect(machine.url, autocommit=True) as admin:
        admin.execute(f"SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE {writers}")


@contextmanager
def stopped(machine):
    machine.stop()
    try:
        yield
    finally:
        machine.start()


async def first_text(turn):
    async for event in turn:
        if event.kind == "delta":
            return


async def quiet(runtime):
    """Return when nothing is on its way any more, though an effect runs."""
    await runtime._ingest.wait_applied()
    await runtime.events()


def heard_by(runtime):
    """What comes to be published, and so was acknowledged."""
    heard = []
    runtime.bus.subscribe("**", heard.append)
    return heard


async def mended(place, scripted, at_rest, heard, recovered):
    """Open it again: all that was heard is there, each effect has ended once, and it goes on."""
    async with open_runtime(scripted(ANSWER), place) as runtime:
        log = await at_rest(runtime)
        assert [log[recorded.seq - 1] for recorded in heard] == heard
        assert runtime.health().recovered == recovered
        assert (await (await runtime.conversation("c").send("again")).result()).text == "hello"


@pytest.mark.parametrize("point", [None, "journal.begun"], ids=["between two batches", "within a batch"])
async def test_a_session_that_is_ended_while_a_turn_streams_is_made_again_and_the_turn_goes_on(
    point, machine, place, scripted, at_rest
):
    """Before a commit is sent nothing is lost with the session, so nobody has to know."""
    go_on, ended = anyio.Event(), []

    def end_it_once(reached):
        if reached == point and armed and not ended:
            ended.append(point)
            end_sessions(machine)

    armed = False
    with watching(end_it_once):
        async with open_runtime(
            scripted([*HANGING[:2], Wait(go_on), Delta("b"), Complete()], ANSWER), place
        ) as runtime:
            heard = heard_by(runtime)
            turn = await runtime.conversation("c").send("hi")
            await first_text(turn)
            await quiet(runtime)
            armed = True
            if point is None:
                end_sessions(machine)
            go_on.set()
            assert (await turn.result()).text == "ab"
            assert heard == await at_rest(runtime)
            assert ended == ([] if point is None else [point])
            async with open_runtime(scripted(ANSWER), place) as second:
                with pytest.raises(JournalError, match="in use by process"):
                    await second.conversation("c").send("mine")


async def test_a_session_that_is_ended_within_a_commit_stops_the_runtime_and_nothing_that_was_told_is_lost(
    machine, place, scripted, at_rest
):
    ended = []

    def end_it(point):
        if point == "journal.written" and armed and not ended:
            ended.append(point)
            end_sessions(machine)

    armed = False
    with watching(end_it):
        async with open_runtime(scripted(HANGING), place) as runtime:
            heard = heard_by(runtime)
            turn = await runtime.conversation("c").send("hi")
            await first_text(turn)
            armed = True
            with pytest.raises(JournalError, match="ended while a batch was committed"):
                await runtime.conversation("d").send("more")
            await turn.cancel()  # which is not written, and ends the call of the backend all the same
            with pytest.raises(JournalError, match="ended while a batch was committed"):
                await turn.result()
            assert ended == ["journal.written"]
            assert "the journal stopped" in runtime.health().problems[0]
    await mended(place, scripted, at_rest, heard, recovered=1)


async def test_a_server_that_is_started_again_while_nothing_is_written_is_gone_on_with(
    machine, place, scripted, at_rest
):
    async with open_runtime(scripted(HANGING, ANSWER), place) as runtime:
        heard = heard_by(runtime)
        turn = await runtime.conversation("c").send("hi")
        await first_text(turn)
        await quiet(runtime)
        with stopped(machine):
            pass
        assert await turn.cancel()
        assert (await (await runtime.conversation("c").send("again")).result()).text == "hello"
        assert heard == await at_rest(runtime)


async def test_a_server_that_stops_while_a_runtime_writes_stops_the_runtime_and_a_new_one_goes_on(
    machine, place, scripted, at_rest
):
    async with open_runtime(scripted(HANGING), place) as runtime:
        heard = heard_by(runtime)
        turns = [await runtime.conversation(name).send("hi") for name in ("c", "d")]
        for turn in turns:
            await first_text(turn)
        await quiet(runtime)
        with stopped(machine):
            with pytest.raises(JournalError, match="is the server running"):
                await runtime.conversation("c").send("more")
            health = runtime.health()
            assert health.status == "degraded"
            assert "is the server running" in health.problems[0]
            for turn in turns:
                await turn.cancel()  # which is not written, and ends the call of the backend all the same
                with pytest.raises(JournalError, match="is the server running"):
                    await turn.result()
            assert len(scripted.backend.closed) == 2
        with pytest.raises(JournalError, match="is the server running"):  # final, so that the log has no holes
            await runtime.conversation("c").send("more")
    await mended(place, scripted, at_rest, heard, recovered=2)
