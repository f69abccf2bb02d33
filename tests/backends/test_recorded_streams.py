"""Streams in the structure of recorded real ones, one of each kind, cut at every byte (streams/README.md)."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jido_nb.backends.jido_ai import anthropic_decode, openai_decode
from jido_nb.backends.jido_ai.decoder import AnswerDecoder
from jido_nb.backends.jido_ai.sse import EventFramer
from jido_nb.llm.error import LLMError
from jido_nb.llm.event import LLMEvent
from jido_nb.llm.fold import Fold
from jido_nb.llm.usage import Usage

STREAMS = Path(__file__).parent / "streams"


class Answer(NamedTuple):
    """What a stream tells, event by event; strings are text, `~` before them thinking, numbers unshown characters."""

    told: list[Any]
    finish_reason: str | None
    usage: Usage | None
    model: str = "gpt-demo-1"
    more: dict[str, Any] | None = None
    """Keys of the result's metadata; also `request_id`, and the amount of the `cost`."""


class Broken(NamedTuple):
    told: list[Any]
    category: str
    retryable: bool
    says: str
    usage: Usage | None


def tool(name: str, status: str = "pending", **arguments: Any) -> tuple[str, str, dict[str, Any]]:
    return name, status, arguments


def claude(told: list[Any], reason: str, output: int, **more: Any) -> Answer:
    known: dict[str, Any] = {"input": 21, "read": 0, "write": 0, "thinking": None, "model": "claude-demo-1"}
    given = {**known, **{name: more.pop(name) for name in known if name in more}}
    usage = Usage(given["input"], output, given["read"], given["write"], given["thinking"])
    return Answer(told, reason, usage, given["model"], more)


SUM = ["~Two and two", "~ make four."]
SEARCHING = [tool("web_search", "running"), 3, 12, 8, tool("web_search", "running", query="rain today")]
FOUND = [
    {"type": "web_search_result", "title": f"Page {number}", "url": f"https://example.org/{number}", **of}
    for number, of in (
        (1, {"encrypted_content": "ZW5j", "page_age": "2 days ago"}),
        (2, {"encrypted_content": "ZW5jZW5j", "page_age": None}),
    )
]


def cited(number: int) -> dict[str, str]:
    page = {"url": f"https://example.org/{number}", "title": f"Page {number}", "encrypted_index": "aWR4"}
    return {"type": "web_search_result_location", "cited_text": "It rained.", **page}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def use(id: str, name: str, kind: str = "tool_use", **input: Any) -> dict[str, Any]:
    return {"type": kind, "id": id, "name": name, "input": input}


SEARCH = use("srvtoolu_a", "web_search", "server_tool_use", query="rain today")
RESULT = {"type": "code_execution_result", "stdout": "42\n", "stderr": "", "return_code": 0, "content": []}
DETAIL = {
    "type": "reasoning.text",
    "text": "Two and two make four.",
    "signature": "c2ln",
    "format": "anthropic-claude-v1",
    "index": 0,
}
HIDDEN = {
    "type": "reasoning.encrypted",
    "data": "gAAA_-b3BhcXVl",
    "id": "rs_demo",
    "format": "openai-responses-v1",
    "index": 0,
}


def details(*of: Any) -> dict[str, Any]:
    return {"type": "reasoning_details", "reasoning_details": list(of)}


