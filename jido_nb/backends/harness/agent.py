"""What an agent is: how its command line is written and how its records are read. All of it is pure.

To add an agent: one file in `agents/` with a class like `agents/simulated.py`, and one row in `agents/table.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...llm.backend import Capabilities
from ...llm.error import LLMError
from ...llm.event import LLMEvent
from ...llm.request import LLMRequest
from .executable import Executable
from .process import Exit
from .settings import AgentSettings


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """The agent's session that a run belongs to.

    `id` is the one to resume or fork, or that a new session is to get; None: new, and the agent chooses.
    """

    id: str | None = None
    resume: bool = False
    fork: bool = False
    totals: Mapping[str, Any] = field(default_factory=dict)
    """Whatever the decoder of the run before left in `session_totals`: the agent's own cumulative figures."""


@dataclass(frozen=True, slots=True)
class Run:
    """One process of an agent: one attempt. Everything that a command line may depend on."""

    agent: str
    request: LLMRequest
    settings: AgentSettings
    """The agent's, with what the message said on top."""
    prompt: str
    """What to tell the agent: the new message when a session is resumed, else the conversation so far."""
    system_prompt: str | None = None
    """For agents that take one apart from the prompt; `prompt` does not hold it."""
    model: str | None = None
    """None: the agent's own default."""
    session: SessionPlan = SessionPlan()
    cwd: str | None = None
    """Absolute; None: the kernel's."""
    execution_ref: str = ""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The kernel's environment, to look things up in; the agent's process gets an allow-list of it."""


class Decoder(Protocol):
    """Reads the records of one run. `decoder.BaseDecoder` does all but the reading."""

    @property
    def session_id(self) -> str | None:
        """The agent's session, as far as it is known."""
        ...

    @property
    def session_totals(self) -> Mapping[str, Any]:
        """Cumulative figures to hand to the next run of the session, see `SessionPlan`."""
        ...

    @property
    def spoke(self) -> bool:
        """The agent has said or done something, so its session exists and knows of the message."""
        ...

    def begin(self) -> LLMEvent:
        """The first event, when the process has started: `started`, with what is known by then."""
        ...

    def opening(self) -> list[bytes]:
        """What to write to the standard input of a protocol with two directions before anything is read."""
        ...

    def decode(self, record: Mapping[str, Any]) -> list[LLMEvent]:
        """The events of one record; a terminal one ends the run. An unknown record goes the way of `fallback.py`.

        Never raises for a record that is of a strange shape.
        """
        ...

    def unreadable(self, line: bytes) -> list[LLMEvent]:
        """The events of a line that is no JSON object: none, or what a plain text means to this agent."""
        ...

    def replies(self) -> list[bytes]:
        """What to write to the standard input now (answers to the agent's requests); asked after each record."""
        ...

    def interrupt(self) -> bytes | None:
        """What to write to make the agent stop in its own way; None: it has none now, and gets SIGINT."""
        ...

    @property
    def at_rest(self) -> bool:
        """All may have been said, of an agent that does not say when it is done: if nothing more comes, it was all."""
        ...

    def rest(self) -> list[LLMEvent]:
        """Nothing more came while it was at rest: the terminal event."""
        ...

    def last_words(self) -> list[LLMEvent]:
        """What a run that did not complete has consumed; asked once, when nothing more comes."""
        ...

    def failure(self, exit: Exit) -> LLMError:
        """What it means that the process ended (with this exit code and these last words) without a terminal record."""
        ...


class Agent(Protocol):
    """One coding-agent CLI."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def executable(self) -> Executable: ...

    @property
    def settings(self) -> type[AgentSettings]:
        """The model of its settings."""
        ...

    @property
    def variables(self) -> tuple[str, ...]:
        """Names, with `*`, of the kernel's variables that it needs: its keys, its addresses, its folders."""
        ...

    @property
    def stdin_stays_open(self) -> bool:
        """It speaks a protocol with two directions; else its input is closed after the prompt."""
        ...

    @property
    def cancels_by(self) -> str:
        """How a cancel works, in a few words, for people."""
        ...

    def new_session_id(self) -> str | None:
        """An id for a new session, where it can be chosen up front; None where the agent chooses it."""
        ...

    def argv(self, run: Run) -> list[str]:
        """The arguments, without the program.

        Raises:
            LLMError: `config`: something that the agent cannot do was asked for.
        """
        ...

    def environment(self, run: Run) -> dict[str, str]:
        """Variables to set; the settings' `env` goes over them."""
        ...

    def stdin(self, run: Run) -> bytes:
        """What to write to its standard input; nothing: it gets none."""
        ...

    def decoder(self, run: Run) -> Decoder: ...

    def logged_in(self, environ: Mapping[str, str]) -> bool | None:
        """Whether it has what it needs to reach its model, as far as can be told without a call; None: unknown."""
        ...
