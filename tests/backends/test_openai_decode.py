"""Answers of chat completions as events and result; recorded streams are in test_recorded_streams.py."""

import json
from typing import Any

import pytest

from jido_nb.backends.jido_ai.openai_decode import Decoder, decoded_usage
from jido_nb.backends.jido_ai.sse import EventFramer
from jido_nb.llm.error import LLMError
from jido_nb.llm.event import LLMEvent
from jido_nb.llm.settings import EndsWith
from jido_nb.llm.usage import Usage

from .asking import folded, told

ABOUT = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-served"}
FACTS = {"request_id": "req_1", "rate_limits": {"remaining-requests": "9"}}
COUNTS = {
    "prompt_tokens": 20,
    "completion_tokens": 42,
    "total_tokens": 62,
    "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 7},
}


def chunk(delta: Any = None, finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {**ABOUT, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], **more}


def call(index: int | None = None, id: str | None = None, name: str | None = None, **function: Any) -> dict[str, Any]:
    piece: dict[str, Any] = {"function": {**({"name": name} if name else {}), **function}}
    return piece | ({"index": index} if index is not None else {}) | ({"id": id} if id else {})


def calls(*pieces: dict[str, Any]) -> dict[str, Any]:
    return chunk({"tool_calls": list(pieces)})


RECORDS: list[Any] = [
    {**ABOUT, "model": "", "choices": [], "prompt_filter_results": []},  # Azure's first
    chunk({"role": "assistant", "content": "", "refusal": None}),
    chunk({"reasoning_content": "Let me "}),
    chunk({"reasoning_content": "see.", "reasoning": "see.", "content": None}),
    chunk({"content": "Hello"}),
    chunk({"content": " ", "tool_calls": None}),
    chunk(None),
    chunk({"content": "\u00e9\u2028 👩\u200d👧\n"}, usage=None),
    calls(call(0, "c1", "get_weather", arguments="")),
    calls(call(0, arguments='{"city": "Lis')),
    calls(call(0, arguments='bon", "days": [1, 2]}'), call(1, "c2", "get_time")),
    chunk({}, "tool_calls", service_tier="default"),
    {**ABOUT, "choices": [], "usage": COUNTS},
    "[DONE]",
]


def wire(records: list[Any], newline: str = "\n") -> bytes:
    texts = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in records]
    return f": comment{newline}{newline}".encode() + b"".join(
        f"data: {text}{newline}{newline}".encode() for text in texts
    )


WIRE = wire(RECORDS)


def decoded(*pieces: bytes, ends_with: EndsWith = "either") -> list[LLMEvent]:
    framer, decoder = (
        EventFramer(),
        Decoder(backend="jido_ai", provider="openai", facts=FACTS, ends_with=ends_with),
    )
    events: list[LLMEvent] = []
    for data in (data for piece in pieces for data in framer.feed(piece)):
        if not decoder.ended:
            events += decoder.read(data)
    return events if decoder.ended else events + decoder.finish()


def test_a_stream_becomes_events_in_order() -> None:
    events = decoded(WIRE)
    assert [event.sequence for event in events] == list(range(len(events)))
    told = [(event.lifecycle, event.delta or event.thinking or (event.tool and event.tool.name)) for event in events]
    assert told == [
        ("thinking", "Let me "),
        ("thinking", "see."),
        ("delta", "Hello"),
        ("delta", " "),
        ("delta", "\u00e9\u2028 👩\u200d👧\n"),
        ("tool", "get_weather"),
        ("delta", None),  # the arguments arrive: alive, and nothing to show
        ("delta", None),
        ("tool", "get_time"),
        ("tool", "get_weather"),
        ("tool", "get_time"),
        ("completed", None),
    ]
    assert events[0].metadata == {"model": "gpt-served"}


def test_a_stream_becomes_a_result() -> None:
    result = decoded(WIRE)[-1].result
    assert result is not None
    assert (result.text, result.thinking) == ("Hello \u00e9\u2028 👩\u200d👧\n", "Let me see.")
    assert [(one.id, one.name, one.arguments, one.kind) for one in result.tool_calls] == [
        ("c1", "get_weather", {"city": "Lisbon", "days": [1, 2]}, "client"),
        ("c2", "get_time", {}, "client"),
    ]
    assert result.usage == Usage(12, 42, 8, None, 7)
    assert (result.model, result.finish_reason, result.request_id) == ("gpt-served", "tool_calls", "req_1")
    assert (result.provider, result.backend) == ("openai", "jido_ai")
    assert result.metadata["message_id"] == "chatcmpl-1"
    assert result.metadata["rate_limits"] == {"remaining-requests": "9"}


