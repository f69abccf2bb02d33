"""A session that was recorded over real sockets is lived again from its recording, and nothing is called."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from pandas.testing import assert_frame_equal

from jido_nb.analysis.frames.attempts import attempts_df
from jido_nb.analysis.frames.cancels import cancels_df
from jido_nb.analysis.frames.chunks import chunks_df
from jido_nb.analysis.frames.events import events_df
from jido_nb.analysis.frames.turns import turns_df
from jido_nb.backends.recorded.recording import REQUESTED
from jido_nb.core.projections.turn import TurnEvent
from jido_nb.errors import ConfigError, JournalError
from jido_nb.llm.error import GenerationCanceled, GenerationFailed
from jido_nb.llm.settings import RecordingSettings, Settings
from jido_nb.runtime.opening import open_runtime
from jido_nb.runtime.runtime import Runtime
from jido_nb.runtime.turn import Turn
from jido_nb.simulator.server import Server, serve

pytestmark = pytest.mark.anyio

SAYS = ["status", "text", "thinking", "attempts", "backend", "provider", "model", "stream", "tools", "finish_reason"]
SAYS += ["reason", "error_category", "http_status", "input_tokens", "output_tokens", "cost_usd"]
TRIED = ["attempt", "outcome", "backend", "model", "stream", "characters", "thinking_characters", "error_category"]
TRIED += ["reason", "http_status", "discarded", "backoff_ms", "input_tokens", "output_tokens", "usage_estimated"]
CANCELED = ["reason", "requested_by", "request_type", "backend_cancel", "rung", "kept_characters", "backend"]
PIECES = ["kind", "chars"]

MODELS = (
    "simulated:thinking",
    "simulated:tools",
    "simulated:flaky-503",
    "simulated:truncated",
    "harness:simulated:tools",
)


@pytest.fixture
def path(anyio_backend: str, tmp_path: Path) -> Path:
    """Of either kind: which one goes with which loop does not matter, and both together would double the time."""
    return tmp_path / ("recording.jsonl" if anyio_backend == "asyncio" else "recording.sqlite")


def settings(server: Server | None, **recording: Any) -> Settings:
    # Where there is no server, any call on the wire is refused.
    url = server.url if server is not None else "http://127.0.0.1:9"
    return Settings.model_validate(
        {
            "llm": {"backends": {"jido_ai": {"providers": {"simulated": {"base_url": url}}}}},
            "effects": {"llm": {"backoff_ms": 5, "max_attempts": 3, "jitter": 0}},
            "recording": recording,
        }
    )


@asynccontextmanager
async def running(server: Server | None, mode: str, path: Path, **more: Any) -> AsyncIterator[Runtime]:
    async with open_runtime(settings(server, mode=mode, path=str(path), **more)) as runtime:
        yield runtime


async def told(turn: Turn) -> list[tuple[str, int, str]]:
    """What a turn told, pieces of one kind in a row as one: how they fall together is a matter of time."""
    events: list[tuple[str, int, str]] = []
    async for event in turn:
        if event.kind in ("delta", "thinking") and events and events[-1][:2] == (event.kind, event.attempt):
            events[-1] = (event.kind, event.attempt, events[-1][2] + event.text)
        else:
            events.append((event.kind, event.attempt, event.text))
    return events


async def session(runtime: Runtime, *, cancels: bool = True) -> list[list[tuple[str, int, str]]]:
    """A conversation of all sorts, and one that is canceled in mid-stream (by itself, where it was recorded so)."""
    chat = runtime.conversation("all sorts", options={"max_tokens": 500})
    stories = []
    for model in MODELS:
        for stream in (True, False) if model.startswith("simulated") else (True,):
            turn = await chat.send(f"say {model}", model=model, stream=stream, effect_policy={"max_attempts": 3})
            stories.append(await told(turn))
    turn = await runtime.conversation("patience").send("the long version", model="simulated:slow")
    event: TurnEvent | None
    index, seen = 0, ""
    while (event := await turn.event(index)) is not None and len(seen) < 12:
        index, seen = index + 1, seen + event.text
    if cancels:
        await turn.cancel("heard enough", requested_by="somebody")
    stories.append(await told(turn))
    await runtime.idle()
    return stories


def tables(source: Any) -> list[Any]:
    return [
        turns_df(source)[SAYS],
        attempts_df(source)[TRIED],
        cancels_df(source)[CANCELED],
        chunks_df(source)[PIECES],
    ]


def assert_same_tables(some: list[Any], others: list[Any]) -> None:
    for mine, theirs in zip(some, others, strict=True):
        assert_frame_equal(mine, theirs)


async def test_a_replay_is_the_session_without_a_call(path: Path) -> None:
    async with serve() as server:
        async with running(server, "record", path) as runtime:
            lived = await session(runtime)
            expected = tables(runtime)
        assert server.statistics()["requests"] > 10
    # What was canceled ends so also when nobody cancels it.
    for cancels in (True, False):
        async with running(None, "replay", path) as runtime:
            assert await session(runtime, cancels=cancels) == lived
            assert_same_tables(tables(runtime), expected)
    # The recording is a journal itself, and tells the same.
    assert_same_tables(tables(path), expected)
    assert list(events_df(path, types=REQUESTED)["type"]) == [REQUESTED] * len(expected[1])


async def test_what_was_replayed_says_so_and_keeps_its_attribution(path: Path) -> None:
    async with serve() as server, running(server, "record", path) as runtime:
        first = await (await runtime.conversation().send("hi", model="simulated:echo")).result()
    assert "replayed" not in first.metadata
    async with running(None, "replay", path) as runtime:
        again = await (await runtime.conversation().send("hi", model="simulated:echo")).result()
    assert again.metadata["replayed"] is True
    assert (again.backend, again.provider, again.model) == ("jido_ai", "simulated", "echo")
    assert (again.usage, again.request_id) == (first.usage, first.request_id)


async def test_the_nth_same_request_gets_the_nth_answer_and_no_more(path: Path) -> None:
    async def ask(runtime: Runtime) -> str:
        return (await (await runtime.conversation().send("hi", model="simulated:flaky-503", stream=True)).result()).text

    async with serve() as server, running(server, "record", path) as runtime:
        recorded = [await ask(runtime), await ask(runtime)]
        assert await turns_of(runtime) == [3, 3]
    async with running(None, "replay", path) as runtime:
        assert [await ask(runtime), await ask(runtime)] == recorded
        assert await turns_of(runtime) == [3, 3]
        with pytest.raises(GenerationFailed, match="holds 2 answers to this request") as caught:
            await ask(runtime)
        assert caught.value.error.category == "config"
        assert "auto" in str(caught.value)


async def turns_of(runtime: Runtime) -> list[int]:
    await runtime.idle()
    return list(turns_df(runtime)["attempts"])


ASKED: dict[str, Any] = {"text": "hello you", "model": "simulated:echo"}


@pytest.fixture(scope="module")
def two_requests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of two requests."""
    path = tmp_path_factory.mktemp("two") / "recording.jsonl"

    async def record() -> None:
        async with serve() as server, running(server, "record", path) as runtime:
            await (await runtime.conversation().send("something else", model="simulated:tools")).wait()
            await (await runtime.conversation().send(**ASKED)).wait()

    anyio.run(record)
    return path


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"model": "simulated:story"}, "the model ('echo' in the recording, 'story' now)"),
        ({"text": "hello there"}, "the prompt ('hello you' in the recording, 'hello there' now)"),
        ({"system_prompt": "be brief"}, "the system prompt (None in the recording, 'be brief' now)"),
        ({"options": {"max_tokens": 9}}, "the options ({} in the recording, {'max_tokens': 9} now)"),
        ({"stream": False}, "the stream (True in the recording, False now)"),
        ({"backend": "harness", "model": "simulated:echo"}, "the backend ('jido_ai' in the recording, 'harness' now)"),
    ],
)
async def test_a_miss_names_the_nearest_request_and_the_way_out(
    two_requests: Path, changed: dict[str, Any], words: str
) -> None:
    path = two_requests
    async with running(None, "replay", path) as runtime:
        turn = await runtime.conversation().send(**{**ASKED, **changed}, effect_policy={"max_attempts": 3})
        with pytest.raises(GenerationFailed) as caught:
            await turn.result()
    assert caught.value.attempts == 1
    assert caught.value.error.category == "config"
    assert words in str(caught.value)
    assert f"%jido recording auto {path}" in str(caught.value)


