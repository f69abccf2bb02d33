"""Whatever an agent prints, its decoder raises nothing, and the run has one outcome."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jido_nb.backends.harness.agents.table import AGENTS, agent_of
from jido_nb.backends.harness.lines import LineFramer
from jido_nb.backends.harness.process import Exit
from jido_nb.llm.error import CATEGORIES, LLMError

from ..backends.harness import claude_records
from ..backends.harness.playing import play, run_of
from .broken_json import PACKAGE, records, spoiled, values, words_of

FILES = {
    name: [
        str(path.relative_to(PACKAGE))
        for path in (PACKAGE / "backends/harness/agents").glob("*.py")
        if path.stem.partition("_")[0] == name.partition("-")[0]
        or (name.endswith("-acp") and path.stem.startswith("acp"))
    ]
    for name in AGENTS
}
WORDS = {name: words_of(*files, "backends/harness/fallback.py") for name, files in FILES.items()}
CLAUDE = [
    value for value in vars(claude_records).values() if isinstance(value, dict) and isinstance(value.get("type"), str)
]
exits = st.builds(Exit, st.sampled_from([0, 0, 1, 3, -9]), st.just("exited"), st.just(0), st.text(max_size=20))
quick = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


def check(name, told, exit):
    agent = agent_of(name)
    played = play(agent, run_of(agent), told, exit)
    assert (played.result is None) != (played.error is None)
    assert played.outcome in ("completed", "failed", "canceled")
    if played.error is not None:
        assert isinstance(played.error, LLMError)
        assert played.error.category in CATEGORIES
        json.dumps(played.error.to_payload())
    else:
        played.result.to_payload()
    played.decoder.last_words()
    played.decoder.interrupt()


@pytest.mark.parametrize("name", AGENTS)
@given(data=st.data())
@quick
def test_any_records_have_one_outcome(name, data):
    lines = (
        records(WORDS[name]) | values(WORDS[name]).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=9)
    )
    check(name, data.draw(st.lists(lines, max_size=8)), data.draw(exits))


@given(data=st.data())
@settings(quick, max_examples=100)
def test_good_records_that_were_spoiled_have_one_outcome(data):
    good = [data.draw(st.sampled_from(CLAUDE)) for _ in range(4)]
    told = data.draw(spoiled(good, WORDS["claude"]))
    check(
        "claude",
        [record if isinstance(record, dict) else json.dumps(record).encode() for record in told],
        data.draw(exits),
    )


@given(st.binary(max_size=200) | st.text('{}"a\r\n\u2028', max_size=100).map(str.encode), st.data())
@settings(quick, max_examples=200)
def test_the_framer_takes_any_bytes_in_any_pieces(wire, data):
    whole = LineFramer(1000)
    expected = [*whole.feed(wire), whole.tail()]
    framer, found, rest = LineFramer(1000), [], wire
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        found += framer.feed(rest[:size])
        rest = rest[size:]
    assert [*found, framer.tail()] == expected


@pytest.mark.parametrize("odd", [{"a": 1}, [1], 7, 0.5, True])
@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("gemini", lambda odd: {"type": "message", "role": "assistant", "content": odd, "delta": True}),
        ("codex", lambda odd: {"type": "item.completed", "item": {"id": "1", "type": "agent_message", "text": odd}}),
        ("opencode", lambda odd: {"type": "text", "sessionID": "s", "part": {"messageID": "m", "text": odd}}),
        ("simulated", lambda odd: {"type": "text", "text": odd}),
    ],
)
def test_text_that_is_none_is_a_record_that_is_not_known(name, record, odd):
    check(name, [record(odd)], Exit(1, "exited", 0, ""))
    check(name, [record(odd), record("yes")], Exit(0, "exited", 0, ""))
