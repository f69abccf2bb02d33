"""The Lab: jido_nb for cells and scripts, synchronous, over a runtime on its own thread."""

import atexit
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from ..core.budget import Budget
from ..core.projections.telemetry import TelemetrySnapshot
from ..core.signal import Recorded
from ..errors import ClosedError
from ..journal.protocol import Journal
from ..llm.overrides import Overrides, parse_overrides
from ..llm.resolver import resolve
from ..llm.secrets import scrub
from ..llm.settings import Settings
from ..settings import load_settings
from .dashboard import Dashboard
from .door import Door, state
from .lab_conversation import LabConversation

if TYPE_CHECKING:
    from ..runtime.health import Health
    from ..runtime.recordings import RecordingStatus
    from ..runtime.runtime import Runtime, Tools


class Lab:
    """Conversations over one journal. Nothing is opened, and no thread started, before the first use.

    Close it with `close()` or as a context manager; the interpreter's exit and `%unload_ext` close it too.
    """

    def __init__(
        self,
        journal: str | Path | Journal | None = None,
        settings: Settings | Mapping[str, Any] | None = None,
        *,
        tools: "Tools | None" = None,
        lazy: bool = False,
    ) -> None:
        """Open a Lab.

        Args:
            journal: Path, URL, a Journal, or None: the settings' journal, else in memory.
            tools: Python functions that tool effects may run, by name.
            lazy: Open on first use only; mistakes in the arguments then show up there.

        Raises:
            ConfigError, JournalError: as `open_runtime`.
        """
        self._journal = journal
        self._given_settings = settings
        self._tools = tools
        self._door: Door | None = None
        self._opening = Lock()
        self._defaults = Overrides()
        self._dashboard: Dashboard | None = None
        self._closed = False
        if not lazy:
            self._open()

    @property
    def runtime(self) -> "Runtime":
        """The runtime itself; its methods belong to its own thread."""
        runtime: Runtime = self._open().inside
        return runtime

    @property
    def settings(self) -> Settings:
        return self.runtime.settings

    @property
    def journal(self) -> Journal:
        """The open journal: every frame function takes the Lab, or this."""
        return self.runtime.journal

    @property
    def journal_location(self) -> str:
        """Where the journal is, without opening anything."""
        if self._door is not None:
            # Not through `journal`, which opens: a Lab that is closed still says what it was.
            location: str = self._door.inside.journal.location
            return location
        return "memory" if self._journal is None else scrub(str(self._journal))

    @property
    def is_open(self) -> bool:
        return self._door is not None and not self._door.closed

    @property
    def closed(self) -> bool:
        return self._closed

    def conversation(
        self,
        conversation_id: str | None = None,
        *,
        project_id: str | None = None,
        backend: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        system_prompt: str | None = None,
        stream: bool | None = None,
        timeout_ms: int | None = None,
        options: Mapping[str, Any] | None = None,
        budget: Budget | Mapping[str, Any] | None = None,
    ) -> LabConversation:
        """The conversation of this id, a new one without; what is not said here is as `use` says, then the settings.

        Raises:
            ContractError: a default is not valid.
        """
        asked = {
            "backend": backend,
            "provider": provider,
            "model": model,
            "system_prompt": system_prompt,
            "stream": stream,
            "timeout_ms": timeout_ms,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        inherited = self._defaults.to_payload()
        if given.keys() & {"backend", "provider", "model"}:
            inherited = {
                name: value for name, value in inherited.items() if name not in ("backend", "provider", "model")
            }
        if options is None or isinstance(options, Mapping):
            options = {**self._defaults.options, **(options or {})}
        defaults = {**inherited, **given, "options": options}
        make = partial(self.runtime.conversation, conversation_id, project_id=project_id, budget=budget, **defaults)
        return LabConversation(self._open(), self._open().ask(make))

    def use(
        self, model: str | None = None, *, backend: str | None = None, options: Mapping[str, Any] | None = None
    ) -> Overrides:
        """Set what new conversations of this Lab use; returns it.

        Raises:
            ContractError: it is not valid.
            ConfigError: no such backend or provider.
        """
        given = {"model": model, "backend": backend, "options": dict(options or {})}
        raw = {name: value for name, value in given.items() if value}
        with self.runtime.redactor.refusing():
            overrides = parse_overrides(raw, field="use", backends=self.settings.llm.backends)
            resolve(overrides, Overrides(), self.settings.llm)
        self._defaults = overrides
        return overrides

    def events(
        self, types: str | list[str] | None = None, subject: str | None = None, after_seq: int = 0
    ) -> list[Recorded]:
        """Signals of the journal, in order."""
        return self._open().call(self.runtime.events, types, subject, after_seq)

    def trace(self, signal_id: str, direction: str = "backward") -> list[Recorded]:
        """A signal with its causes, or with what followed from it (`forward`)."""
        return self._open().call(self.runtime.trace, signal_id, direction)

    def ingest(self, raw: Mapping[str, Any], *, cause_id: str | None = None) -> Any:
        """Write a raw signal; see `Runtime.ingest`."""
        return self._open().call(self.runtime.ingest, raw, cause_id)

    def telemetry(self) -> TelemetrySnapshot:
        """What happened so far, in numbers."""
        return self._open().ask(self.runtime.telemetry)

    def watch(self) -> Dashboard:
        """The numbers as they change: as the value of a cell, a table that is kept up to date. `close()` stops it.

        A Lab has one: asking again closes the one before, which keeps what it shows.
        """
        door = self._open()
        if self._dashboard is not None:
            self._dashboard.close()
        self._dashboard = Dashboard(door)
        return self._dashboard

    def health(self) -> "Health":
        """Whether the runtime is well."""
        return self._open().ask(self.runtime.health)

    def idle(self, timeout: float | None = None) -> None:
        """Wait until nothing runs and everything is durable, applied and marked."""
        self._open().call(self.runtime.idle, timeout=timeout)

    def recording(
        self, mode: str | None = None, path: str | Path | None = None, *, timing: float | str = "none"
    ) -> "RecordingStatus":
        """Keep answers in a recording, or take them from there; without arguments: how it stands.

        Args:
            mode: `record` calls and keeps, `replay` never calls, `auto` replays what is there and else calls and
                keeps, `off` calls.
            path: A file, `.jsonl` for lines of JSON, any other name for SQLite. It is a journal like any other.
            timing: How replayed answers arrive: as they did (`real`), at once (`none`), or times this factor.

        Raises:
            ConfigError: no such mode, no path, no recording there, or nothing in it.
            JournalError: it cannot be opened, or another runtime writes to it. The one in use stays in use.
        """
        recordings = self.runtime.recordings
        if mode is not None:
            asked = {"mode": mode, "path": None if path is None else str(path), "timing": timing}
            settings = Settings.model_validate({"recording": asked}).recording
            self._open().call(recordings.use, settings)
        return recordings.status

    def backends(self) -> list[str]:
        """Names of the backends that can be used."""
        return list(self.settings.llm.backends)

    def close(self) -> None:
        """End what runs, write everything down, end the thread. Bounded in time, idempotent."""
        self._closed = True
        if self._door is not None:
            self._door.close()
        state().labs.pop(id(self), None)

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        status = "closed" if self._closed else "open" if self.is_open else "not opened yet"
        return f"<Lab {self.journal_location} {status}>"

    def _open(self) -> Door:
        if self._closed:
            raise ClosedError("this Lab is closed; make a new one with jido_nb.Lab(...), or run %reload_ext jido_nb")
        with self._opening:
            if self._door is None:
                from ..runtime.opening import open_runtime

                settings = load_settings(self._given_settings)
                self._door = Door(open_runtime(settings, self._journal, tools=self._tools))
                state().labs[id(self)] = self
                _close_at_exit()
            return self._door


def close_all() -> None:
    """Close every open Lab of the process."""
    for lab in list(state().labs.values()):
        lab.close()


def _close_at_exit() -> None:
    if not state().exit_hook:
        state().exit_hook = True
        atexit.register(close_all)
