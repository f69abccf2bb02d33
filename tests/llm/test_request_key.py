"""Two requests are one when a model could not tell them apart."""

from typing import Any

import pytest

from jido_nb.llm.request import LLMRequest
from jido_nb.llm.request_key import closeness, difference, request_key

BASE: dict[str, Any] = {
    "request_id": "e:1",
    "conversation_id": "c",
    "backend": "jido_ai",
    "provider": "anthropic",
    "model": "m",
    "messages": [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "two"},
    ],
    "options": {"max_tokens": 5, "temperature": 0.5},
}


def request(**changed: Any) -> LLMRequest:
    return LLMRequest.model_validate({**BASE, **changed})


@pytest.mark.parametrize(
    "changed",
    [
        {"request_id": "other:7", "conversation_id": "other", "metadata": {"effect_id": "x", "attempt": 3}},
        {"timeout_ms": 5},
        {"options": {"temperature": 0.5, "max_tokens": 5, "cwd": "/home/me", "session_id": "s"}},
        {"messages": [{**m, "blocks": {"provider": "anthropic", "content": [{"id": "x"}]}} for m in BASE["messages"]]},
    ],
    ids=["ids", "limits", "place-and-order", "provider-form"],
)
def test_what_no_model_sees_makes_no_difference(changed: dict[str, Any]) -> None:
    assert request_key(request(**changed)) == request_key(request())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"backend": "harness"}, "the backend ('jido_ai' in the recording, 'harness' now)"),
        ({"provider": "openai"}, "the provider"),
        ({"model": "n"}, "the model ('m' in the recording, 'n' now)"),
        ({"stream": False}, "the stream (True in the recording, False now)"),
        ({"system_prompt": "brief"}, "the system prompt"),
        ({"options": {"max_tokens": 6}}, "the options"),
        ({"messages": BASE["messages"][2:]}, "the earlier messages (2 in the recording, 0 now)"),
        ({"messages": [{"role": "user", "content": "zero"}, *BASE["messages"][1:]]}, "the earlier messages"),
        ({"messages": [*BASE["messages"][:2], {"role": "user", "content": "three"}]}, "the prompt ('two' in the"),
    ],
)
def test_what_a_model_sees_makes_another_request_and_is_named(changed: dict[str, Any], said: str) -> None:
    asked, kept = request_key(request(**changed)), request_key(request())
    assert asked.key != kept.key
    assert difference(asked.facts, kept.facts).startswith(said)


def test_blocks_that_are_no_text_are_part_of_the_request_and_named_in_its_facts() -> None:
    def with_image(data: str) -> LLMRequest:
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
        return request(messages=[{"role": "user", "content": [{"type": "text", "text": "what?"}, image]}])

    one, other = request_key(with_image("AAAA")), request_key(with_image("BBBB"))
    assert one.key != other.key
    assert one.facts["prompt"] == "what?\n[image]"
    assert difference(one.facts, other.facts) == "what is not shown of them"


def test_facts_are_short_and_hold_no_secret() -> None:
    secret = "sk-ant-0123456789abcdef"
    long = request(messages=[{"role": "user", "content": f"{secret} {'x' * 10_000}"}], system_prompt=secret)
    facts = str(request_key(long).facts)
    assert secret not in facts
    assert len(facts) < 3000


def test_the_request_that_is_most_alike_is_closest() -> None:
    asked = request_key(request()).facts
    others = [request_key(request(**changed)).facts for changed in ({"model": "n"}, {"model": "n", "backend": "x"})]
    ranks = [closeness(asked, other) for other in others]
    assert ranks == sorted(ranks, reverse=True)
    assert closeness(asked, asked) > max(ranks)
