"""The framer gives the same events wherever a body is cut, and the same as the SDK's own decoder."""

import pytest
from anthropic import AsyncStream
from httpx2 import Response
from hypothesis import given
from hypothesis import strategies as st

from jido_nb.backends.jido_ai import sse
from jido_nb.backends.jido_ai.sse import EventFramer
from jido_nb.llm.error import LLMError

WIRE = (
    b": hello\r\n\r\n"
    b'event: a\ndata: {"x":"\xc3\xa9\xe2\x80\xa8"}\n\n'
    b'event: b\r\ndata: {"y":1}\r\n\r\n'
    b"data: one\ndata:two\ndata\n\n"
    b"id: 3\nretry: 10\nunknown: x\n\n"
    b"event: c\rdata: last\r\r\n\n"
)
EVENTS = [b'{"x":"\xc3\xa9\xe2\x80\xa8"}', b'{"y":1}', b"one\ntwo\n", b"last"]


@pytest.mark.parametrize("cut", range(len(WIRE) + 1))
def test_it_does_not_matter_where_the_body_is_cut(cut: int) -> None:
    framer = EventFramer()
    assert framer.feed(WIRE[:cut]) + framer.feed(WIRE[cut:]) == EVENTS
    assert framer.feed(b"data: next\n\n") == [b"next"]


def test_a_byte_at_a_time_gives_the_same() -> None:
    framer = EventFramer()
    assert [event for byte in WIRE for event in framer.feed(bytes([byte]))] == EVENTS


@pytest.mark.anyio
async def test_the_sdk_decodes_the_same() -> None:
    decoded = [event.data.encode() async for event in AsyncStream.raw_events(Response(200, content=WIRE)) if event.data]
    assert decoded == EVENTS


@given(st.lists(st.text(st.sampled_from("ab\u2028\x85é"), min_size=1)), st.data())
def test_any_events_in_any_pieces_come_out_whole(texts: list[str], data: st.DataObject) -> None:
    wire = b"".join(b"data: " + text.encode() + b"\n\n" for text in texts)
    framer, found = EventFramer(), []
    while wire:
        size = data.draw(st.integers(1, len(wire)))
        found += framer.feed(wire[:size])
        wire = wire[size:]
    assert found == [text.encode() for text in texts]


def test_an_event_that_has_not_ended_is_no_event_yet() -> None:
    framer = EventFramer()
    assert framer.feed(b"data: half\n") == []
    assert framer.feed(b"data: whole\n\n") == [b"half\nwhole"]


@pytest.mark.parametrize("line", [b"x" * 100, b"data: x\n" * 20])
def test_an_event_that_is_too_large_is_a_transport_error(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1000)
    with pytest.raises(LLMError, match="larger than 1000 bytes") as caught:
        feed_forever(EventFramer(), line)
    assert caught.value.category == "transport"


def feed_forever(framer: EventFramer, line: bytes) -> None:
    while True:
        framer.feed(line)
