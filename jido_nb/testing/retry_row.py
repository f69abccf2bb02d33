"""A row of the table of faults, and what must follow from it, whichever backend meets it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from ..llm.error import Category
from ..simulator.scenario import Attempt, Scenario

Mode = Literal["stream", "start"]
BackendName = Literal["jido_ai", "harness"]
Address = Literal["simulator", "refused", "unknown_host", "tls", "keyless"]

AgentFault = tuple[Mapping[str, Any], ...]
"""Steps of the stand-in agent (`simulator/agent_script.py`)."""

MODES: tuple[Mode, ...] = ("stream", "start")
PIECES = ("one ", "two ", "three ")
"""The answer of a server that is well, and of one that fails until it fails."""
MAX_ATTEMPTS = 3
POLICY: Mapping[str, Any] = MappingProxyType({"max_attempts": MAX_ATTEMPTS, "backoff_ms": 2, "jitter": 0.0})
"""Waits that a suite has the time for."""
TIMEOUT_MS = 300
EVERY_ENDING = frozenset(
    {
        "effect_id", "lifecycle", "effect_class", "kind", "attempt", "backend", "provider", "model", "stream",
        "duration_ms", "first_chunk_ms",
    }
)  # fmt: skip
TERMINAL_KEYS: Mapping[str, frozenset[str]] = {
    "completed": EVERY_ENDING | {"result"},
    "failed": EVERY_ENDING | {"reason", "error_category", "retryable", "details", "partial_text", "usage", "cost"},
}

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Expected:
    """What must follow."""

    attempts: int
    requests: int
    """How many requests reach the server; how many processes of an agent are started."""
    ending: Literal["completed", "failed"]
    story: tuple[str, ...]
    """The lifecycle with the attempt, `retrying@1` for example; a run of equal ones once."""
    chunks: int
    retries: Mapping[str, int]
    """Retries by category, as telemetry counts them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault."""

    name: str
    """For people: a line of the page."""
    group: str
    category: Category
    retryable: bool
    fault: Attempt | None = None
    """What the simulator does; None: it is never reached."""
    agent: AgentFault | None = None
    """What an agent does that meets the same; nothing: it is never started. None: no agent can tell of this."""
    agents_only: bool = False
    """No server can do this."""
    modes: tuple[Mode, ...] = MODES
    shown: int = 0
    """Pieces of the answer that a stream shows before it fails."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What `details` of the failure holds, beside more."""
    stream_details: Mapping[str, Any] = field(default_factory=dict)
    """The same, of streams only."""
    policy: Mapping[str, Any] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)
    """What the message asks for, where that is what is wrong."""
    address: Address = "simulator"
    gives_up: bool = False
    """It is not tried again, though it could be."""
    whole_category: Category | None = None
    """The category of an answer that is not streamed, where it is another one."""

    @property
    def tried_again(self) -> bool:
        return self.retryable and not self.gives_up

    @property
    def can_recover(self) -> bool:
        """Whether the fault is one that may be gone the next time."""
        return self.fault is not None or self.address == "refused" or self.agents_only

    @property
    def backends(self) -> tuple[BackendName, ...]:
        """Those that can meet it."""
        met: tuple[tuple[BackendName, bool], ...] = (
            ("jido_ai", not self.agents_only),
            ("harness", self.agent is not None),
        )
        return tuple(name for name, meets in met if meets)

    def scenario(self, *, recovers: bool) -> Scenario | None:
        """A model that fails like this once and then answers, or that fails like this every time."""
        if self.fault is None:
            return None
        return Scenario.text(PIECES).after(self.fault) if recovers else Scenario.always(self.fault)

    def script(self, *, recovers: bool) -> str:
        """The same for the stand-in agent, which takes it as its prompt."""
        answer = [*({"text": piece} for piece in PIECES), {"done": {"usage": {"output_tokens": 4}}}]
        said = [{"text": piece} for piece in PIECES[: self.shown]]
        return json.dumps({"attempts": [[*said, *(self.agent or ())], *([answer] if recovers else [])]})

    def expected(
        self, mode: Mode, *, recovers: bool, backend: BackendName = "jido_ai", max_attempts: int = MAX_ATTEMPTS
    ) -> Expected:
        """What must follow the fault, if the server recovers after it or never does.

        Args:
            max_attempts: Of a policy that says nothing else.
        """
        again = self.tried_again
        completed = again and recovers
        attempts = (2 if recovers else int(self.policy.get("max_attempts", max_attempts))) if again else 1
        streams = mode == "stream"
        story = ["started@1"]
        for number in range(1, attempts + 1):
            last = number == attempts
            if streams and (self.shown or (last and completed)):
                story.append(f"streaming@{number}")
            if not last:
                story += [f"retrying@{number}", f"retry_attempt_started@{number + 1}"]
        ending: Literal["completed", "failed"] = "completed" if completed else "failed"
        story.append(f"{ending}@{attempts}")
        failures = attempts - completed
        chunks = (self.shown * failures + (len(PIECES) if completed else 0)) if streams else 0
        if backend == "harness":
            reached = attempts if self.agent else 0
        elif self.address == "refused" and completed:
            reached = 1
        else:
            reached = attempts if self.address == "simulator" and self.fault is not None else 0
        retries: dict[str, int] = {self.category_in(mode): attempts - 1} if attempts > 1 else {}
        return Expected(attempts, reached, ending, tuple(story), chunks, retries)

    def category_in(self, mode: Mode) -> Category:
        return self.category if mode == "stream" or self.whole_category is None else self.whole_category

    def details_in(self, mode: Mode) -> Mapping[str, Any]:
        return {**self.details, **(self.stream_details if mode == "stream" else {})}
