"""Requests in the words of chat completions (W-23: options reach the model)."""

from typing import Any

import pytest

from jido_nb.backends.jido_ai.openai_encode import encode
from jido_nb.llm.error import LLMError
from jido_nb.llm.request import LLMRequest

SOURCE = {"type": "base64", "media_type": "image/png", "data": "aGk="}
IMAGE = {"type": "image", "source": SOURCE}


def request(messages: list[dict[str, Any]] | None = None, **more: Any) -> LLMRequest:
    return LLMRequest.model_validate(
        {
            "request_id": "r",
            "conversation_id": "c",
            "backend": "jido_ai",
            "messages": [{"role": "user", "content": "hi"}] if messages is None else messages,
            **more,
        }
    )


def sent(*contents: tuple[str, Any]) -> list[dict[str, Any]]:
    body = encode(request([{"role": role, "content": content} for role, content in contents]), "m")
    messages: list[dict[str, Any]] = body["messages"]
    return messages


def test_the_least_request() -> None:
    assert encode(request(), "gpt") == {
        "model": "gpt",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert encode(request(stream=False), "gpt").keys() == {"model", "messages"}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0, "top_p": 0.5, "seed": 7, "stop": ["x"]},
        {"max_completion_tokens": 5, "reasoning_effort": "low", "response_format": {"type": "json_object"}},
        {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto"},
    ],
)
def test_options_reach_the_wire_as_they_are(options: dict[str, Any], stream: bool) -> None:
    body = encode(request(options=options, stream=stream), "m")
    assert {name: body[name] for name in options} == options


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("temprature", "Did you mean 'temperature'"),
        ("model", "use model"),
        ("messages", "use the conversation"),
        ("stream", "use stream"),
        ("n", "no option 'n'"),
        ("top_k", "no option 'top_k'"),
    ],
)
def test_an_option_that_is_not_known_is_refused_by_name(option: str, says: str) -> None:
    with pytest.raises(LLMError, match=says) as caught:
        encode(request(options={option: 1}), "m")
    assert (caught.value.category, caught.value.details["field"]) == ("config", f"options.{option}")


def test_a_server_may_have_options_of_its_own() -> None:
    assert encode(request(options={"top_k": 3}), "m", extra_options=["top_k"])["top_k"] == 3
    body = encode(request(options={"extra_body": {"think": False, "messages": []}}), "m")
    assert (body["think"], body["messages"]) == (False, [])
    assert "extra_body" not in body


@pytest.mark.parametrize(
    ("said", "stream", "expected"),
    [(None, True, None), ({"include_usage": False}, True, {"include_usage": False}), ({"x": 1}, False, None)],
)
def test_a_stream_need_not_ask_for_its_usage(said: Any, stream: bool, expected: Any) -> None:
    body = encode(request(options={"stream_options": said}, stream=stream), "m")
    assert body.get("stream_options") == expected


def test_the_system_prompt_comes_first_and_empty_messages_not_at_all() -> None:
    messages = [("user", "a"), ("assistant", " "), ("system", "mind"), ("tool", "told"), ("user", "b")]
    asked = request([{"role": role, "content": text} for role, text in messages], system_prompt="Be brief.")
    assert [(one["role"], one["content"]) for one in encode(asked, "m")["messages"]] == [
        ("system", "Be brief."),
        ("user", "a"),
        ("system", "mind"),
        ("user", "told"),
        ("user", "b"),
    ]


@pytest.mark.parametrize("messages", [[("user", "")], [("user", " "), ("assistant", [])], [("system", "only")]])
def test_a_conversation_without_content_is_refused(messages: list[tuple[str, Any]]) -> None:
    with pytest.raises(LLMError) as caught:
        sent(*messages)
    assert caught.value.details["field"] == "messages"


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (IMAGE, {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}),
        (
            {"type": "image", "source": {"type": "url", "url": "https://example.org/x.png"}},
            {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}},
        ),
        (
            {"type": "document", "title": "a.pdf", "source": {**SOURCE, "media_type": "application/pdf"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}},
        ),
        ({"type": "document", "source": {"type": "text", "data": "words"}}, {"type": "text", "text": "words"}),
        ({"type": "image_url", "image_url": {"url": "x"}}, {"type": "image_url", "image_url": {"url": "x"}}),
        ({"type": "input_audio", "input_audio": {}}, {"type": "input_audio", "input_audio": {}}),
    ],
)  # fmt: skip
def test_images_and_documents_are_translated(block: dict[str, Any], part: dict[str, Any]) -> None:
    text = {"type": "text", "text": "look: "}
    (message,) = sent(("user", [text, block, IMAGE]))
    assert message["content"][:2] == [text, part]


def test_text_blocks_alone_are_text() -> None:
    assert sent(("user", [{"type": "text", "text": "a", "cache_control": {}}, {"type": "text", "text": "b"}])) == [
        {"role": "user", "content": "ab"}
    ]


def test_tool_calls_and_their_results_are_translated() -> None:
    use = {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "42"}]}
    assert sent(
        ("user", "go"),
        ("assistant", [{"type": "thinking", "thinking": "hm", "signature": "s"}, use]),
        ("user", [result, {"type": "text", "text": "and?"}]),
        ("tool", [{**result, "content": {"y": 2}}]),
    ) == [
        {"role": "user", "content": "go"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}],
        },
        {"role": "tool", "tool_call_id": "t1", "content": "42"},
        {"role": "user", "content": "and?"},
        {"role": "tool", "tool_call_id": "t1", "content": '{"y":2}'},
    ]


def test_the_blocks_of_another_provider_are_left_at_home() -> None:
    blocks = {"provider": "anthropic", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}]}
    asked = request([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "blocks": blocks}])
    assert encode(asked, "m")["messages"][1] == {"role": "assistant", "content": "b"}


DETAILS = [{"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0}]
CALL = {"type": "tool_use", "id": "c1", "name": "f", "input": {"x": 1}}
ANSWER = [{"type": "text", "text": "said"}, CALL, {"type": "reasoning_details", "reasoning_details": DETAILS}]


@pytest.mark.parametrize(
    ("following", "calls"),
    [("go on", None), ([{"type": "tool_result", "tool_use_id": "c1", "content": "2"}], ["c1"]), (None, ["c1"])],
)
def test_an_earlier_answer_goes_back_with_its_reasoning_to_the_provider_that_gave_it(
    following: Any, calls: list[str] | None
) -> None:
    talk: list[dict[str, Any]] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "as text", "blocks": {"provider": "openrouter", "content": ANSWER}},
    ]
    if following is not None:
        talk.append({"role": "user", "content": following})
    answer = encode(request(talk), "m", provider="openrouter")["messages"][1]
    assert (answer["content"], answer["reasoning_details"]) == ("said", DETAILS)
    assert ([call["id"] for call in answer["tool_calls"]] if "tool_calls" in answer else None) == calls
    assert encode(request(talk), "m", provider="another")["messages"][1] == {"role": "assistant", "content": "as text"}
