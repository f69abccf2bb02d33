"""Models that use tools of their client: each request says how far the conversation has come, on every wire."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from jido_nb.simulator.anthropic import ANTHROPIC
from jido_nb.simulator.asked import Asked
from jido_nb.simulator.conversation import flat, last_text, rounds_since
from jido_nb.simulator.openai import OPENAI
from jido_nb.simulator.responses import RESPONSES
from jido_nb.simulator.scenario import Answer, Echo, Rounds, Scenario, Shell, Status
from jido_nb.simulator.settled import settled
from jido_nb.simulator.shell import COMMAND, OUTPUT_CHARS, SHELLS
from jido_nb.simulator.steps import ToolUse, joined

Talk = list[tuple[str, str]]
"""(user | call | result | answer, text)"""


def anthropic(talk: Talk) -> dict[str, Any]:
    def block(who: str, text: str) -> dict[str, Any]:
        match who:
            case "call":
                return {"type": "tool_use", "id": "t", "name": "Bash", "input": {}}
            case "result":
                return {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": text}]}
            case _:
                return {"type": "text", "text": text}

    roles = {"user": "user", "result": "user", "call": "assistant", "answer": "assistant"}
    messages = [{"role": roles[who], "content": [block(who, text)]} for who, text in talk]
    return {"max_tokens": 9, "messages": messages, "tools": [{"name": "Bash", "input_schema": {}}]}


def openai(talk: Talk) -> dict[str, Any]:
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "t", "function": {"name": "Bash"}}]}
    shapes: dict[str, Callable[[str], dict[str, Any]]] = {
        "user": lambda text: {"role": "user", "content": [{"type": "text", "text": text}]},
        "call": lambda text: call,
        "result": lambda text: {"role": "tool", "tool_call_id": "t", "content": text},
        "answer": lambda text: {"role": "assistant", "content": text},
    }
    tools = [{"type": "function", "function": {"name": "Bash"}}]
    return {"messages": [shapes[who](text) for who, text in talk], "tools": tools}


def responses(talk: Talk) -> dict[str, Any]:
    shapes: dict[str, Callable[[str], dict[str, Any]]] = {
        "user": lambda text: {"role": "user", "content": [{"type": "input_text", "text": text}]},
        "call": lambda text: {"type": "function_call", "call_id": "t", "name": "Bash", "arguments": "{}"},
        "result": lambda text: {"type": "function_call_output", "call_id": "t", "output": text},
        "answer": lambda text: {"role": "assistant", "content": [{"type": "output_text", "text": text}]},
    }
    return {"input": [shapes[who](text) for who, text in talk], "tools": [{"type": "function", "name": "Bash"}]}


WIRES = pytest.mark.parametrize(
    ("wire", "shape"), [(ANTHROPIC, anthropic), (OPENAI, openai), (RESPONSES, responses)], ids=["a", "o", "r"]
)


@WIRES
@pytest.mark.parametrize(
    ("talk", "words", "rounds"),
    [
        ([("user", "go")], "go", ()),
        ([("user", "go"), ("call", ""), ("result", "one")], "go", ("one",)),
        ([("user", "go"), ("call", ""), ("result", "1"), ("call", ""), ("result", "2")], "go", ("1", "2")),
        ([("user", "a"), ("call", ""), ("result", "1"), ("answer", "x"), ("user", "b")], "b", ()),
    ],
)
def test_rounds_are_counted_from_the_last_words_of_the_user(
    wire: Any, shape: Any, talk: Talk, words: str, rounds: tuple[str, ...]
) -> None:
    asked = wire.read(json.dumps({"model": "m", **shape(talk)}).encode())
    assert (asked.words, asked.rounds, asked.tools) == (words, rounds, ("Bash",))


def test_results_that_follow_each_other_are_one_round() -> None:
    steps = [("user", ""), ("model", ""), ("result", "a"), ("result", "b"), ("model", ""), ("result", "c")]
    assert rounds_since(steps) == ("a\nb", "c")


def test_a_reminder_beside_a_result_is_not_the_user() -> None:
    content = [{"type": "tool_result", "tool_use_id": "t", "content": "out"}, {"type": "text", "text": "<reminder>"}]
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Bash", "input": {}}]},
        {"role": "user", "content": content},
        {"role": "system", "content": "Mind the gap."},
    ]
    asked = ANTHROPIC.read(json.dumps({"model": "m", "max_tokens": 1, "messages": messages}).encode())
    assert (asked.words, asked.rounds) == ("go", ("out",))


@pytest.mark.parametrize(
    ("content", "last", "whole"),
    [
        ("x", "x", "x"),
        ([{"text": "a"}, {"text": "b"}, {"type": "image"}], "b", "ab[image]"),
        ([], "", ""),
        (["odd"], "", "[None]"),
    ],
)
def test_content_of_any_shape_has_a_text(content: Any, last: str, whole: str) -> None:
    assert (last_text(content), flat(content)) == (last, whole)
    assert (flat(None), flat({"a": 1})) == ("", '{"a": 1}')


def asked_of(words: str = "", rounds: tuple[str, ...] = (), tools: tuple[str, ...] = ()) -> Asked:
    return Asked("m", True, (), None, 0, {}, words, rounds, tools)


def test_each_round_has_its_entry_and_the_last_one_repeats() -> None:
    first, second = Answer((ToolUse.of("f", {}),)), Answer.of("done")
    rounds = Scenario.rounds(first, second).attempt(1)
    assert [settled(rounds, asked_of(rounds=("x",) * count)) for count in range(3)] == [first, second, second]
    inner = Rounds((Status(503), Echo()))
    assert settled(inner, asked_of()) == Status(503)
    assert isinstance(settled(inner, asked_of(rounds=("x",))), Answer)


@pytest.mark.parametrize("tool", SHELLS)
def test_the_shell_model_calls_whatever_shell_there_is(tool: str) -> None:
    answer = settled(Shell(), asked_of("Run `ls` and `pwd | cat`.", tools=("Read", tool)))
    assert isinstance(answer, Answer)
    (call,) = [step for step in answer.steps if isinstance(step, ToolUse)]
    assert call.name == tool
    assert "pwd | cat" in str(json.loads(joined(call.pieces)))
    assert answer.reason_to_stop == "tool_use"


def text_of(asked: Asked) -> str:
    answer = settled(Shell(), asked)
    assert isinstance(answer, Answer)
    return answer.text


def test_the_shell_model_says_what_came_of_it_and_runs_nothing_else_unasked() -> None:
    answer = settled(Shell(), asked_of("hello", tools=("Bash",)))
    assert isinstance(answer, Answer)
    (call,) = [step for step in answer.steps if isinstance(step, ToolUse)]
    assert json.loads(joined(call.pieces))["command"] == COMMAND
    assert text_of(asked_of(rounds=("a", " b\n"), tools=("Bash",))) == "The shell said:\n\nb"
    assert len(text_of(asked_of(rounds=("x" * 9999,)))) < OUTPUT_CHARS + 100
    assert "no shell" in text_of(asked_of("`ls`", tools=("Read",)))


def test_calls_of_one_conversation_have_ids_of_their_own() -> None:
    def id_of(talk: Talk) -> str:
        answer = settled(Shell(), RESPONSES.read(json.dumps({"model": "m", **responses(talk)}).encode()))
        assert isinstance(answer, Answer)
        return next(step.id for step in answer.steps if isinstance(step, ToolUse))

    talk = [("user", "a")]
    later = [*talk, ("call", ""), ("result", "x"), ("answer", "y"), ("user", "b")]
    assert id_of(talk) != id_of(later)