def test_the_fold_of_the_events_is_the_result() -> None:
    events = decoded(WIRE)
    assert folded(events) == told(events)


def test_whole_and_streamed_give_the_same_result() -> None:
    """W-27: the text does not depend on the mode."""
    message = {
        "role": "assistant",
        "content": "Hello \u00e9\u2028 👩\u200d👧\n",
        "refusal": None,
        "reasoning_content": "Let me see.",
        "tool_calls": [
            call(None, "c1", "get_weather", arguments='{"city": "Lisbon", "days": [1, 2]}'),
            call(None, "c2", "get_time", arguments=""),
        ],
    }
    choices = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    body = {**ABOUT, "object": "chat.completion", "choices": choices, "usage": COUNTS}
    decoder = Decoder(backend="jido_ai", provider="openai", facts=FACTS)
    assert decoder.whole(body) == decoded(WIRE)[-1].result


CACHED = {"cached_tokens": 4}
HELLO = [chunk({"content": "Hello"})]
STOP = [chunk({}, "stop")]
DONE = ["[DONE]"]


@pytest.mark.parametrize(
    ("records", "ends_with", "whole"),
    [
        (HELLO + STOP + DONE, "done", True),
        (HELLO + STOP + DONE, "finish_reason", True),
        (HELLO + STOP + DONE, "either", True),
        (HELLO + STOP, "done", False),
        (HELLO + STOP, "finish_reason", True),
        (HELLO + STOP, "either", True),
        (HELLO + DONE, "done", True),
        (HELLO + DONE, "finish_reason", False),
        (HELLO + DONE, "either", True),
        (HELLO, "done", False),
        (HELLO, "finish_reason", False),
        (HELLO, "either", False),
        ([], "either", False),
        ([{}], "either", False),
    ],
)
def test_what_ends_a_stream_is_the_providers_own_rule(records: list[Any], ends_with: EndsWith, whole: bool) -> None:
    if whole:
        assert decoded(wire(records), ends_with=ends_with)[-1].lifecycle == "completed"
        return
    with pytest.raises(LLMError) as caught:
        decoded(wire(records), ends_with=ends_with)
    assert (caught.value.category, caught.value.details["truncated"]) == ("transport", True)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        # as OpenAI does; with the id in each piece; without an index; every index 0; neither id nor index
        ([call(0, "a", "f", arguments="{"), call(0, arguments="}")], [("a", "f", {})]),
        ([call(0, "a", "f", arguments='{"x"'), call(0, "a", arguments=":1}")], [("a", "f", {"x": 1})]),
        (
            [call(None, "a", "f", arguments="{}"), call(None, "b", "g", arguments="{}")],
            [("a", "f", {}), ("b", "g", {})],
        ),
        ([call(0, "a", "f", arguments="{}"), call(0, "b", "g", arguments="{}")], [("a", "f", {}), ("b", "g", {})]),
        ([call(None, None, "f", arguments='{"x":'), call(None, arguments="2}")], [("call_0", "f", {"x": 2})]),
        ([call(0, "a", "f", arguments={"x": 1})], [("a", "f", {"x": 1})]),
        ([call(0, "a", "f", arguments='{"cut')], [("a", "f", '{"cut')]),
        ([call(0, "a"), call(0, name="f"), call(0, arguments="{}")], [("a", "f", {})]),
        ([call(0, "a", "f", arguments=None)], [("a", "f", {})]),
        ([{"index": 0, "id": "a", "function": None}, call(0, name="f")], [("a", "f", {})]),
    ],
)
def test_tool_calls_are_joined_whatever_is_left_out(pieces: list[Any], expected: list[Any]) -> None:
    apart = decoded(wire([*(calls(piece) for piece in pieces), *DONE]))[-1].result
    together = decoded(wire([calls(*pieces), *STOP, *DONE]))[-1].result
    for result in (apart, together):
        assert result is not None
        assert [(one.id, one.name, one.arguments) for one in result.tool_calls] == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({}, Usage()),
        ({"prompt_tokens": 5, "completion_tokens": 0}, Usage(5, 0)),
        ({"prompt_tokens": 5, "prompt_tokens_details": None, "completion_tokens_details": None}, Usage(5)),
        ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5}, Usage(5, None, 4)),
        ({"prompt_tokens": 9, "prompt_tokens_details": {**CACHED, "cache_write_tokens": 2}}, Usage(3, None, 4, 2)),
        ({"prompt_tokens": 1, "prompt_tokens_details": CACHED}, Usage(0, None, 4)),
        ({"prompt_tokens": "5", "completion_tokens": True}, Usage()),
    ],
)  # fmt: skip
def test_usage_has_our_names_and_unknown_stays_unknown(usage: dict[str, Any], expected: Usage) -> None:
    assert decoded_usage(usage) == expected


