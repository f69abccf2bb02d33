"""Keys, tokens and passwords do not survive in text."""

import pytest

from jido_nb.llm.secrets import scrub, scrub_value

CANARY = "Canary0123456789abcdef"


@pytest.mark.parametrize(
    "text",
    [
        f"invalid key sk-ant-api03-{CANARY}",
        f"Authorization: Bearer {CANARY}",
        f"x-api-key: {CANARY}",
        f"https://user:{CANARY}@proxy.example/path",
        f"GET /v1?api_key={CANARY}&x=1",
        f"GET /v1beta/models?alt=sse&key={CANARY}",
        f"Headers({{'authorization': 'Basic {CANARY}', 'x': 1}})",
        f'{{"x-api-key": "{CANARY}"}}',
        f"Illegal header value b'sk-{CANARY}\\n'",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str) -> None:
    assert CANARY not in scrub(text)


def test_a_known_secret_is_taken_out_wherever_it_stands() -> None:
    value = {"a": [f"x{CANARY}y", 1, None], "b": {"c": CANARY}}
    assert scrub_value(value, [CANARY]) == {"a": ["x[redacted]y", 1, None], "b": {"c": "[redacted]"}}


@pytest.mark.parametrize(
    "name", ["Authorization", "proxy-authorization", "X-API-Key", "x-goog-api-key", "api_key", "apiKey", "API_KEY"]
)
def test_what_stands_under_the_name_of_a_secret_is_one(name: str) -> None:
    assert scrub_value({"headers": {name: "hunter2", "accept": "text"}}) == {
        "headers": {name: "[redacted]", "accept": "text"}
    }
    assert scrub_value({name: ["hunter2", "hunter3"]}) == {name: ["[redacted]", "[redacted]"]}


def test_a_schema_that_names_a_secret_holds_none() -> None:
    schema = {"properties": {"api_key": {"type": "string", "description": "a key"}}, "api_key_env": "NAME_OF_ONE"}
    assert scrub_value(schema) == schema


@pytest.mark.parametrize("text", ["", "ask-me-anything", "a risk-free task", "model: story", "http://127.0.0.1:80/x"])
def test_ordinary_text_stays(text: str) -> None:
    assert scrub(text, ["", "a"]) == text
