"""Faults that every backend can be made to meet: a server that misbehaves, and an agent that does.

A row says what the simulated server does, by protocol, and which model of the stand-in agent does the same as a
process. To add a fault, add a row, or hand one to `fault_matrix`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..errors import ConfigError, closest
from ..simulator.scenario import Answer, Attempt, Scenario, Status
from ..simulator.steps import Reset, Stall, StreamError, Truncate

SHORT = ("It works, ", "and the log ", "has all of it.")
SILENCE_MS = 600
"""How long a silence the matrix takes for the end. Longer than a busy machine makes a process hesitate."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong, the same for a server and for an agent."""

    name: str
    scenario: Scenario
    """What the simulated server does."""
    agent_model: str
    """The model of the stand-in agent that does it (`jido_nb.simulator.agent_modes.MODES`)."""
    doc: str = ""
    policy: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    """Parts of the effect policy that show it: the limit that a silence runs into."""
    streams: tuple[bool, ...] = (True, False)
    """Whether it can happen to answers that stream, and to those that come whole."""


def _always(attempt: Attempt) -> Scenario:
    return Scenario.always(attempt)


def _status(code: int, doc: str) -> Fault:
    return Fault(str(code), _always(Status(code)), f"status-{code}", doc)


_ANSWER = Answer.of(SHORT)
_IDLE = MappingProxyType({"idle_timeout_ms": SILENCE_MS, "max_attempts": 2})

_ROWS = (
    Fault("none", Scenario.text(SHORT), "short", "answers at once"),
    Fault("503 twice", Scenario.text(SHORT).after(Status(503), times=2), "flaky-503", "fails twice, then answers"),
    Fault("429 once", Scenario.text(SHORT).after(Status(429, retry_after_ms=100)), "flaky-429",
          "asks to wait for 100 ms, then answers"),
    _status(400, "bad request"),
    _status(401, "key refused"),
    _status(403, "not allowed"),
    _status(404, "no such model"),
    _status(408, "request timed out"),
    _status(422, "request not understood"),
    _status(429, "too many requests"),
    _status(500, "internal error"),
    _status(503, "unavailable"),
    _status(529, "overloaded"),
    Fault("unreachable", _always(Reset()), "refused", "the connection to the model breaks before any answer"),
    Fault("truncated", _always(_ANSWER.breaking(Truncate(), after=2)), "no-result", "ends in the middle"),
    Fault("overloaded", _always(_ANSWER.breaking(StreamError(), after=2)), "status-529", "says in the middle that it"
          " is overloaded", streams=(True,)),
    Fault("silence", _always(_ANSWER.breaking(Stall(), after=1)), "stall", "falls silent in the middle", _IDLE,
          streams=(True,)),
)  # fmt: skip

FAULTS: Mapping[str, Fault] = MappingProxyType({row.name: row for row in _ROWS})
"""By name, in the order in which a matrix shows them."""


def chosen_faults(faults: Iterable[str | Fault] | None) -> list[Fault]:
    """The faults of these names, and those given as they are; None: all of `FAULTS`.

    Raises:
        ConfigError: an unknown or repeated name, or what is no fault.
    """
    if faults is None:
        return list(FAULTS.values())
    if not isinstance(faults, str | Fault | Iterable):
        message = f"faults are names such as {', '.join(list(FAULTS)[:4])}, or `Fault`s, not {faults!r}"
        raise ConfigError(message, field="faults", value=faults)
    chosen: dict[str, Fault] = {}
    for each in (faults,) if isinstance(faults, str | Fault) else faults:
        if isinstance(each, Fault):
            fault = each
        elif each in FAULTS:
            fault = FAULTS[each]
        else:
            message = f"no fault named {each!r}.{closest(str(each), FAULTS)} Known: {', '.join(FAULTS)}"
            raise ConfigError(message, field="faults", value=each)
        if fault.name in chosen:
            raise ConfigError(f"two faults are named {fault.name!r}", field="faults", value=fault.name)
        chosen[fault.name] = fault
    return list(chosen.values())
