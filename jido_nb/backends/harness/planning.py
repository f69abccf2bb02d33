"""A request to a run: which agent, which model, which session, what to tell it. Nothing is started here."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import ConfigError, closest
from ...llm.agent_spec import parse_agent_spec
from ...llm.error import LLMError
from ...llm.request import LLMRequest
from ...llm.settings import BackendSettings
from .agent import Agent, Run, SessionPlan
from .agents.table import AGENTS, SIMULATED, agent_of
from .prompt import prompt_of
from .sessions import Gone, Place, Session, session_of
from .settings import AgentSettings, RunOptions, parsed

NAME = "harness"


class Agents:
    """The agents that can be asked for: the built-in ones, and rows of the settings that name one as their `kind`."""

    def __init__(self, table: BackendSettings) -> None:
        self._open: dict[str, tuple[Agent, AgentSettings]] = {}
        self._rows = table.agents
        self.default = table.options.get("agent") or SIMULATED
        self._kinds = {name: name for name in AGENTS}
        for name, row in table.agents.items():
            kind = row.get("kind") or name
            if kind not in AGENTS:
                field = f"llm.backends.{NAME}.agents.{name}" + (".kind" if row.get("kind") else "")
                known = ", ".join(AGENTS)
                raise ConfigError(
                    f"no agent named {kind!r}; known: {known}.{closest(kind, AGENTS)}", field=field, value=kind
                )
            self._kinds[name] = kind
            # Checked at once: a slip in the settings shows when the backend opens, not when the agent is first used.
            if row:
                self.settings_of(name)

    @property
    def names(self) -> list[str]:
        return list(self._kinds)

    def agent(self, name: str) -> Agent:
        return self._of(name)[0]

    def settings_of(self, name: str) -> AgentSettings:
        """The settings of a row.

        Raises:
            ConfigError: no such agent, or a wrong setting.
        """
        return self._of(name)[1]

    def _of(self, name: str) -> tuple[Agent, AgentSettings]:
        if name not in self._kinds:
            raise ConfigError(
                f"no agent named {name!r}; known: {', '.join(self._kinds)}.{closest(name, self._kinds)}",
                field="model",
                value=name,
            )
        if name not in self._open:
            agent = agent_of(self._kinds[name])
            settings = parsed(agent.settings, self._rows.get(name, {}), f"llm.backends.{NAME}.agents.{name}")
            self._open[name] = agent, settings
        return self._open[name]


@dataclass(frozen=True, slots=True)
class Planned:
    agent: Agent
    run: Run


def plan(request: LLMRequest, agents: Agents, gone: Gone, execution_ref: str, environ: Mapping[str, str]) -> Planned:
    """The run that answers `request`.

    Raises:
        LLMError: `config`: an agent or option that does not exist, a directory that is none, nothing to say.
    """
    try:
        options = parsed(RunOptions, request.options, "llm.options")
        name, model = parse_agent_spec(
            request.model, agents=agents.names, agent=request.provider, default=options.agent
        )
        name = name or agents.default
        agent = agents.agent(name)
        settings = agents.settings_of(name).with_options(options)
    except ConfigError as error:
        raise LLMError.of("config", str(error), field=error.field) from None
    cwd = _directory(settings.cwd, name)
    place: Place = (name, cwd)
    notes = request.metadata.get("sessions") or ()
    known = session_of(notes, place, gone) if options.session != "new" else None
    if options.session_id is not None and (known is None or known.id != options.session_id):
        known = Session(options.session_id)
    if options.session == "fork" and known is None:
        raise LLMError.of("config", "there is no session to fork yet; name one as session_id", field="session")
    told = known.unseen(request.messages) if known else request.messages
    run = Run(
        agent=name,
        request=request,
        settings=settings,
        prompt=prompt_of(told),
        system_prompt=request.system_prompt,
        model=model or settings.model,
        session=_session_plan(agent, known, fork=options.session == "fork"),
        cwd=cwd,
        execution_ref=execution_ref,
        environ=environ,
    )
    return Planned(agent, run)


def _session_plan(agent: Agent, known: Session | None, *, fork: bool) -> SessionPlan:
    if known is None:
        return SessionPlan(agent.new_session_id())
    return SessionPlan(known.id, resume=True, fork=fork, totals=known.totals)


def _directory(cwd: str | None, agent: str) -> str:
    path = Path(cwd).expanduser() if cwd else Path.cwd()
    if not path.is_absolute():
        path = Path.cwd() / path
    if not path.is_dir():
        message = f"the working directory {str(path)!r} of the agent {agent!r} is no folder"
        raise LLMError.of("config", message, reason="bad_cwd", field="cwd")
    if not os.access(path, os.X_OK):
        message = f"the working directory {str(path)!r} of the agent {agent!r} may not be entered"
        raise LLMError.of("config", message, reason="bad_cwd", field="cwd")
    return str(path.resolve())
