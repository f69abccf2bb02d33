"""Find an agent's program, or say how to get it."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ...llm.error import LLMError


@dataclass(frozen=True, slots=True)
class Executable:
    """How a program is found: its names, what a Python package brings along, and how to install it."""

    names: tuple[str, ...]
    install: str
    """The command that installs it."""
    bundled: tuple[tuple[str, str], ...] = ()
    """(Python package, path of the program inside of it)."""
    fixed: tuple[str, ...] | None = None
    """A command that is always there, and is not looked for."""


def find_executable(agent: str, wanted: Executable, path: str | None, environ: Mapping[str, str]) -> list[str]:
    """The command to start `agent` with, without arguments; see `AgentSettings.path` for the order of search.

    Raises:
        LLMError: `config`: there is none; the message holds the install command.
    """
    variable = f"JIDO_NB_{agent.upper().replace('-', '_')}_PATH"
    for said, by in (
        (path, f"the setting llm.backends.harness.agents.{agent}.path"),
        (environ.get(variable), variable),
    ):
        if said:
            found = _explicit(said, environ)
            if found is None:
                raise _missing(agent, wanted, f"{by} says {said!r}, which is no program that can be run")
            return [found]
    if wanted.fixed is not None:
        return list(wanted.fixed)
    search = environ.get("PATH", os.defpath)
    for name in wanted.names:
        if found := shutil.which(name, path=search):
            return [found]
    for package, inside in wanted.bundled:
        if (program := _bundled(package, inside)) is not None:
            return [program]
    names = " or ".join(wanted.names)
    raise _missing(agent, wanted, f"no program {names} in PATH")


def _explicit(said: str, environ: Mapping[str, str]) -> str | None:
    if os.sep in said or said.startswith("~"):
        return shutil.which(str(Path(said).expanduser().absolute()))
    return shutil.which(said, path=environ.get("PATH", os.defpath))


def _bundled(package: str, inside: str) -> str | None:
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return None
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder, inside)
        if os.access(program, os.X_OK) and program.is_file():
            return str(program)
    return None


def _missing(agent: str, wanted: Executable, why: str) -> LLMError:
    message = f"the agent {agent!r} is not installed: {why}. Install it with: {wanted.install}"
    return LLMError.of("config", message, agent=agent, install=wanted.install, reason="missing_binary")


def said_by(names: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether any of these variables is set to something."""
    return any(environ.get(name) for name in names)
