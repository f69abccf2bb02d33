"""Spans and measurements: the same live and from the log, true to the log's times, and silent about what was said."""

import json

import anyio
import pytest
from opentelemetry import trace

import jido_nb
from jido_nb.errors import ConfigError
from jido_nb.llm.error import GenerationCanceled, GenerationFailed
from jido_nb.otel import recorder as recorders
from jido_nb.otel.names import ATTRIBUTES, METRICS
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.builders import START_US, signal

pytestmark = pytest.mark.anyio

LIVE = {"opentelemetry": {"live": True}, "effects": {"llm": {"backoff_ms": 0}}}

SCENARIOS = {
    "an answer": ("simulated:echo", None, ["completed"], []),
    "thinking": ("simulated:thinking", None, ["completed"], []),
    "two failures, then an answer": ("simulated:flaky-503", None, ["retried", "retried", "completed"], []),
    "a refusal to serve": ("simulated:unauthorized", None, ["failed"], []),
    "a tool that is only asked for": ("simulated:tools", None, ["completed"], []),
    "an agent with tools": ("simulated:tools", "harness", ["completed"], ["Bash", "Read"]),
}


def effect_signals(*lifecycles, effect_id="e1", **data):
    """The signals of one generation, a second apart; `data` is in the last one."""
    last = len(lifecycles) - 1
    return [
        signal(
            f"conv.effect.llm.generation.{lifecycle}",
            time_us=START_US + place * 1_000_000,
            effect_id=effect_id,
            attempt=1,
            **(data if place == last else {}),
        )
        for place, lifecycle in enumerate(lifecycles)
    ]


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_live_and_from_the_log_it_is_the_same_story(scenario, live, told, tmp_path):
    model, backend, attempts, tools = SCENARIOS[scenario]
    path = tmp_path / "runs.sqlite"
    async with open_runtime(LIVE, path) as runtime:
        turn = await runtime.conversation("c1").send("hi", model=model, backend=backend)
        await turn.wait()
    jido_nb.to_opentelemetry(path, tracer_provider=told.tracers, meter_provider=told.meters)
    assert told.story() == live.story()
    turns, asked = (
        [s for s in told.spans if s.name == "jido_nb.turn"],
        [s for s in told.spans if s.kind.name == "CLIENT"],
    )
    assert [span.attributes["jido_nb.status"] for span in asked] == attempts
    assert [span.attributes["gen_ai.tool.name"] for span in told.spans if span.name.startswith("execute_tool")] == tools
    assert [span.attributes["jido_nb.attempts"] for span in turns] == [len(attempts)]
    assert len(told.spans) == 1 + len(attempts) + len(tools)


async def test_the_numbers_are_those_of_the_attempts_table(told, tmp_path):
    path = tmp_path / "runs.sqlite"
    async with open_runtime(LIVE, path) as runtime:
        for model in ("echo", "flaky-503", "unauthorized"):
            await (await runtime.conversation(model).send("hi", model=f"simulated:{model}")).wait()
    jido_nb.to_opentelemetry(path, tracer_provider=told.tracers, meter_provider=told.meters)
    table = jido_nb.attempts_df(path)
    measured = told.measured()
    assert sum(count for _, count in measured["gen_ai.client.operation.duration"]) == len(table)
    assert sum(value for _, value in measured["jido_nb.client.retries"]) == (table.outcome == "retried").sum()
    kinds = [point["gen_ai.token.type"] for point, _ in measured["gen_ai.client.token.usage"]]
    assert {"input", "output"} == set(kinds)
    spans = [span for span in told.spans if span.kind.name == "CLIENT"]
    assert [span.attributes.get("gen_ai.usage.output_tokens") for span in spans] == [
        None if tokens != tokens or tokens is None else tokens
        for tokens in table.output_tokens.astype(object).where(table.output_tokens.notna(), None)
    ]


async def test_a_cancel_is_not_an_error(live):
    async with open_runtime(LIVE) as runtime:
        turn = await runtime.conversation("c1").send("hi", model="simulated:slow")
        async for event in turn:
            if event.kind == "delta":
                break
        await turn.cancel("enough")
        with pytest.raises(GenerationCanceled):
            await turn.result()
    assert [(span.name, span.status.status_code.name) for span in live.spans] == [
        ("jido_nb.turn", "UNSET"),
        ("chat slow", "UNSET"),
    ]
    assert {span.attributes["jido_nb.cancel.reason"] for span in live.spans} == {"enough"}
    assert not [span for span in live.spans if "error.type" in span.attributes]


async def test_a_failure_names_its_category_and_its_status(live):
    async with open_runtime(LIVE) as runtime:
        with pytest.raises(GenerationFailed):
            await (await runtime.conversation("c1").send("hi", model="simulated:unauthorized")).result()
    asked = live.spans[-1]
    assert (asked.status.status_code.name, asked.attributes["error.type"]) == ("ERROR", "auth")
    assert asked.attributes["http.response.status_code"] == 401


