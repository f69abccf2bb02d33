"""`%jido doctor` and `jido-nb doctor`: what is here, and how cancel will work with it. Keys are named, never shown."""

import os
import platform
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..version import __version__
from .frontend import FrontEnd

if TYPE_CHECKING:
    from ..backends.harness.survey import Surveyed
    from ..llm.settings import Settings
    from .lab import Lab

_PACKAGES = ("ipykernel", "ipywidgets", "anywidget", "anthropic", "pandas")


Facts = list[tuple[str, object]]


def examine(lab: "Lab", frontend: FrontEnd, shell: Any) -> Facts:
    """Facts for people, as (name, fact); opens nothing. Asks the programs of the agents for their versions."""
    facts = _packages()
    facts += [("front end", f"{frontend.kind}: {frontend.why}"), *_cancel(frontend, shell)]
    facts.append(("journal", lab.journal_location))
    if lab.is_open:
        facts.append(("recording", lab.recording()))
        return facts + _keys(lab.settings) + _agents(lab.settings)
    facts.append(("keys", "open the Lab first (any %%jido cell), then ask again"))
    return facts + _agents_of_files()


def examine_machine(settings: "Settings") -> Facts:
    """The same for a terminal, where there is no Lab and no front end."""
    return _packages() + _keys(settings) + _agents(settings)


def _packages() -> Facts:
    facts: Facts = [("jido_nb", __version__), ("python", f"{platform.python_version()} {sys.executable}")]
    return facts + [(name, _version(name)) for name in _PACKAGES]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cancel(frontend: FrontEnd, shell: Any) -> Facts:
    """The ways to cancel, from the nearest to the last, and whether each exists here."""
    kernel = getattr(shell, "kernel", None)
    calls = "turn.cancel() and %jido cancel, for an answer that goes on in the background (--bg)"
    if frontend.kind != "live":
        none = "none: nobody is there to press it" if kernel is not None else "none in a terminal"
        stop = "Ctrl-C" if kernel is None else "the runner's interrupt"
        return [
            ("cancel: button", none),
            ("cancel: interrupt", f"{stop} ends a waiting cell"),
            ("cancel: calls", calls),
        ]
    # Kernels before 7 hear the browser only between cells.
    if not hasattr(kernel, "shell_channel_thread"):
        button = "between cells; while one runs it becomes the kernel's interrupt after 1.5 s (no subshells here)"
    else:
        button = "at any time, also while a cell runs (subshells)"
        button += "; this kernel would answer in the wrong one and is guarded" if _needs_guard() else ""
    stop = "■ ends cells that wait or await; an answer of a cell that has returned goes on"
    return [("cancel: button", button), ("cancel: interrupt", stop), ("cancel: calls", calls)]


def _needs_guard() -> bool:
    from ipykernel.comm.comm import BaseComm, Comm

    return hasattr(Comm, "_reply_subshell_for") or hasattr(BaseComm, "_reply_subshell_for")


def _keys(settings: "Settings") -> Facts:
    rows: Facts = []
    for backend in settings.llm.backends.values():
        for name, provider in backend.providers.items():
            if variable := provider.api_key_env:
                rows.append((f"key for {name}", f"{variable} is {'set' if os.environ.get(variable) else 'not set'}"))
    return rows or [("keys", "none needed")]


def _agents_of_files() -> Facts:
    from ..settings import load_settings

    try:
        return _agents(load_settings())
    except ConfigError as error:
        return [("settings", error)]


def _agents(settings: "Settings") -> Facts:
    from ..backends.harness.planning import NAME
    from ..backends.harness.survey import survey
    from ..runtime.known_secrets import redactor_of

    table = settings.llm.backends.get(NAME)
    if table is None or table.module is not None:
        return []
    # A version is what a program says, and it was given keys.
    without_secrets = redactor_of(settings).value
    try:
        return [(f"agent {found.name}", without_secrets(_agent(found))) for found in survey(table)]
    except ConfigError as error:
        return [("agents", error)]


def _agent(found: "Surveyed") -> str:
    place = shlex.join(found.program)
    if found.problem is not None:
        return f"{place}: {found.problem}" if place else found.problem
    login = {True: "logged in", False: "not logged in", None: "login unknown"}[found.logged_in]
    return f"{found.version or 'version unknown'} at {place}; {login}; cancel: {found.cancels_by}"