async def test_ids_and_limits_make_no_other_request(path: Path, tmp_path: Path) -> None:
    async with serve() as server, running(server, "record", path) as runtime:
        await (await runtime.conversation("one").send("hi", model="simulated:echo", timeout_ms=9000)).result()
        chat = runtime.conversation("agent", model="harness:simulated:echo", options={"cwd": str(tmp_path)})
        await (await chat.send("hi")).result()
    async with running(None, "replay", path) as runtime:
        await (await runtime.conversation("two").send("hi", model="simulated:echo", timeout_ms=1000)).result()
        await (await runtime.conversation("other", model="harness:simulated:echo").send("hi")).result()


async def test_auto_calls_once_and_replays_from_then_on(path: Path) -> None:
    async with serve() as server:
        for calls in (1, 1, 2, 2):
            async with running(server, "auto", path) as runtime:
                for text in ("one", "two")[:calls]:
                    await (await runtime.conversation("c").send(text, model="simulated:echo")).result()
            assert server.statistics()["requests"] == calls
    assert len(turns_df(path)) == 2


async def test_recording_again_is_a_new_take(path: Path) -> None:
    async with serve() as server:
        for max_attempts in (1, 3):
            async with running(server, "record", path) as runtime:
                policy = {"max_attempts": max_attempts}
                chat = runtime.conversation()
                await (await chat.send("hi", model="simulated:flaky-503", effect_policy=policy)).wait()
    async with running(None, "replay", path) as runtime:
        turn = await runtime.conversation().send("hi", model="simulated:flaky-503")
        assert (await turn.result()).text
        assert turn.attempts == 3


