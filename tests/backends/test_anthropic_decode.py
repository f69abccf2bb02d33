"""Answers of the Messages API as events and result; recorded streams are in test_recorded_streams.py."""

import json
from typing import Any

import pytest

from jido_nb.backends.jido_ai.anthropic_decode import Decoder
from jido_nb.backends.jido_ai.sse import EventFramer
from jido_nb.llm.error import LLMError
from jido_nb.llm.event import LLMEvent
from jido_nb.llm.usage import Usage

from .asking import folded, told

SEARCH = {"type": "web_search_result", "url": "https://example.org", "title": "t", "encrypted_content": "e"}
CITATION = {"type": "web_search_result_location", "url": "https://example.org", "cited_text": "x"}


def start(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


RECORDS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-served",
            "content": [],
            "stop_reason": None,
            "usage": {
                "input_tokens": 10,
                "cache_read_input_tokens": 3,
                "cache_creation_input_tokens": 0,
                "output_tokens": 1,
                "service_tier": "standard",
            },
        },
    },
    {"type": "ping"},
    start(0, type="thinking", thinking="", signature=""),
    delta(0, type="thinking_delta", thinking="Let me "),
    delta(0, type="thinking_delta", thinking="see. "),
    delta(0, type="signature_delta", signature="sig"),
    stop(0),
    start(1, type="redacted_thinking", data="hidden"),
    stop(1),
    start(2, type="text", text=""),
    delta(2, type="text_delta", text="Hello"),
    delta(2, type="text_delta", text=" "),
    delta(2, type="text_delta", text="\u00e9\u2028 👩\u200d👧\n"),
    stop(2),
    start(3, type="server_tool_use", id="srv_1", name="web_search", input={}),
    delta(3, type="input_json_delta", partial_json='{"query": "x"}'),
    stop(3),
    start(4, type="web_search_tool_result", tool_use_id="srv_1", content=[SEARCH]),
    stop(4),
    start(5, type="text", text=""),
    delta(5, type="citations_delta", citation=CITATION),
    delta(5, type="text_delta", text="cited"),
    stop(5),
    start(8, type="compaction", content=None),
    delta(8, type="compaction_delta", content="Before: greetings.", encrypted_content="opaque"),
    stop(8),
    {"type": "something_new", "index": 9},
    start(6, type="block_of_tomorrow", payload=1),
    delta(6, type="delta_of_tomorrow", x=1),
    stop(6),
    start(7, type="tool_use", id="toolu_1", name="get_weather", input={}),
    delta(7, type="input_json_delta", partial_json=""),
    delta(7, type="input_json_delta", partial_json='{"city": "Lis'),
    delta(7, type="input_json_delta", partial_json='bon", "days": [1, 2]}'),
    stop(7),
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 42, "output_tokens_details": {"thinking_tokens": 7}},
        "context_management": {"applied_edits": [{"type": "compact"}]},
    },
    {"type": "message_stop"},
]
WIRE = b"".join(
    f"event: {record['type']}\ndata: {json.dumps(record, ensure_ascii=False)}\n\n".encode() for record in RECORDS
)
FACTS = {"request_id": "req_1", "rate_limits": {"requests-remaining": "9"}}


def decoded(*pieces: bytes) -> list[LLMEvent]:
    framer, decoder = EventFramer(), Decoder(backend="jido_ai", provider="anthropic", facts=FACTS)
    return [event for piece in pieces for data in framer.feed(piece) for event in decoder.decode(json.loads(data))]


def test_a_stream_becomes_events_in_order() -> None:
    events = decoded(WIRE)
    assert [event.sequence for event in events] == list(range(len(events)))
    told = [
        event.tool.status if event.tool else (event.delta or event.thinking)
        for event in events
        if event.lifecycle != "completed"
    ]
    assert told == [
        "Let me ",
        "see. ",
        "Hello",
        " ",
        "\u00e9\u2028 👩\u200d👧\n",
        "running",
        "",  # the arguments arrive: alive, and nothing to show
        "running",
        "completed",
        "cited",
        "pending",
        "",
        "",
        "pending",
    ]
    assert events[0].usage == Usage(input_tokens=10, output_tokens=1, cache_read_tokens=3, cache_write_tokens=0)
    assert events[0].metadata == {"model": "claude-served"}