@pytest.mark.parametrize(
    ("record", "category", "retryable", "says"),
    [
        ({"error": {"message": "busy", "type": "server_error", "code": None}}, "provider", True, "busy"),
        ({"error": {"message": "no", "type": "invalid_request_error", "code": "invalid_api_key"}}, "auth", False, "no"),
        ({"error": {"message": "", "type": "insufficient_quota"}}, "provider", False, "insufficient_quota"),
        ({**chunk({}, "error"), "error": {"code": 503, "message": "up"}}, "provider", True, "up"),
        ({"error": {"code": "401", "message": "key"}}, "auth", False, "key"),
        ({"error": {"code": 408, "message": "slow"}}, "timeout", True, "slow"),
        ({"error": {"code": 400, "type": "server_error", "message": "status beats type"}}, "provider", False, "status"),
        ({"error": {"type": "BadRequestError", "message": "bad"}}, "provider", False, "bad"),
        ({"error": "model runner has stopped"}, "provider", True, "runner"),
        ({"object": "error", "message": "old vllm", "type": "BadRequestError", "code": 400}, "provider", False, "old"),
        ({"detail": "Not Found"}, "provider", True, "Not Found"),
        (chunk({}, "error"), "provider", True, "the stream reported an error"),
    ],
)  # fmt: skip
def test_an_error_in_the_stream_is_seen_in_every_form(record: Any, category: str, retryable: bool, says: str) -> None:
    with pytest.raises(LLMError, match=says) as caught:
        decoded(wire([*HELLO, record, *DONE]))
    assert (caught.value.category, caught.value.retryable) == (category, retryable)
    assert caught.value.details["in_stream"]


@pytest.mark.parametrize(
    "record",
    [
        1, [], None, "x", {"choices": 1}, {"choices": [1]}, {"choices": [{"delta": 1}]}, chunk({"content": 1}),
        chunk({"tool_calls": [1]}), chunk({"tool_calls": 1}), chunk({"reasoning": 1}), chunk({"refusal": 1}),
        chunk({"content": [{"type": "text"}]}), {"model": 5, "choices": []}, {"usage": 1, "choices": []},
    ],
)  # fmt: skip
def test_a_record_that_breaks_the_protocol_raises(record: Any) -> None:
    with pytest.raises((LookupError, TypeError, AttributeError, ValueError)):
        Decoder(backend="b", provider="p").decode(record)


def test_thinking_may_come_as_parts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    parts = chunk({"content": [thinking, {"type": "text", "text": "yes"}, {"type": "reference"}]})
    result = decoded(wire([parts, *STOP]))[-1].result
    assert result is not None
    assert (result.thinking, result.text) == ("hm", "yes")


def test_a_refusal_is_shown_and_marked() -> None:
    result = decoded(wire([chunk({"refusal": "I cannot "}), chunk({"refusal": "help."}), *STOP]))[-1].result
    assert result is not None
    assert (result.text, result.metadata["refusal"]) == ("I cannot help.", "I cannot help.")


def test_citations_and_probabilities_are_kept() -> None:
    annotation = {"type": "url_citation", "url_citation": {"url": "https://example.org"}}
    with_odds = chunk({"content": "x"})
    with_odds["choices"][0]["logprobs"] = {"content": [{"token": "x", "logprob": -0.1}]}
    result = decoded(wire([with_odds, chunk({"annotations": [annotation]}), *STOP]))[-1].result
    assert result is not None
    assert result.metadata["annotations"] == [annotation]
    assert result.metadata["logprobs"] == [{"token": "x", "logprob": -0.1}]


def test_what_was_there_before_a_failure_is_kept() -> None:
    decoder = Decoder(backend="b", provider="p")
    for record in (*HELLO, {"choices": [], "usage": {"prompt_tokens": 3}}):
        decoder.decode(record)
    error = decoder.with_remains(LLMError.of("transport", "reset"))
    assert (error.partial_text, error.usage) == ("Hello", Usage(3))
