"""The recording of a runtime: switched on and off while it lives, filled with whole turns as they end.

What is kept of a turn is its message, the signals of its effect with a note of each request, and its outputs. Markers
are not kept, since they speak of the journal in which they stand.
"""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio import CapacityLimiter, to_thread
from anyio.abc import TaskGroup

from ..backends.recorded.backend import RecordedBackend
from ..backends.recorded.call import REPLAYED, Cancel
from ..backends.recorded.recording import REQUESTED, Recording, check_recording
from ..backends.recorded.tape import Note, Tape
from ..core.catalogue import LLM_EFFECT, MESSAGE_RECEIVED
from ..core.signal import CONTRACT_MAJOR, Recorded, Signal, make_signal
from ..errors import ConfigError, JidoError, JournalError
from ..journal.open import open_journal
from ..journal.protocol import REQUESTS, Journal
from ..llm.backend import Backend
from ..llm.settings import RecordingMode, RecordingSettings
from . import adapters
from .backends_host import BackendsHost, Open
from .bus import Bus
from .ids import IdFactory, now_us
from .logs import logger_of
from .owners import held_alone
from .redactor import NOTHING_SECRET, Redactor

logger = logger_of(__name__)

FLUSH_LIMIT_S = 5.0
LAST_OUTPUTS = "conv.out.assistant.*"
_ENDINGS = (".completed", ".failed", ".canceled")

