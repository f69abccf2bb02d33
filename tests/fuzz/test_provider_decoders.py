"""Whatever a server sends, a decoder gives events, one ending, and raises nothing but what it says it raises."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jido_nb.backends.jido_ai import anthropic_decode, openai_decode
from jido_nb.backends.jido_ai.decoder import AnswerDecoder
from jido_nb.backends.jido_ai.sse import EventFramer
from jido_nb.llm.error import LLMError
from jido_nb.llm.event import TERMINAL
from jido_nb.llm.fold import Fold

from .broken_json import records, spoiled, tried, values, words_of

STREAMS = Path(__file__).parents[1] / "backends" / "streams"
NAMED = (LookupError, TypeError, AttributeError, ValueError, msgspec.DecodeError, LLMError)
"""What `AnswerDecoder` says it raises."""
DECODERS = {"anthropic": anthropic_decode.Decoder, "openai": openai_decode.Decoder}
WORDS = {name: words_of(f"backends/jido_ai/{name}_decode.py", "backends/jido_ai/errors.py") for name in DECODERS}
GOOD = {
    path.name: EventFramer().feed(path.read_bytes())
    for path in sorted(STREAMS.glob("*.sse"))
    if path.name.partition("-")[0] in DECODERS
}
quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def decoder_of(name: str) -> AnswerDecoder:
    return DECODERS[name](backend="jido_ai", provider=name)


def check(decoder: AnswerDecoder, told: list[bytes]) -> None:
    fold, endings = Fold(), 0
    try:
        for data in told:
            events = decoder.read(data)
            endings += sum(event.lifecycle in TERMINAL for event in events)
            for event in events:
                fold.add(event)
            if decoder.ended:
                break
        else:
            for event in decoder.finish():
                endings += event.lifecycle in TERMINAL
                fold.add(event)
        assert endings == 1
        fold.result().to_payload()
    except NAMED:
        assert endings <= 1
    assert isinstance(decoder.partial_text, str)


def as_bytes(record: Any) -> bytes:
    return record if isinstance(record, bytes) else json.dumps(record).encode()


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.data())
@quick
def test_any_records(name: str, data: st.DataObject) -> None:
    told = data.draw(st.lists(records(WORDS[name]) | values(WORDS[name]) | st.binary(max_size=8), max_size=8))
    check(decoder_of(name), [as_bytes(record) for record in told])


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.data())
@quick
def test_any_whole_answer(name: str, data: st.DataObject) -> None:
    body = data.draw(values(WORDS[name]))
    result, error = tried(NAMED, lambda: decoder_of(name).whole(body).to_payload())
    assert (result is None) != (error is None)


@given(data=st.data())
@settings(quick, max_examples=300)
def test_good_streams_that_were_spoiled(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(GOOD)))
    name = file.partition("-")[0]
    good = [json.loads(event) for event in GOOD[file] if event.startswith(b"{")]
    told = [as_bytes(record) for record in data.draw(spoiled(good, WORDS[name]))]
    check(decoder_of(name), [*told, *([b"[DONE]"] if name == "openai" else [])])


@given(st.binary(max_size=200) | st.text('data: {}[]\r\n"event:x1', max_size=200).map(str.encode), st.data())
@settings(quick, max_examples=200)
def test_the_framer_takes_any_bytes_in_any_pieces(wire: bytes, data: st.DataObject) -> None:
    whole = EventFramer().feed(wire)
    framer, found, rest = EventFramer(), [], wire
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        found += framer.feed(rest[:size])
        rest = rest[size:]
    assert found == whole
