"""What a model does, as data: a list of attempts, one for each HTTP request that asks for the same thing.

Attempt n of a request gets entry n of the list; the last entry repeats for ever. So a model that fails twice is
`Scenario.text("Hello").after(Status(503), times=2)`, and one that never works is `Scenario.always(Status(503))`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

from .dialect import OPENAIS_OWN, Dialect
from .steps import Fault, Piece, Reset, Stall, Step, Text, Thinking, ToolUse, Truncate, joined


@dataclass(frozen=True, slots=True)
class Tokens:
    """The usage that an answer reports. None: estimated from the request and the answer, four characters a token."""

    input: int | None = None
    output: int | None = None
    """Includes `thinking`."""
    cache_read: int = 0
    cache_write: int = 0
    thinking: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with status 200 that plays its steps."""

    steps: tuple[Step, ...]
    latency_ms: float = 0
    """Wait before the headers, in milliseconds."""
    tokens: Tokens = Tokens()
    stop_reason: str | None = None
    """None: `tool_use` when the client has a tool to run, else `end_turn`."""
    stop_sequence: str | None = None
    served_model: str | None = None
    """None: the model that was asked for."""
    split: bool = False
    """Write each event with its own send, even with no pause between them; the default joins them."""
    dialect: Dialect = OPENAIS_OWN
    """How the server strays from OpenAI's protocol, where it is that one that is spoken."""

    @classmethod
    def of(cls, text: str | Iterable[Piece], *, pause_ms: float = 0, words: int = 1) -> Self:
        """One block of text; see `Text.of`."""
        return cls((Text.of(text, pause_ms=pause_ms, words=words),))

    @property
    def text(self) -> str:
        """What a client reads, if it reads to the end or the first fault."""
        return "".join(joined(step.pieces) for step in self._played() if isinstance(step, Text))

    @property
    def thinking(self) -> str:
        return "".join(joined(step.pieces) for step in self._played() if isinstance(step, Thinking))

    @property
    def reason_to_stop(self) -> str:
        if self.stop_reason is not None:
            return self.stop_reason
        calls = any(isinstance(step, ToolUse) and not step.server for step in self.steps)
        return "tool_use" if calls else "end_turn"

    def breaking(self, fault: Fault, *, after: int) -> Self:
        """The same answer with `fault` after `after` pieces of text (0: before the first).

        Raises:
            ValueError: the answer has fewer pieces of text.
        """
        seen = 0
        for index, step in enumerate(self.steps):
            if not isinstance(step, Text):
                continue
            for at, piece in enumerate((*step.pieces, "")):
                if seen == after:
                    broken = replace(step, pieces=(*step.pieces[:at], fault))
                    return replace(self, steps=(*self.steps[:index], broken))
                seen += isinstance(piece, str) and at < len(step.pieces)
        raise ValueError(f"the answer has {seen} pieces of text, so it cannot break after {after}")

    def _played(self) -> Iterable[Step]:
        for step in self.steps:
            if isinstance(step, Fault):
                return
            yield step
            if isinstance(step, Text | Thinking | ToolUse) and any(isinstance(piece, Fault) for piece in step.pieces):
                return


@dataclass(frozen=True, slots=True)
class Status:
    """An error response in the protocol's own shape.

    Of the three ways to say when to come back, each is sent if given: `Retry-After` in seconds, `Retry-After` as a
    date that many whole seconds from now, and the vendors' `retry-after-ms`.
    """

    code: int
    message: str | None = None
    kind: str | None = None
    """The protocol's error type; None: the usual one for the status."""
    retry_after_s: float | None = None
    retry_after_date_s: int | None = None
    retry_after_ms: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    latency_ms: float = 0


@dataclass(frozen=True, slots=True)
class Page:
    """A response that is not of the protocol at all, such as the page of a proxy."""

    body: str = "<!doctype html><html><head><title>Sign in</title></head><body>Guest network</body></html>\n"
    code: int = 200
    content_type: str = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Echo:
    """An answer made of the conversation that came with the request."""

    pause_ms: float = 0


@dataclass(frozen=True, slots=True)
class Shell:
    """An answer that runs a command with the client's own shell, see `shell.py`."""


Settled = Answer | Status | Page | Stall | Reset | Truncate
"""A `Stall`, `Reset` or `Truncate` that is an attempt of its own happens before the headers."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """A model that uses tools of the client: entry 0 answers the user, entry n the results of the n-th round of calls.

    The last entry repeats. Each round is a request of its own, and the conversation in it says which one it is.
    """

    attempts: tuple["Settled | Echo | Shell", ...]

    def at(self, results: int) -> "Settled | Echo | Shell":
        """What answers when the tools have answered `results` times since the user spoke."""
        return self.attempts[min(results, len(self.attempts) - 1)]


Attempt = Settled | Echo | Shell | Rounds


@dataclass(frozen=True, slots=True)
class Scenario:
    """A simulated model. See the top of this file for how attempts are counted."""

    attempts: tuple[Attempt, ...]
    description: str = ""
    api_key: str | None = None
    """Requests with another key, or none, are refused with 401. None: any request is welcome."""

    def __post_init__(self) -> None:
        if not self.attempts:
            raise ValueError("a scenario needs at least one attempt")

    @classmethod
    def text(cls, text: str | Iterable[Piece], *, pause_ms: float = 0, words: int = 1) -> Self:
        """Answers with `text`; see `Text.of`."""
        return cls((Answer.of(text, pause_ms=pause_ms, words=words),))

    @classmethod
    def answer(cls, *steps: Step, **about: Any) -> Self:
        """Answers with `steps`; `about` are the other fields of `Answer`."""
        return cls((Answer(steps, **about),))

    @classmethod
    def always(cls, attempt: Attempt) -> Self:
        return cls((attempt,))

    @classmethod
    def rounds(cls, *attempts: "Settled | Echo | Shell") -> Self:
        """Uses tools of the client, see `Rounds`."""
        return cls((Rounds(attempts),))

    def after(self, attempt: Attempt, *, times: int = 1) -> Self:
        """The same, once `attempt` has happened `times` times."""
        return replace(self, attempts=(attempt,) * times + self.attempts)

    def breaking(self, fault: Fault, *, after: int) -> Self:
        """The same, but every answer breaks with `fault` after `after` pieces of text."""
        broken = (one.breaking(fault, after=after) if isinstance(one, Answer) else one for one in self.attempts)
        return replace(self, attempts=tuple(broken))

    def answering(self, **about: Any) -> Self:
        """The same, with these fields of every `Answer` replaced: `latency_ms`, `tokens`, `split`, ..."""
        changed = (replace(one, **about) if isinstance(one, Answer) else one for one in self.attempts)
        return replace(self, attempts=tuple(changed))

    def described(self, description: str) -> Self:
        return replace(self, description=description)

    def needing(self, api_key: str) -> Self:
        return replace(self, api_key=api_key)

    def attempt(self, number: int) -> Attempt:
        """What attempt `number` (from 1) gets."""
        return self.attempts[min(number, len(self.attempts)) - 1]
