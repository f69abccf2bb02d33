"""A conversation goes on with its agent's session, and the agent is told what it does not know yet."""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from jido_nb.backends.harness.backend import Harness
from jido_nb.backends.harness.sessions import Gone, Session, session_of, told
from jido_nb.llm.error import LLMError
from jido_nb.llm.request import LLMRequest, Message

Ask = Callable[..., LLMRequest]
Open = Callable[..., AbstractAsyncContextManager[Harness]]


def talk(*texts: str) -> list[dict[str, str]]:
    """Messages of user and assistant in turns."""
    return [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]


class Log:
    """Keeps the notes of a conversation and hands them to the next request, as a runtime does with its journal."""

    def __init__(self, backend: Harness) -> None:
        self.notes: list[dict[str, Any]] = []
        self._backend = backend

    def noted(self, request: LLMRequest) -> LLMRequest:
        return request.model_copy(update={"metadata": {**request.metadata, "sessions": list(self.notes)}})

    async def answered(self, request: LLMRequest) -> tuple[str, str, str]:
        """(session id, new or resumed, what the agent was told)"""
        result = await self._backend.start(self.noted(request))
        self.notes.insert(0, json.loads(json.dumps(result.metadata["session"])))
        first, _, rest = result.text.partition("\n")
        _, session, how = first.split(" ")
        assert session == result.metadata["session_id"]
        return session, how, rest


@pytest.mark.anyio
async def test_the_second_turn_resumes_and_tells_only_what_is_new(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        log = Log(backend)
        first, how, said = await log.answered(ask("simulated:echo", "one"))
        assert (how, said) == ("new", "one")
        whole = f"session {first} new\none"
        second = await log.answered(ask("simulated:echo", messages=talk("one", whole, "two")))
        assert second == (first, "resumed", "two")


@pytest.mark.anyio
async def test_other_agents_and_folders_have_sessions_of_their_own(ask: Ask, harness: Open, tmp_path: Path) -> None:
    async with harness({"second": {"kind": "simulated"}}) as backend:
        log = Log(backend)
        sessions = [
            await log.answered(ask("simulated:echo")),
            await log.answered(ask("second:echo")),
            await log.answered(ask("simulated:echo", options={"cwd": str(tmp_path)})),
        ]
    assert [how for _, how, _ in sessions] == ["new"] * 3
    assert len({session for session, _, _ in sessions}) == 3


@pytest.mark.anyio
async def test_answers_of_others_are_told_with_the_next_message(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        log = Log(backend)
        first, _, _ = await log.answered(ask("simulated:echo", "one"))
        messages = talk("one", f"session {first} new\none", "two", "an answer of another model", "three")
        _, how, said = await log.answered(ask("simulated:echo", messages=messages))
    assert how == "resumed"
    assert said == "User:\ntwo\n\nAssistant:\nan answer of another model\n\nUser:\nthree"


@pytest.mark.anyio
async def test_a_new_session_is_told_the_whole_conversation(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        log = Log(backend)
        first, _, _ = await log.answered(ask("simulated:echo", "one"))
        request = ask("simulated:echo", messages=talk("one", "yes", "two"), options={"session": "new"})
        second, how, said = await log.answered(request)
        assert (second != first, how, said) == (True, "new", "User:\none\n\nAssistant:\nyes\n\nUser:\ntwo")


@pytest.mark.anyio
async def test_a_fork_knows_what_the_session_knows_and_becomes_the_conversations_own(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        log = Log(backend)
        with pytest.raises(LLMError, match="no session to fork"):
            await log.answered(ask("simulated:echo", options={"session": "fork"}))
        first, _, _ = await log.answered(ask("simulated:echo", "one"))
        fork, how, said = await log.answered(ask("simulated:echo", "two", options={"session": "fork"}))
        assert (fork != first, how, said) == (True, "resumed", "two")
        assert (await log.answered(ask("simulated:echo", "three")))[0] == fork


@pytest.mark.anyio
async def test_a_session_can_be_named(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        log = Log(backend)
        request = ask("simulated:echo", messages=talk("one", "yes", "two"), options={"session_id": "mine"})
        assert await log.answered(request) == ("mine", "resumed", "two")


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


def test_the_latest_session_of_the_agent_in_the_folder_counts_unless_it_is_gone() -> None:
    here, there = ("claude", "/w"), ("claude", "/x")
    notes = [Session(id).note(place) for id, place in (("c", there), ("b", here), ("a", here))]
    gone = Gone()
    assert session_of(notes, here, gone) == Session("b")
    assert session_of(notes, ("codex", "/w"), gone) is None
    gone.add("claude", "b")
    assert session_of(notes, here, gone) == Session("a")
    assert session_of(notes, there, gone) == Session("c")


def test_a_note_says_all_of_a_session() -> None:
    session = Session("s", told([ONE], "y"), {"cost_usd": 0.5})
    note = json.loads(json.dumps(session.note(("claude", None))))
    assert session_of([note], ("claude", None), Gone()) == session


def test_only_so_many_sessions_are_known_to_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jido_nb.backends.harness.sessions.MAX_GONE", 2)
    gone = Gone()
    for name in "abc":
        gone.add("claude", name)
    assert [("claude", name) in gone for name in "abc"] == [False, True, True]
