"""Which agents are here: where their programs are, which version, logged in or not, how a cancel works.

Looks, and asks each program for its version; it calls no model. Blocks, in bounded time, and leaves no process behind.
"""

import os
import re
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from ...llm.error import LLMError
from ...llm.request import LLMRequest, Message
from ...llm.settings import BackendSettings
from .agent import Agent, Run
from .environment import agent_environment
from .executable import find_executable
from .planning import NAME, Agents
from .process import new_marker
from .settings import AgentSettings
from .watchdog import family, kill_all

VERSION_LIMIT_S = 5.0
_REAP_LIMIT_S = 1.0
_AT_ONCE = 4
_ENOUGH_BYTES = 4096
_VERSION = re.compile(r"\d+\.\d+[\w.+-]*")
_REQUEST = LLMRequest(
    request_id="version", conversation_id="version", backend=NAME, messages=[Message(role="user", content="version")]
)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What is known of one agent."""

    name: str
    cancels_by: str
    program: tuple[str, ...] = ()
    """The command that starts it; empty: there is none, and `problem` says what to do."""
    version: str | None = None
    """None: it did not say one within `VERSION_LIMIT_S`."""
    logged_in: bool | None = None
    """None: cannot be told without a call."""
    problem: str | None = None


def survey(
    table: BackendSettings, environ: Mapping[str, str] | None = None, *, limit_s: float = VERSION_LIMIT_S
) -> list[Surveyed]:
    """Every agent, those of the settings included, in the order in which lists show them.

    Args:
        environ: Where programs and logins are looked up. None: the process's own.
        limit_s: Longest wait for one program's version, in seconds.

    Raises:
        ConfigError: a row names no agent, or a setting of it is wrong.
    """
    agents = Agents(table)
    look = partial(_look, agents, environ=os.environ if environ is None else environ, limit_s=limit_s)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(look, agents.names))


def _look(agents: Agents, name: str, *, environ: Mapping[str, str], limit_s: float) -> Surveyed:
    agent, settings = agents.agent(name), agents.settings_of(name)
    try:
        program = find_executable(agent.name, agent.executable, settings.path, environ)
    except LLMError as error:
        return Surveyed(name, agent.cancels_by, problem=error.message.removeprefix(f"the agent {agent.name!r} is "))
    try:
        added = agent.environment(Run(name, _REQUEST, settings, "", environ=environ))
    except LLMError as error:
        return Surveyed(name, agent.cancels_by, tuple(program), problem=error.message)
    marker = new_marker()
    environment = _environment(agent, settings, added, environ, marker)
    said = _ask([*program, "--version"], environment, marker, limit_s)
    return Surveyed(name, agent.cancels_by, tuple(program), _version(said), agent.logged_in(environment))


def _environment(
    agent: Agent, settings: AgentSettings, added: Mapping[str, str], environ: Mapping[str, str], marker: str
) -> dict[str, str]:
    allowed = (*agent.variables, *settings.env_allow)
    return agent_environment(environ, allowed=allowed, extra={**added, **settings.env}, marker=marker)


def _ask(argv: Sequence[str], environment: Mapping[str, str], marker: str, limit_s: float) -> bytes | None:
    """The beginning of what a program prints; None: it cannot be started, takes too long, or says that it failed."""
    try:
        process = subprocess.Popen(  # noqa: S603
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except (OSError, ValueError):
        return None
    until = time.monotonic() + limit_s
    said = _read(process, until)
    ended = _ended(process, until)
    # Also when it has ended well: a launcher may have left something running. Nothing holds the pipe after that.
    kill_all(marker, () if ended else family(process.pid))
    if process.stdout is not None:
        process.stdout.close()
    _ended(process, time.monotonic() + _REAP_LIMIT_S)
    return said if process.returncode == 0 else None


def _read(process: "subprocess.Popen[bytes]", until: float) -> bytes:
    # `communicate` would wait for a grandchild that holds the pipe, and would keep all that a babbler says.
    said = b""
    while process.stdout is not None and len(said) < _ENOUGH_BYTES and (left := until - time.monotonic()) > 0:
        if not select.select([process.stdout], [], [], left)[0]:
            break
        chunk = os.read(process.stdout.fileno(), _ENOUGH_BYTES)
        if not chunk:
            break
        said += chunk
    return said


def _ended(process: "subprocess.Popen[bytes]", until: float) -> bool:
    try:
        process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _version(said: bytes | None) -> str | None:
    found = _VERSION.search((said or b"").decode("utf-8", "replace"))
    return found.group()[:40] if found else None
