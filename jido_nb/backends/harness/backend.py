"""The backend `harness`: coding-agent CLIs, one process for each attempt."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import anyio
from anyio.abc import TaskGroup

from ...errors import ConfigError
from ...llm.backend import Backend, Capabilities
from ...llm.error import LLMError
from ...llm.event import LLMEvent
from ...llm.fold import Fold
from ...llm.request import LLMRequest
from ...llm.result import LLMResult
from ...llm.settings import BackendSettings, Settings
from .agent import Agent, Run
from .environment import agent_environment, secrets_in
from .errors import spawn_error
from .executable import find_executable
from .guard import Guard
from .live import LiveRun
from .planning import NAME, Agents, plan
from .process import AgentProcess, Exit, Grace, Launch, new_marker
from .sessions import Gone

CLOSE_LIMIT_S = 5.0
MAX_ENDED = 256
UNKNOWN_SESSION = "unknown_session"
"""`details.reason` of the error of an agent that does not have the session to resume."""


@asynccontextmanager
async def open_harness(
    settings: Settings, environ: Mapping[str, str] | None = None, *, grace: Grace | None = None
) -> AsyncIterator[Backend]:
    """Open the backend; leaving the block ends every process that it started.

    Args:
        environ: Where programs are looked up, and what agents get an allow-list of. None: the process's own.
        grace: How long each rung of the stop ladder may take.

    Raises:
        ConfigError: a setting of an agent is wrong.
    """
    table = settings.llm.backends.get(NAME, BackendSettings())
    agents = Agents(table)
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        backend = Harness(agents, tasks, os.environ if environ is None else environ, grace or Grace())
        try:
            yield backend
        except Exception as error:
            # Raised outside of the group, so that the caller's own error does not come back wrapped.
            failure = error
        finally:
            with anyio.CancelScope(shield=True):
                await backend.close()
            tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


class Harness:
    """See `Backend`. A run is one process; `Backend.cancel` tells how it was ended (`rung`, `swept`, `exit_code`)."""

    name = NAME
    capabilities = Capabilities(sessions=True)

    def __init__(self, agents: Agents, tasks: TaskGroup, environ: Mapping[str, str], grace: Grace) -> None:
        self._agents = agents
        self._tasks = tasks
        self._environ = environ
        self._grace = grace
        self._guard = Guard()
        self._gone = Gone()
        self._live: dict[str, LiveRun] = {}
        self._ended: dict[str, Exit] = {}
        self._refs = count(1)

    async def ready(self, provider: str | None) -> None:
        try:
            name = provider or self._agents.default
            find_executable(
                self._agents.agent(name).name,
                self._agents.agent(name).executable,
                self._agents.settings_of(name).path,
                self._environ,
            )
        except ConfigError as error:
            raise LLMError.of("config", str(error), field=error.field) from None
        await self._guard.ready()

    @asynccontextmanager
    async def stream(self, request: LLMRequest) -> AsyncIterator[AsyncIterator[LLMEvent]]:
        ref = f"{NAME}-{next(self._refs)}"
        planned = plan(request, self._agents, self._gone, ref, self._environ)
        live = await self._start(planned.agent, planned.run)
        self._live[ref] = live
        events = live.events()
        try:
            yield events
        except LLMError as error:
            if error.details.get("reason") == UNKNOWN_SESSION and not request.options.get("session_id"):
                # It was our log that was wrong: the next attempt begins a new session, and tells it everything.
                self._gone.add(planned.run.agent, str(planned.run.session.id))
                error.retryable = True
            raise
        finally:
            with anyio.CancelScope(shield=True):
                exit = await live.close()
                await events.aclose()
            del self._live[ref]
            self._remember(ref, exit)

    async def start(self, request: LLMRequest) -> LLMResult:
        fold = Fold()
        async with self.stream(request) as events:
            async for event in events:
                fold.add(event)
        return fold.result()

    async def cancel(self, execution_ref: str) -> Mapping[str, Any]:
        """End a run; what it took: `rung`, `swept` (processes that outlived it), `exit_code`.

        Raises:
            LLMError: `config`: no such run.
        """
        live = self._live.get(execution_ref)
        if live is not None:
            return _facts(await live.cancel())
        if execution_ref in self._ended:
            return _facts(self._ended[execution_ref])
        raise LLMError.of("config", f"no run {execution_ref!r} is going on", execution_ref=execution_ref)

    async def cancel_session(self, agent: str, session_id: str) -> Mapping[str, Any]:
        """End the run that is going on in a session of an agent, as `cancel` does.

        Raises:
            LLMError: `config`: nothing is running there.
        """
        for live in self._live.values():
            if (live.run.agent, live.decoder.session_id) == (agent, session_id):
                return _facts(await live.cancel())
        message = f"nothing is running in the session {session_id!r} of the agent {agent!r}"
        raise LLMError.of("config", message, agent=agent, session_id=session_id)

    async def close(self) -> None:
        """End all runs, in bounded time."""
        with anyio.move_on_after(CLOSE_LIMIT_S):
            async with anyio.create_task_group() as ending:
                for live in list(self._live.values()):
                    ending.start_soon(live.close)
        await self._guard.close()

    async def _start(self, agent: Agent, run: Run) -> LiveRun:
        marker = new_marker()
        environment = agent_environment(
            self._environ,
            allowed=(*agent.variables, *run.settings.env_allow),
            extra={**agent.environment(run), **run.settings.env},
            marker=marker,
        )
        program = find_executable(agent.name, agent.executable, run.settings.path, self._environ)
        launch = Launch(
            argv=[*program, *agent.argv(run)],
            environment=environment,
            marker=marker,
            cwd=run.cwd,
            stdin=agent.stdin(run),
            keep_stdin=agent.stdin_stays_open,
        )
        secrets = tuple(secrets_in(environment))
        try:
            process = await AgentProcess.start(launch, self._tasks, self._guard, self._grace)
        except OSError as error:
            raise spawn_error(run.agent, error, program[0], run.cwd).scrubbed(secrets) from None
        except ValueError as error:  # a NUL or half a surrogate pair in an argument
            message = f"the command line of the agent {run.agent!r} cannot be passed on: {error}"
            raise LLMError.of("config", message).scrubbed(secrets) from None
        return LiveRun(run, agent.decoder(run), process, secrets)

    def _remember(self, ref: str, exit: Exit) -> None:
        self._ended[ref] = exit
        if len(self._ended) > MAX_ENDED:
            del self._ended[next(iter(self._ended))]


def _facts(exit: Exit) -> dict[str, Any]:
    return {"rung": exit.rung, "swept": exit.swept, "exit_code": exit.returncode}