def test_a_stream_becomes_a_result() -> None:
    result = decoded(WIRE)[-1].result
    assert result is not None
    assert result.text == "Hello \u00e9\u2028 👩\u200d👧\ncited"
    assert result.thinking == "Let me see. "
    search, weather = result.tool_calls
    assert (search.kind, search.status, search.arguments, search.output) == (
        "server",
        "completed",
        {"query": "x"},
        [SEARCH],
    )
    assert (weather.kind, weather.id, weather.arguments) == ("client", "toolu_1", {"city": "Lisbon", "days": [1, 2]})
    assert result.usage == Usage(10, 42, 3, 0, 7)
    assert (result.model, result.finish_reason, result.request_id) == ("claude-served", "tool_use", "req_1")
    assert result.metadata["rate_limits"] == {"requests-remaining": "9"}
    assert result.metadata["service_tier"] == "standard"
    blocks = result.metadata["content"]
    assert blocks[0] == {"type": "thinking", "thinking": "Let me see. ", "signature": "sig"}
    assert blocks[1] == {"type": "redacted_thinking", "data": "hidden"}
    assert blocks[5]["citations"] == [CITATION]
    assert blocks[6] == {"type": "block_of_tomorrow", "payload": 1}
    assert blocks[8] == {"type": "compaction", "content": "Before: greetings.", "encrypted_content": "opaque"}
    assert result.metadata["context_management"] == {"applied_edits": [{"type": "compact"}]}
    assert blocks[7]["input"] == {"city": "Lisbon", "days": [1, 2]}


def test_the_fold_of_the_events_is_the_result() -> None:
    events = decoded(WIRE)
    assert folded(events) == told(events)


def test_whole_and_streamed_give_the_same_result() -> None:
    """W-27: the text does not depend on the mode."""
    streamed = decoded(WIRE)[-1].result
    assert streamed is not None
    message = {**RECORDS[0]["message"], "content": streamed.metadata["content"], "stop_reason": "tool_use"}
    message["usage"] = {**message["usage"], **RECORDS[-2]["usage"]}
    message["context_management"] = RECORDS[-2]["context_management"]
    decoder = Decoder(backend="jido_ai", provider="anthropic", facts=FACTS)
    assert decoder.whole(json.loads(json.dumps(message))) == streamed


def test_plain_text_is_not_kept_twice() -> None:
    events = decoded_records(
        RECORDS[0], start(0, type="text", text="a"), delta(0, type="text_delta", text="b"), stop(0), RECORDS[-1]
    )
    result = events[-1].result
    assert result is not None
    assert result.text == "ab"
    assert "content" not in result.metadata


def decoded_records(*records: dict[str, Any]) -> list[LLMEvent]:
    decoder = Decoder(backend="b", provider="p")
    return [event for record in records for event in decoder.decode(record)]


@pytest.mark.parametrize(("raw", "arguments"), [("", {}), ('{"a": 1}', {"a": 1}), ('{"a": ', '{"a": ')])
def test_arguments_are_parsed_or_kept_raw(raw: str, arguments: Any) -> None:
    events = decoded_records(
        RECORDS[0],
        start(0, type="tool_use", id="t", name="f", input={}),
        delta(0, type="input_json_delta", partial_json=raw),
        stop(0),
    )
    assert events[-1].tool is not None
    assert events[-1].tool.arguments == arguments


def test_a_server_tool_that_failed_says_so() -> None:
    content = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
    events = decoded_records(
        RECORDS[0],
        start(0, type="server_tool_use", id="s", name="web_search", input={}),
        stop(0),
        start(1, type="web_search_tool_result", tool_use_id="s", content=content),
    )
    assert events[-1].tool is not None
    assert (events[-1].tool.status, events[-1].tool.output) == ("failed", content)


def test_what_was_there_before_a_failure_is_kept() -> None:
    decoder = Decoder(backend="b", provider="p")
    for record in (RECORDS[0], start(0, type="text", text=""), delta(0, type="text_delta", text="half ")):
        decoder.decode(record)
    error = decoder.with_remains(LLMError.of("transport", "reset"))
    assert error.partial_text == "half "
    assert error.usage == Usage(input_tokens=10, output_tokens=1, cache_read_tokens=3, cache_write_tokens=0)


def test_unknown_counts_stay_unknown() -> None:
    events = decoded_records({"type": "message_start", "message": {"model": "m"}}, RECORDS[-1])
    assert events[-1].usage is None
    assert events[-1].result is not None
    assert events[-1].result.usage is None


@pytest.mark.parametrize(
    "record",
    [
        [],
        1,
        None,
        {},
        {"type": "content_block_delta"},
        delta(5, type="text_delta", text="x"),
        stop(5),
        {"type": "error"},
    ],
)
def test_a_record_that_breaks_the_protocol_raises(record: Any) -> None:
    with pytest.raises((KeyError, TypeError, AttributeError, LLMError)):
        Decoder(backend="b", provider="p").decode(record)


@pytest.mark.parametrize("reason", ["end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal"])
def test_every_reason_to_stop_is_told_with_its_details(reason: str) -> None:
    details = {"stop_reason": reason, "stop_sequence": "x", "stop_details": {"category": "cyber"}}
    ending = {"type": "message_delta", "delta": details, "usage": {"output_tokens": 1}}
    result = decoded_records(RECORDS[0], ending, RECORDS[-1])[-1].result
    assert result is not None
    assert (result.status, result.finish_reason) == ("completed", reason)
    assert (result.metadata["stop_sequence"], result.metadata["stop_details"]) == ("x", {"category": "cyber"})