ANSWERS: dict[str, Answer | Broken] = {
    "anthropic-text": claude(["Blue", " skies", ", says Zoë ☀️\n"], "end_turn", 9),
    "anthropic-cache": claude(["Noted."], "end_turn", 4, read=4096, write=1200, thinking=0, inference_geo="global"),
    "anthropic-thinking": claude(
        [*SUM, "Four", "."],
        "end_turn",
        17,
        content=[
            {"type": "thinking", "thinking": "Two and two make four.", "signature": "c2lnbmVk/+=="},
            text("Four."),
        ],
    ),
    "anthropic-redacted": claude(
        ["I thought", " in private."],
        "end_turn",
        40,
        content=[
            {"type": "redacted_thinking", "data": "b3BhcXVl"},
            {"type": "redacted_thinking", "data": "bW9yZQ=="},
            text("I thought in private."),
        ],
    ),
    "anthropic-tools": claude(
        [
            *("I'll look.", tool("list_cities"), tool("list_cities")),
            *(tool("get_weather"), 10, 10, 8, tool("get_weather", city="Porto", days=2)),
        ],
        "tool_use",
        58,
        content=[
            text("I'll look."),
            use("toolu_a", "list_cities"),
            use("toolu_b", "get_weather", city="Porto", days=2),
        ],
    ),
    "anthropic-web-search": claude(
        [*SEARCHING, tool("web_search", "completed", query="rain today"), "I found: ", "it rained", "."],
        "end_turn",
        64,
        input=900,
        server_tool_use={"web_search_requests": 1},
        content=[
            SEARCH,
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_a", "content": FOUND},
            text("I found: "),
            text("it rained", citations=[cited(1), cited(2)]),
            text("."),
        ],
    ),
    "anthropic-pause-turn": claude(SEARCHING, "pause_turn", 22, content=[SEARCH]),
    "anthropic-mcp": claude(
        [
            *(tool("shout", "running"), 5, 11, tool("shout", "running", words="hey")),
            *(tool("shout", "completed", words="hey"), "It says HEY."),
        ],
        "end_turn",
        33,
        content=[
            {**use("mcptoolu_a", "shout", "mcp_tool_use", words="hey"), "server_name": "megaphone"},
            {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_a", "is_error": False, "content": [text("HEY")]},
            text("It says HEY."),
        ],
    ),
    "anthropic-refusal": claude(
        [],
        "refusal",
        0,
        thinking=0,
        stop_details={"type": "refusal", "category": "demo", "explanation": "Not this one."},
    ),
    "anthropic-compaction": claude(
        ["Go on."], "end_turn", 12, content=[{"type": "compaction", "content": "So far: greetings."}, text("Go on.")]
    ),
    "anthropic-fallback": claude(
        ["The second", " one speaks."],
        "end_turn",
        25,
        model="claude-demo-2",
        content=[
            {"type": "fallback", "from": {"model": "claude-demo-1"}, "to": {"model": "claude-demo-2"}},
            text("The second one speaks."),
        ],
    ),
    "anthropic-carried-over": claude(
        [tool("code_execution", "completed"), tool("get_weather", city="Porto"), tool("get_weather", city="Porto")],
        "tool_use",
        0,
        input=0,
        read=None,
        write=None,
        container={"id": "container_demo", "expires_at": "2030-01-01T00:00:00Z"},
        content=[
            {
                "type": "code_execution_tool_result",
                "tool_use_id": "srvtoolu_z",
                "content": {**RESULT, "abort_reason": None},
            },
            {
                **use("toolu_c", "get_weather", city="Porto"),
                "caller": {"type": "code_execution_20250825", "tool_id": "srvtoolu_z"},
            },
        ],
    ),
    "anthropic-overloaded": Broken(["Half a"], "provider", True, "Overloaded", Usage(21, 3, 0, 0)),
    "openai-text": Answer(["Blue", " skies", ", says Zoë ☀️\n"], "stop", Usage(10, 8, 4, None, 0)),
    "openai-tools": Answer(
        [tool("list_cities"), 2, tool("get_weather"), 7, 9, tool("list_cities"), tool("get_weather", city="Porto")],
        "tool_calls",
        Usage(10, 40, 4, None, 0),
        more={"content": [use("call_a", "list_cities"), use("call_b", "get_weather", city="Porto")]},
    ),
    "openai-first-tool": Answer(
        [tool("get_weather"), 2, 13, tool("get_weather", city="Faro")], "tool_calls", Usage(10, 8, 4, None, 0)
    ),
    "azure-text": Answer(["Blue", " skies"], "stop", Usage(10, 8, 4, None, 0)),
    "deepseek-reasoning": Answer([*SUM, "Four", " 😊"], "stop", Usage(10, 12, 6, None, 8), "deepseek-demo"),
    "groq-text": Answer(["Blue", " skies"], "stop", Usage(21, 11), "openai/gpt-oss-demo", {"request_id": "req_demo"}),
    "groq-reasoning": Answer(
        [*SUM, "Four", "."],
        "stop",
        Usage(21, 11, reasoning_tokens=7),
        "openai/gpt-oss-demo",
        {"request_id": "req_demo"},
    ),
    "vllm-text": Answer(["Blue", " skies"], "stop", None, "Qwen/Demo"),
    "ollama-reasoning": Answer([*SUM, "Four"], "stop", Usage(32, 4), "demo:8b"),
    "ollama-tool": Answer(
        [tool("get_weather"), tool("get_weather", city="Porto")], "tool_calls", Usage(32, 4), "demo:8b"
    ),
    "llamacpp-reasoning": Answer([*SUM, "Four"], "stop", Usage(14, 4), "demo.gguf"),
    "mistral-thinking": Answer(
        ["~Two and two", "~ make", "~ four.", "Fo", "ur"], "stop", Usage(20, 12, 8), "mistral-demo"
    ),
    "openrouter-reasoning": Answer(
        [*SUM, "Four", "."],
        "stop",
        Usage(43, 36, 0, None, 13),
        "demo/one",
        {"cost": 0.000669, "upstream": "Upstream", "content": [text("Four."), details(DETAIL)]},
    ),
    "openrouter-encrypted": Answer(
        ["I", "’m one."],
        "stop",
        Usage(43, 10, 0, None, 0),
        "demo/one",
        {"cost": 0.00085, "content": [text("I’m one."), details(HIDDEN)]},
    ),
    "openrouter-error": Broken(
        ["~We need", "~ to greet"], "provider", False, "Token limit", Usage(43, 10, 0, None, 11)
    ),
}


def decoder(name: str) -> AnswerDecoder:
    if name.startswith("anthropic"):
        return anthropic_decode.Decoder(backend="jido_ai", provider="anthropic")
    return openai_decode.Decoder(backend="jido_ai", provider="openai")


def decoded(name: str, *pieces: bytes) -> tuple[list[LLMEvent], LLMError | None]:
    """The events, and the error that ended them."""
    framer, reading = EventFramer(), decoder(name)
    events: list[LLMEvent] = []
    try:
        for piece in pieces:
            for data in framer.feed(piece):
                if not reading.ended:
                    events += reading.read(data)
        return (events if reading.ended else events + reading.finish()), None
    except LLMError as error:
        return events, reading.with_remains(error)


def shown(event: LLMEvent) -> Any:
    if event.tool is not None:
        return event.tool.name, event.tool.status, event.tool.arguments
    return event.delta or (f"~{event.thinking}" if event.thinking else event.unshown)


def recorded(name: str) -> bytes:
    return (STREAMS / f"{name}.sse").read_bytes()


def test_every_stream_has_its_expectation_and_its_source() -> None:
    files = {path.stem for path in STREAMS.glob("*.sse")}
    page = (STREAMS / "README.md").read_text()
    assert files == ANSWERS.keys()
    assert [name for name in files if f"| `{name}` |" not in page] == []


@pytest.mark.parametrize("name", [name for name, answer in ANSWERS.items() if isinstance(answer, Answer)])
def test_a_stream_decodes_to_what_it_tells(name: str) -> None:
    answer = ANSWERS[name]
    assert isinstance(answer, Answer)
    events, error = decoded(name, recorded(name))
    assert error is None
    assert [shown(event) for event in events[:-1]] == answer.told
    assert [event.sequence for event in events] == list(range(len(events)))
    assert events[-1].lifecycle == "completed"
    result = events[-1].result
    assert result is not None
    assert (result.finish_reason, result.usage, result.model) == (answer.finish_reason, answer.usage, answer.model)
    assert result.text == "".join(told for told in answer.told if isinstance(told, str) and told[0] != "~")
    known = {**result.metadata, "request_id": result.request_id, "cost": result.cost and result.cost.amount}
    assert {key: known.get(key) for key in answer.more or {}} == (answer.more or {})


@pytest.mark.parametrize("name", [name for name, answer in ANSWERS.items() if isinstance(answer, Broken)])
def test_a_stream_that_breaks_says_how_and_what_there_was(name: str) -> None:
    answer = ANSWERS[name]
    assert isinstance(answer, Broken)
    events, error = decoded(name, recorded(name))
    assert error is not None
    assert [shown(event) for event in events] == answer.told
    assert (error.category, error.retryable, error.usage) == (answer.category, answer.retryable, answer.usage)
    assert answer.says in error.message
    assert (error.partial_text or "") == "".join(told for told in answer.told if told[0] != "~")


@pytest.mark.parametrize("name", ANSWERS)
def test_the_fold_of_the_events_is_the_result(name: str) -> None:
    events, error = decoded(name, recorded(name))
    fold = Fold()
    for event in events:
        fold.add(event)
    if error is None:
        result = fold.result()
        assert (fold.text, fold.thinking, fold.usage) == (result.text, result.thinking, result.usage)
        assert fold.tools == result.tool_calls


@pytest.mark.parametrize("name", ANSWERS)
def test_it_does_not_matter_where_a_stream_is_cut(name: str) -> None:
    wire = recorded(name)
    events, error = decoded(name, wire)
    expected = events, error and error.to_payload()
    for cut in range(len(wire)):
        events, error = decoded(name, wire[:cut], wire[cut:])
        assert (events, error and error.to_payload()) == expected, f"cut at byte {cut}"


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("name", ANSWERS)
def test_it_may_come_byte_by_byte_and_with_either_line_end(name: str, newline: bytes) -> None:
    wire = recorded(name).replace(b"\n", newline)
    events, error = decoded(name, recorded(name))
    again, failure = decoded(name, *(wire[at : at + 1] for at in range(len(wire))))
    assert (again, failure and failure.to_payload()) == (events, error and error.to_payload())