Control = Callable[[Mapping[str, Any]], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class RecordingStatus:
    """Where answers come from: `requests` held, and of this session `replayed` and `called`."""

    mode: RecordingMode
    path: str | None = None
    requests: int = 0
    replayed: int = 0
    called: int = 0

    def __str__(self) -> str:
        if self.mode == "off":
            return "off"
        held = "1 request" if self.requests == 1 else f"{self.requests} requests"
        return f"{self.mode} {self.path}: holds {held}; {self.replayed} replayed, {self.called} called"

    def __repr__(self) -> str:
        return f"<Recording {self}>"


class Recordings:
    """The backends of a runtime, and the recording that stands before them, one at a time.

    Its methods belong to the runtime's loop. `control` takes the raw control signal of a replayed cancel.
    """

    def __init__(
        self,
        tasks: TaskGroup,
        journal: Journal,
        bus: Bus,
        open: Open,
        control: Control,
        redactor: Redactor = NOTHING_SECRET,
    ) -> None:
        self.backends = BackendsHost(tasks, open)
        self.settings = RecordingSettings()
        self.tape: Tape | None = None
        self._tasks = tasks
        self._journal = journal
        self._bus = bus
        self._control = control
        self._redactor = redactor
        self._new_id = IdFactory()
        self._stands: dict[str, RecordedBackend] = {}
        self._held = ExitStack()
        self._limiter = CapacityLimiter(1)
        self._writing = 0
        self._written = anyio.Event()
        self._failure: JidoError | None = None

    async def backend(self, name: str) -> Backend:
        """Who answers for the backend of this name: itself, or the recording in its place."""
        if self.tape is None:
            return await self.backends.get(name)
        if name not in self._stands:
            stand = RecordedBackend(name, partial(self.backends.get, name), self.tape)
            if self.tape.mode == "record":
                await stand.open()
            self._stands[name] = stand
        return self._stands[name]

    @property
    def status(self) -> RecordingStatus:
        """Safe to read from any thread."""
        settings, tape = self.settings, self.tape
        if tape is None:
            return RecordingStatus("off")
        return RecordingStatus(settings.mode, settings.path, len(tape.recording), tape.played, tape.made)

    async def use(self, settings: RecordingSettings) -> None:
        """Go on as `settings` say: leave the recording in use, and begin with the one that they name.

        Raises:
            ConfigError: no path, no recording at it, or nothing in it.
            JournalError: it cannot be opened, or another runtime writes to it. The one in use stays.
        """
        if settings.path is not None and settings.path == self.settings.path:
            # It is in use, by us: who goes on with it, or reads it, must find it whole and free.
            await self.leave()
        held = ExitStack()
        tape = None
        try:
            if settings.mode != "off":
                tape = await to_thread.run_sync(self._load, settings, held, limiter=self._limiter)
        except BaseException:
            await to_thread.run_sync(held.close)
            raise
        await self.leave()
        self.settings, self.tape, self._held = settings, tape, held
        if settings.mode in ("record", "auto"):
            held.callback(self._bus.subscribe(LAST_OUTPUTS, self._ended))

    async def flush(self) -> None:
        """Return when every turn that has ended is in the recording. Raises JournalError where one could not be."""
        while self._writing:
            self._written = anyio.Event()
            await self._written.wait()
        if self._failure is not None:
            raise self._failure.with_traceback(None)

    async def close(self) -> None:
        """Leave the recording, close the backends; bounded by the caller's scope but for what is to be written."""
        await self.leave()
        await self.backends.close()

    async def leave(self) -> None:
        """Leave the recording in use, with everything in it; bounded in time, idempotent."""
        if self.tape is None and not self._writing:
            return
        with anyio.CancelScope(shield=True):
            try:
                with anyio.move_on_after(FLUSH_LIMIT_S):
                    await self.flush()
            except JidoError as error:
                logger.error("left a recording without everything in it: %s", error)
            held, self._held = self._held, ExitStack()
            self.tape, self._stands, self._failure = None, {}, None
            self.settings = RecordingSettings()
            await to_thread.run_sync(held.close)

    def _load(self, settings: RecordingSettings, held: ExitStack) -> Tape:
        mode, path = settings.mode, settings.path
        if not path:
            raise ConfigError(f"recording mode {mode!r} needs a path", field="recording.path", value=path)
        replaying = mode == "replay"
        if replaying and not Path(path).expanduser().exists():
            raise ConfigError(
                f"there is no recording at {path}; make one with %jido recording record {path}, or check the path",
                field="recording.path",
                value=path,
            )
        if _same_file(path, self._journal.location):
            message = f"{path} is the journal that is written to; a recording is another file"
            raise ConfigError(message, field="recording.path", value=path)
        journal = open_journal(path, read_only=replaying)
        held.callback(journal.close)
        if not replaying:
            held.enter_context(held_alone(journal))
        recording = Recording(journal)
        if replaying:
            check_recording(recording, path)
        return Tape(mode, recording, name=path, timing=settings.pace, cancel=self._cancel, now_us=now_us)

    async def _cancel(self, conversation_id: str, effect_id: str, cancel: Cancel, in_wait: bool) -> None:
        """Let a replayed effect end as its original did."""
        asked = {"requested_by": cancel.requested_by} if cancel.requested_by is not None else {}
        payload = {"effect_id": effect_id, "reason": cancel.reason, **asked, REPLAYED: True}
        raw = adapters.cancel(conversation_id, self._new_id(), payload)
        if not in_wait:
            await self._control(raw)
            return

        def when_waiting(recorded: Recorded) -> None:
            data = recorded.signal.data
            if data.get("effect_id") == effect_id and data.get("status") == "retrying":
                forget()
                self._tasks.start_soon(self._control, raw)

        forget = self._bus.subscribe(f"{LLM_EFFECT}.progress", when_waiting, subject=conversation_id)

    def _ended(self, recorded: Recorded) -> None:
        signal, tape = recorded.signal, self.tape
        if tape is None or not signal.type.endswith(_ENDINGS):
            return
        effect_id = str(signal.data.get("effect_id"))
        if notes := tape.notes_of(signal.subject, effect_id):
            self._writing += 1
            self._tasks.start_soon(self._keep, tape.recording, signal.subject, effect_id, notes)

    async def _keep(self, recording: Recording, subject: str, effect_id: str, notes: dict[int, Note]) -> None:
        try:
            with anyio.CancelScope(shield=True):
                work = partial(self._write, recording, subject, effect_id, notes)
                await to_thread.run_sync(work, limiter=self._limiter)
        except JidoError as error:
            self._failure = self._failure or error
            logger.error("a turn is not in the recording: %s", error)
        finally:
            self._writing -= 1
            self._written.set()

    def _write(self, recording: Recording, subject: str, effect_id: str, notes: dict[int, Note]) -> None:
        prefix = REQUESTS[MESSAGE_RECEIVED]
        message = self._journal.find(effect_id.removeprefix(prefix), subject)
        log = list(self._journal.read(subject=subject, effect_id=effect_id))
        causes = (self._journal.find(r.signal.cause_id or "", subject) for r in log[-2:])
        whole = {each.seq: each.signal for each in (message, *causes, *log) if each is not None}
        story: list[Signal] = []
        for _, signal in sorted(whole.items()):
            story.append(signal)
            begins = signal.data.get("lifecycle") == "started" or signal.data.get("status") == "retry_attempt_started"
            note = notes.get(signal.data.get("attempt", 0)) if begins else None
            if note is not None:
                story.append(self._redactor.signal(self._requested(signal, effect_id, note)))
        try:
            recording.journal.append(story)
        except JidoError:
            raise
        except Exception as error:
            where = recording.journal.location
            raise JournalError(f"the recording {where} could not be written: {error}", path=where) from error
        for signal in story:
            if signal.type == REQUESTED:
                recording.add(signal)

    def _requested(self, begin: Signal, effect_id: str, note: Note) -> Signal:
        id = self._new_id()
        data = {
            "audit_id": id,
            "category": "llm_request",
            "effect_id": effect_id,
            "attempt": note.place[1],
            "request_key": note.place[0],
            "ordinal": note.ordinal,
            "take": note.take,
            "request": dict(note.facts),
            "response": None if note.response is None else dict(note.response),
        }
        return make_signal(
            id=id,
            type=REQUESTED,
            source="/runtime/recordings",
            subject=begin.subject,
            time_us=note.asked_us,
            data=data,
            extensions={"contract_major": CONTRACT_MAJOR, "cause_id": begin.id},
        )


def _same_file(path: str, location: str) -> bool:
    return Path(path).expanduser().resolve() == Path(location).resolve()
