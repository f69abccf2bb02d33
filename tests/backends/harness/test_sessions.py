"""A conversation goes on with its agent's session, and the agent is told what it does not know yet."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from jido_nb.backends.harness.backend import Harness
from jido_nb.backends.harness.sessions import Session, Sessions, told
from jido_nb.llm.error import LLMError
from jido_nb.llm.request import LLMRequest, Message

Ask = Callable[..., LLMRequest]
Open = Callable[..., AbstractAsyncContextManager[Harness]]


def talk(*texts: str) -> list[dict[str, str]]:
    """Messages of user and assistant in turns."""
    return [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]


async def answered(backend: Harness, request: LLMRequest) -> tuple[str, str, str]:
    """(session id, new or resumed, what the agent was told)"""
    result = await backend.start(request)
    first, _, rest = result.text.partition("\n")
    _, session, how = first.split(" ")
    assert session == result.metadata["session_id"]
    return session, how, rest


@pytest.mark.anyio
async def test_the_second_turn_resumes_and_tells_only_what_is_new(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        first, how, said = await answered(backend, ask("simulated:echo", "one"))
        assert (how, said) == ("new", "one")
        whole = f"session {first} new\none"
        second = await answered(backend, ask("simulated:echo", messages=talk("one", whole, "two")))
        assert second == (first, "resumed", "two")


@pytest.mark.anyio
async def test_other_conversations_agents_and_folders_have_sessions_of_their_own(
    ask: Ask, harness: Open, tmp_path: Path
) -> None:
    async with harness({"second": {"kind": "simulated"}}) as backend:
        sessions = [
            await answered(backend, ask("simulated:echo")),
            await answered(backend, ask("simulated:echo", conversation="other")),
            await answered(backend, ask("second:echo")),
            await answered(backend, ask("simulated:echo", options={"cwd": str(tmp_path)})),
        ]
    assert [how for _, how, _ in sessions] == ["new"] * 4
    assert len({session for session, _, _ in sessions}) == 4


@pytest.mark.anyio
async def test_answers_of_others_are_told_with_the_next_message(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        first, _, _ = await answered(backend, ask("simulated:echo", "one"))
        messages = talk("one", f"session {first} new\none", "two", "an answer of another model", "three")
        _, how, said = await answered(backend, ask("simulated:echo", messages=messages))
    assert how == "resumed"
    assert said == "User:\ntwo\n\nAssistant:\nan answer of another model\n\nUser:\nthree"


@pytest.mark.anyio
async def test_a_new_session_is_told_the_whole_conversation(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        first, _, _ = await answered(backend, ask("simulated:echo", "one"))
        request = ask("simulated:echo", messages=talk("one", "yes", "two"), options={"session": "new"})
        second, how, said = await answered(backend, request)
        assert (second != first, how, said) == (True, "new", "User:\none\n\nAssistant:\nyes\n\nUser:\ntwo")


@pytest.mark.anyio
async def test_a_fork_knows_what_the_session_knows_and_becomes_the_conversations_own(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        with pytest.raises(LLMError, match="no session to fork"):
            await answered(backend, ask("simulated:echo", options={"session": "fork"}))
        first, _, _ = await answered(backend, ask("simulated:echo", "one"))
        fork, how, said = await answered(backend, ask("simulated:echo", "two", options={"session": "fork"}))
        assert (fork != first, how, said) == (True, "resumed", "two")
        assert (await answered(backend, ask("simulated:echo", "three")))[0] == fork


@pytest.mark.anyio
async def test_a_session_can_be_named(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        request = ask("simulated:echo", messages=talk("one", "yes", "two"), options={"session_id": "mine"})
        assert await answered(backend, request) == ("mine", "resumed", "two")


@pytest.mark.anyio
@pytest.mark.parametrize(("mode", "how"), [("slow", "resumed"), ("never-starts", "new"), ("no-result", "new")])
async def test_what_a_run_leaves_behind(mode: str, how: str, ask: Ask, harness: Open) -> None:
    """A canceled run that had spoken keeps its session; one that had not, or failed, leaves none."""
    async with harness() as backend:
        try:
            async with backend.stream(ask(f"simulated:{mode}", "one")) as events:
                async for event in events:
                    if event.delta if mode == "slow" else mode == "never-starts":
                        break
        except LLMError:
            assert mode == "no-result"
        assert (await answered(backend, ask("simulated:echo", messages=talk("one", "half", "two"))))[1] == how


def message(role: Any, text: str) -> Message:
    return Message(role=role, content=text)


ONE, YES, TWO, THREE = message("user", "1"), message("assistant", "y"), message("user", "2"), message("user", "3")
UNSEEN: dict[str, tuple[tuple[str, ...], list[Message], list[Message]]] = {
    "the answer is known": (told([ONE], "y"), [ONE, YES, TWO], [TWO]),
    "the answer was rewritten": (told([ONE], "other"), [ONE, YES, TWO], [YES, TWO]),
    "the same words twice": (told([ONE], "y"), [ONE, YES, ONE], [ONE]),
    "interrupted": (told([ONE], None), [ONE, TWO], [TWO]),
    "nothing is known": ((), [ONE, YES, TWO], [TWO]),
    "the beginning is cut off": (told([ONE, YES, TWO], "z"), [message("assistant", "z"), THREE], [THREE]),
    "only the new one": (told([ONE], "y"), [TWO], [TWO]),
}


@pytest.mark.parametrize("case", UNSEEN)
def test_what_a_session_has_not_seen(case: str) -> None:
    known, messages, unseen = UNSEEN[case]
    assert Session("s", known).unseen(messages) == unseen


def test_only_so_many_sessions_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jido_nb.backends.harness.sessions.MAX_SESSIONS", 2)
    sessions = Sessions()
    for name in "abc":
        sessions.keep((name, "simulated", None), Session(name))
    assert [sessions.find((name, "simulated", None)) is not None for name in "abc"] == [False, True, True]
