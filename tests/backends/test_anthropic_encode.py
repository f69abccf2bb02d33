"""Requests in the words of the Messages API (W-23: options reach the model)."""

from typing import Any

import pytest
from anthropic.types import beta, message_create_params

from jido_nb.backends.jido_ai.anthropic_encode import HEADERS, OPTIONS, encode, option_headers
from jido_nb.llm.error import LLMError
from jido_nb.llm.request import LLMRequest

THINKING = {"type": "thinking", "thinking": "hm", "signature": "sig"}
HIDDEN = {"type": "redacted_thinking", "data": "opaque"}
TEXT = {"type": "text", "text": "Hello", "citations": None}
SAID = {"type": "text", "text": "Hello"}
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "42"}
SEARCH = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}


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


def test_the_least_request() -> None:
    assert encode(request(), "story") == {
        "model": "story",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
    }
    assert "stream" not in encode(request(stream=False), "story")


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0},
        {"max_tokens": 5, "top_p": 0.5, "top_k": 3},
        {"stop_sequences": ["x"], "metadata": {"user_id": "u"}},
        {"tools": [{"name": "f", "input_schema": {"type": "object"}}], "tool_choice": {"type": "auto"}},
        {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 3000},
    ],
)
def test_options_reach_the_wire_as_they_are(options: dict[str, Any]) -> None:
    body = encode(request(options=options), "m")
    assert {name: body[name] for name in options} == options


def test_the_limit_leaves_room_for_thinking() -> None:
    body = encode(request(options={"thinking": {"type": "enabled", "budget_tokens": 10_000}}), "m")
    assert body["max_tokens"] == 14_096


def test_some_options_are_headers() -> None:
    asked = request(options={"betas": ["a", "b"], "user_profile_id": "u", "workspace_id": None})
    assert option_headers(asked) == {"anthropic-beta": "a,b", "anthropic-user-profile-id": "u"}
    assert encode(asked, "m") == encode(request(), "m")
    assert option_headers(request()) == {}


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("temprature", "Did you mean 'temperature'"),
        ("extra_headers", "no option 'extra_headers'"),
        ("model", "use model"),
        ("system", "use system_prompt"),
        ("stream", "use stream"),
    ],
)
def test_an_unknown_option_is_refused_by_name(option: str, says: str) -> None:
    with pytest.raises(LLMError, match=says) as caught:
        encode(request(options={option: 1}), "m")
    assert (caught.value.category, caught.value.details["field"]) == ("config", f"options.{option}")


@pytest.mark.parametrize(
    ("prompt", "messages", "system"),
    [
        ("Be brief.", [], "Be brief."),
        (None, ["Be kind."], "Be kind."),
        ("Be brief.", ["Be kind."], "Be brief.\n\nBe kind."),
        (
            "Be brief.",
            [[{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}]],
            [
                {"type": "text", "text": "Be brief."},
                {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}},
            ],
        ),
    ],
)
def test_system_messages_join_the_system_prompt(prompt: str | None, messages: list[Any], system: Any) -> None:
    talk = [{"role": "system", "content": content} for content in messages] + [{"role": "user", "content": "hi"}]
    body = encode(request(talk, system_prompt=prompt), "m")
    assert body["system"] == system
    assert body["messages"] == [{"role": "user", "content": "hi"}]


def test_empty_messages_stay_behind_and_tool_results_are_the_users() -> None:
    result = [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]
    body = encode(
        request(
            [
                {"role": "user", "content": " hi\n"},
                {"role": "assistant", "content": " "},
                {"role": "assistant", "content": []},
                {"role": "tool", "content": result},
            ]
        ),
        "m",
    )
    assert body["messages"] == [{"role": "user", "content": " hi\n"}, {"role": "user", "content": result}]


def test_a_conversation_without_content_is_a_config_error() -> None:
    with pytest.raises(LLMError, match="no content"):
        encode(request([{"role": "user", "content": " "}]), "m")


@pytest.mark.parametrize(
    ("blocks", "following", "sent"),
    [
        ([THINKING, HIDDEN, TEXT], "go on", [THINKING, HIDDEN, SAID]),
        # what nothing answers is refused by the service, as is an answer that ends in thinking, or an empty text
        ([THINKING, TEXT, USE], "go on", [THINKING, SAID]),
        ([TEXT, THINKING, USE], "go on", [SAID]),
        ([THINKING, {"type": "text", "text": " "}, TEXT], "go on", [THINKING, SAID]),
        ([THINKING, USE], "go on", "as text"),
        # what is answered, by the provider or by the next message, stays
        ([THINKING, TEXT, USE], [RESULT], [THINKING, SAID, USE]),
        ([SEARCH, FOUND, TEXT], "go on", [SEARCH, FOUND, SAID]),
        ([TEXT, SEARCH], "go on", [SAID]),
        # pause_turn: the model goes on with its own last message
        ([THINKING, TEXT, SEARCH], None, [THINKING, SAID, SEARCH]),
    ],
)
def test_an_earlier_answer_goes_back_as_its_provider_gave_it(blocks: list[Any], following: Any, sent: Any) -> None:
    talk: list[dict[str, Any]] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "as text", "blocks": {"provider": "anthropic", "content": blocks}},
    ]
    if following is not None:
        talk.append({"role": "user", "content": following})
    body = encode(request(talk), "m", provider="anthropic")
    assert body["messages"][1] == {"role": "assistant", "content": sent}
    assert encode(request(talk), "m", provider="another")["messages"][1]["content"] == "as text"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
        {"type": "document", "source": {"type": "url", "url": "https://x.org/a.pdf"}, "citations": {"enabled": True}},
    ],
)  # fmt: skip
def test_images_and_documents_reach_the_wire_as_they_are(block: dict[str, Any]) -> None:
    content = [{"type": "text", "text": "look"}, block]
    assert encode(request([{"role": "user", "content": content}]), "m")["messages"][0]["content"] == content


SAMPLING = {"temperature", "top_k", "top_p"}


def test_the_options_are_the_fields_of_the_sdks_request() -> None:
    kinds = (message_create_params.MessageCreateParamsBase, beta.message_create_params.MessageCreateParamsBase)
    fields = {name for kind in kinds for name in kind.__annotations__}
    assert fields - HEADERS.keys() - {"model", "messages", "system"} == OPTIONS - SAMPLING