async def test_a_cancel_between_attempts_is_replayed_between_them(path: Path) -> None:
    policy = {"backoff_ms": 60_000}
    async with serve() as server, running(server, "record", path) as runtime:
        turn = await runtime.conversation().send("hi", model="simulated:always-503", effect_policy=policy)
        async for event in turn:
            if event.kind == "retrying":
                await turn.cancel("no patience")
        await runtime.idle()
        expected = tables(runtime)
    async with running(None, "replay", path) as runtime:
        turn = await runtime.conversation().send("hi", model="simulated:always-503", effect_policy=policy)
        with pytest.raises(GenerationCanceled, match="no patience"):
            await turn.result()
        await runtime.idle()
        assert_same_tables(tables(runtime), expected)


async def test_a_replayed_failure_need_not_wait_for_its_next_attempt(path: Path) -> None:
    slow = {"backoff_ms": 600_000, "max_backoff_ms": 600_000}
    async with serve() as server, running(server, "record", path) as runtime:
        await (await runtime.conversation().send("hi", model="simulated:flaky-503")).result()
    async with running(None, "replay", path) as runtime:
        turn = await runtime.conversation().send("hi", model="simulated:flaky-503", effect_policy=slow)
        await turn.result()
        assert [retry.wait_ms >= 600_000 for retry in turn.view.retries] == [True, True]


async def test_real_timing_keeps_the_gaps_and_none_leaves_them_out(path: Path) -> None:
    async with serve() as server, running(server, "record", path) as runtime:
        await (await runtime.conversation().send("hi", model="simulated:tools")).result()
    recorded = chunks_df(path)["at_ms"].max()
    for timing, least in (("real", recorded), (0.5, recorded / 2), ("none", 0)):
        async with running(None, "replay", path, timing=timing) as runtime:
            await (await runtime.conversation().send("hi", model="simulated:tools")).result()
            await runtime.idle()
            assert chunks_df(runtime)["at_ms"].max() >= least


async def test_it_is_switched_on_and_off_while_the_runtime_lives(path: Path) -> None:
    async with serve() as server, open_runtime(settings(server)) as runtime:
        chat = runtime.conversation("c", model="simulated:echo")
        await (await chat.send("not kept")).result()
        await runtime.recordings.use(RecordingSettings(mode="record", path=str(path)))
        await (await chat.send("kept")).result()
        await runtime.recordings.use(RecordingSettings())
        await (await chat.send("not kept either")).result()
        assert list(turns_df(path)["prompt"]) == ["kept"]
        assert server.statistics()["requests"] == 3
        await runtime.recordings.use(RecordingSettings(mode="replay", path=str(path)))
        with pytest.raises(GenerationFailed, match="earlier messages"):
            await (await chat.send("kept")).result()
        assert server.statistics()["requests"] == 3


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        ({"mode": "replay"}, "needs a path"),
        ({"mode": "replay", "path": "nowhere.jsonl"}, "no recording at nowhere.jsonl"),
        ({"mode": "replay", "path": "empty.jsonl"}, "holds no recorded requests"),
        ({"mode": "replay", "path": "text.jsonl"}, "line 1 is not a signal"),
        ({"mode": "record", "path": "no/such/folder/r.jsonl"}, "cannot open"),
        ({"mode": "record", "path": "own.jsonl"}, "is the journal that is written to"),
    ],
)
async def test_what_is_no_recording_is_said_at_once(
    recording: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "text.jsonl").write_text("hello\n")
    with pytest.raises((ConfigError, JournalError), match=words):
        async with open_runtime({"recording": recording}, "own.jsonl"):
            pass


def test_a_mode_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"recording\.mode.*'off', 'record', 'replay' or 'auto'"):
        Settings.model_validate({"recording": {"mode": "reply"}})


async def test_two_runtimes_do_not_record_into_one_file(path: Path) -> None:
    async with running(None, "record", path):
        with pytest.raises(JournalError, match="is in use by another Lab or runtime"):
            async with running(None, "auto", path):
                pass


async def test_no_secret_is_kept_with_a_request(path: Path) -> None:
    secret = "sk-ant-0123456789abcdefghij"
    async with serve() as server, running(server, "record", path) as runtime:
        chat = runtime.conversation(model="simulated:echo", system_prompt=f"the key is {secret}")
        await (await chat.send("hi")).result()
    (asked,) = list(events_df(path, types=REQUESTED)["data"])
    assert secret not in str(asked)
    assert "[redacted]" in str(asked)
