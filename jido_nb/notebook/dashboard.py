"""The numbers of a Lab while they change: one output that is written over, twice a second at most.

An output and no widget: what is shown last is what the saved notebook holds, and nothing stays in the kernel or in the
page. Where nobody watches it is shown once, as it is.
"""

import contextvars
import uuid
from collections.abc import Callable
from html import escape
from threading import Lock
from typing import TYPE_CHECKING, Any

import anyio

from ..core.projections.telemetry import TelemetrySnapshot
from ..errors import printable
from ..runtime.health import Health
from .door import Door
from .frontend import current_shell, find_frontend

if TYPE_CHECKING:
    from ..runtime.runtime import Runtime

EVERY_S = 0.5
"""Time between two pictures, at least."""
WATCHED = "conv.**"

_ROW = "padding:0 1.5em 0 0;text-align:left;vertical-align:top"
_MUTED = "color:var(--jp-content-font-color2,#57606a)"


class Dashboard:
    """Shows itself as the value of a cell, and then goes with the Lab until it is closed or the Lab is."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._runtime: Runtime = door.inside
        self._id = uuid.uuid4().hex
        self._opening = Lock()
        self._follower: Any = None
        self.closed = False
        self.pictures = 0
        """How often it was drawn."""

    def close(self) -> None:
        """Stop; the output keeps what it shows. Closing twice is fine."""
        if not self.closed:
            self.closed = True
            if self._follower is not None and not self._door.closed:
                self._follower.cancel()

    def __repr__(self) -> str:
        if self._door.closed:
            return "<numbers of a Lab that is closed>"
        telemetry, health = self._numbers()
        return "\n".join([_headline(health), repr(telemetry)])

    def _ipython_display_(self) -> None:
        shell = current_shell()
        if shell is None or self._door.closed:
            print(repr(self))  # noqa: T201
            return
        self._publish(shell, *self._numbers(), update=False)
        if find_frontend(shell).kind == "live":
            self._follow(shell)

    def _numbers(self) -> tuple[TelemetrySnapshot, Health]:
        return self._door.ask(lambda: (self._runtime.telemetry(), self._runtime.health()))

    def _follow(self, shell: Any) -> None:
        # The cell's context, so that what the runtime's thread publishes finds its cell.
        context = contextvars.copy_context()

        def show(telemetry: TelemetrySnapshot, health: Health) -> None:
            context.copy().run(self._publish, shell, telemetry, health, update=True)

        with self._opening:
            if self._follower is None and not self.closed:
                self._follower = self._door.start(self._keep_up, show)

    async def _keep_up(self, show: Callable[[TelemetrySnapshot, Health], None]) -> None:
        """Draw whenever something has changed, until closed or until the runtime is over."""
        news = anyio.Event()

        def note(_recorded: object) -> None:
            news.set()

        stop = self._runtime.bus.subscribe(WATCHED, note)
        drawn: tuple[TelemetrySnapshot, str] | None = None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._until_over, tasks.cancel_scope)
                while True:
                    telemetry, health = self._runtime.telemetry(), self._runtime.health()
                    if (picture := (telemetry, _headline(health))) != drawn:
                        drawn = picture
                        show(telemetry, health)
                    await anyio.sleep(EVERY_S)
                    # What comes to rest says so in no signal, so a runtime that is busy is looked at again.
                    if not (health.in_flight or health.queued or health.waiting):
                        await news.wait()
                    news = anyio.Event()
        finally:
            stop()

    async def _until_over(self, scope: anyio.CancelScope) -> None:
        await self._runtime.over.wait()
        scope.cancel()

    def _publish(self, shell: Any, telemetry: TelemetrySnapshot, health: Health, *, update: bool) -> None:
        self.pictures += 1
        data = {"text/plain": "\n".join([_headline(health), repr(telemetry)]), "text/html": _html(telemetry, health)}
        shell.display_pub.publish(data=data, metadata={}, transient={"display_id": self._id}, update=update)


def _headline(health: Health) -> str:
    running = f"{health.in_flight} running, {health.queued} queued"
    return printable(f"{health.journal}: {running}" + (f"; {health.status}" if health.status != "ok" else ""))


def _html(telemetry: TelemetrySnapshot, health: Health) -> str:
    rows = "".join(
        f'<tr><th style="{_ROW};font-weight:normal;{_MUTED};white-space:pre">{escape(label)}</th>'
        f'<td style="{_ROW};font-variant-numeric:tabular-nums">{escape(text)}</td></tr>'
        for label, text in telemetry.rows()
    )
    problems = "".join(f"<div>! {escape(problem)}</div>" for problem in health.problems)
    body = f"<table>{rows}</table>" if rows else f'<div style="{_MUTED}">nothing happened yet</div>'
    return f"<div><strong>{escape(_headline(health))}</strong>{problems}{body}</div>"