async def test_a_turn_hangs_below_the_span_it_was_sent_in_and_no_task_sees_anothers(live, told, tmp_path):
    path = tmp_path / "runs.sqlite"
    mine = trace.get_tracer("mine")
    seen = {}
    async with open_runtime(LIVE, path) as runtime:

        async def ask(name):
            with mine.start_as_current_span(name) as span:
                seen[name] = span.get_span_context()
                turn = await runtime.conversation(name).send("hi", model="simulated:echo")
                await turn.result()
                assert trace.get_current_span() is span

        async with anyio.create_task_group() as tasks:
            for name in ("ada", "bob", "eve"):
                tasks.start_soon(ask, name)
        await (await runtime.conversation("alone").send("hi", model="simulated:echo")).result()
    with mine.start_as_current_span("afterwards"):
        jido_nb.to_opentelemetry(path, tracer_provider=told.tracers, meter_provider=told.meters)
    for spans in (live.spans, told.spans):
        turns = {span.attributes["gen_ai.conversation.id"]: span for span in spans if span.name == "jido_nb.turn"}
        for name, context in seen.items():
            assert (turns[name].context.trace_id, turns[name].parent.span_id) == (context.trace_id, context.span_id)
        assert turns["alone"].parent is None


async def test_nothing_that_was_said_is_told(told, live):
    async with open_runtime(LIVE) as runtime:
        for model, backend in (("simulated:tools", None), ("simulated:tools", "harness"), ("simulated:echo", None)):
            chat = runtime.conversation(f"{backend}-{model}", system_prompt="SECRET system")
            turn = await chat.send("SECRET question", model=model, backend=backend)
            await turn.result()
        await runtime.idle()
    everything = json.dumps([span.to_json() for span in live.spans])
    assert len(live.spans) > 5
    for said in ("SECRET", "Lisbon", "wc -l", "missing.txt"):
        assert said not in everything


@pytest.mark.parametrize("conventions", ["latest", "1.36"])
async def test_each_generation_of_names_is_used_as_the_table_has_it(conventions, told, tmp_path):
    path = tmp_path / "runs.sqlite"
    async with open_runtime({"effects": {"llm": {"backoff_ms": 0}}}, path) as runtime:
        await (await runtime.conversation("c1").send("hi", model="simulated:flaky-503")).result()
    jido_nb.to_opentelemetry(path, tracer_provider=told.tracers, meter_provider=told.meters, conventions=conventions)
    column = 1 if conventions == "latest" else 2
    used = {key for span in told.spans for key in span.attributes}
    assert used <= {row[column] for row in ATTRIBUTES}
    assert ("gen_ai.provider.name" in used, "gen_ai.system" in used) == (column == 1, column == 2)
    assert set(told.measured()) == {row[column] for row in METRICS if row[column]} - {"jido_nb.client.cancels"}


async def test_an_unknown_generation_is_refused_with_the_closest_one(told):
    with pytest.raises(ConfigError, match=r"no conventions 'lastest'\. Did you mean 'latest'"):
        jido_nb.to_opentelemetry([], tracer_provider=told.tracers, conventions="lastest")
    with pytest.raises(ConfigError, match=r"opentelemetry\.conventions"):
        jido_nb.Settings(opentelemetry={"conventions": "1.0"})


async def test_what_a_crash_cut_off_ends_where_it_was_last_heard_of(told):
    started, streamed, failed = effect_signals("started", "progress", "failed", details={"recovered": True})
    jido_nb.to_opentelemetry([started, streamed, failed], tracer_provider=told.tracers, meter_provider=told.meters)
    assert {span.end_time for span in told.spans} == {streamed.time_us * 1000}
    assert {span.attributes["jido_nb.recovered"] for span in told.spans} == {True}
    assert told.measured() == {}


async def test_a_clock_that_jumps_back_makes_no_span_that_ends_before_it_began(told):
    log = [
        *effect_signals("started", "progress"),
        *effect_signals("progress", status="retrying", wait_ms=5),
        *effect_signals("progress", status="retry_attempt_started"),
        *effect_signals("completed"),
    ]
    jumped = [
        signal(each.type, time_us=each.time_us - place * 3_600_000_000, **each.data) for place, each in enumerate(log)
    ]
    jido_nb.to_opentelemetry(jumped, tracer_provider=told.tracers, meter_provider=told.meters)
    assert len(told.spans) == 3
    (turn,) = (span for span in told.spans if span.name == "jido_nb.turn")
    for span in told.spans:
        assert turn.start_time <= span.start_time <= span.end_time <= turn.end_time
    assert [event.timestamp for event in turn.events] == [turn.end_time]


async def test_effects_without_an_end_are_few_and_end_where_they_were_last_heard_of(told, monkeypatch):
    monkeypatch.setattr(recorders, "MAX_OPEN", 3)
    signals = [effect_signals("started", effect_id=f"e{index}")[0] for index in range(5)]
    recorder = recorders.Recorder(told.tracers, told.meters)
    for seq, started in enumerate(signals, 1):
        recorder.apply(jido_nb.Recorded(seq, started))
    assert len([span for span in told.spans if span.name == "jido_nb.turn"]) == 2
    recorder.close()
    assert len([span for span in told.spans if span.name == "jido_nb.turn"]) == 5


async def test_a_tool_effect_and_a_wait_are_spans_too(live):
    async with open_runtime(LIVE, tools={"double": lambda number: 2 * number}) as runtime:
        chat = runtime.conversation("c1")
        await chat.call_tool("double", {"number": 2})
        await chat.call_tool("missing", {})
        await runtime.idle()
    assert [(span.name, span.status.status_code.name) for span in live.spans] == [
        ("execute_tool double", "UNSET"),
        ("execute_tool missing", "ERROR"),
    ]


async def test_without_the_setting_nothing_is_told(live):
    async with open_runtime() as runtime:
        with trace.get_tracer("mine").start_as_current_span("cell"):
            await (await runtime.conversation("c1").send("hi", model="simulated:echo")).result()
        log = await runtime.events()
    assert [span.name for span in live.spans] == ["cell"]
    assert not [recorded for recorded in log if "traceparent" in recorded.signal.extensions]
