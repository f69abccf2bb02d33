"""The kernel's one voice to the browser: all live turns in one message, at once when quiet, then at most 30 a second.

Threads: the runtime's thread only marks a turn as changed. What the browser says arrives on any thread and is only
handed over. The hub's own thread reads the views, sends, and brings ended turns to rest, so that neither the
runtime nor a cell ever waits for a front end.
"""

import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ..core.projections.turn import TurnView
from ..runtime.logs import logger_of
from .outbox import Outbox

if TYPE_CHECKING:
    from .widget import HubWidget, TurnWidget

log = logger_of(__name__)

INTERVAL_S = 1 / 30
STOP_LIMIT_S = 1.0


class ShownTurn(Protocol):
    """What a turn must offer to be shown; LabTurn does. All of it may be called from any thread."""

    @property
    def view(self) -> TurnView: ...
    def watch(self, callback: Callable[[TurnView, Any], None]) -> Callable[[], None]: ...
    def cancel(self, reason: str = ..., requested_by: str | None = ...) -> bool: ...


class _Live:
    __slots__ = ("at_rest", "on_end", "reloaded", "turn", "unwatch", "widget")

    def __init__(self, turn: ShownTurn, on_end: Callable[[TurnView], None]) -> None:
        self.turn = turn
        self.on_end = on_end
        self.widget: TurnWidget | None = None
        self.unwatch: Callable[[], None] = lambda: None
        self.reloaded = False
        self.at_rest = threading.Event()


class Hub:
    """Opened with the first live turn of a kernel, closed with the Lab. All methods may be called from any thread."""

    def __init__(self, kernel_id: str = "", *, send: Callable[[dict[str, Any]], None] | None = None) -> None:
        self.hub_id = uuid.uuid4().hex[:12]
        self.kernel_id = kernel_id
        self.pid = os.getpid()
        self._send = send
        self._widget: HubWidget | None = None
        self._lock = threading.RLock()
        self._wake = threading.Condition(self._lock)
        self._outbox = Outbox()
        self._live: dict[str, _Live] = {}
        self._ended: deque[str] = deque()
        self._count = 0
        self._hellos = 0
        self._dirty = False
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    @property
    def live(self) -> int:
        """Turns that the browser shows live."""
        with self._lock:
            return len(self._live)

    def show(
        self, turn: ShownTurn, display: Callable[["TurnWidget"], None], on_end: Callable[[TurnView], None]
    ) -> None:
        """Make a turn live: `display` is called here and now with its widget.

        `on_end` is called once on the hub's thread when the turn has ended, to put the static output in place.
        """
        from .widget import HubWidget, TurnWidget

        with self._lock:
            if self._widget is None:
                self._widget = HubWidget(self.hub_id, self.kernel_id, self.hear)
                self._send = self._widget.send
            hub = self._widget
        sid = self._reserve(turn, on_end)
        widget = self._live[sid].widget = TurnWidget(hub, sid, lambda: self.snapshot(sid))
        display(widget)
        # Only now: a turn that has ended already would replace an output that is not there yet.
        self._follow(sid)

    def add(self, turn: ShownTurn, on_end: Callable[[TurnView], None]) -> str:
        """Begin to tell the browser of a turn without a widget of its own; returns its `sid`."""
        sid = self._reserve(turn, on_end)
        self._follow(sid)
        return sid

    def _reserve(self, turn: ShownTurn, on_end: Callable[[TurnView], None]) -> str:
        with self._wake:
            self._count += 1
            sid = str(self._count)
            self._live[sid] = _Live(turn, on_end)
            self._outbox.open(sid)
        return sid

    def _follow(self, sid: str) -> None:
        live = self._live[sid]
        with self._wake:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="jido-hub", daemon=True)
                self._thread.start()
        # Not under the lock: `watch` may wait for the runtime's thread, and that one for the lock, in `_changed`.
        live.unwatch = live.turn.watch(lambda view, _events: self._changed(sid, view.done))
        self._changed(sid, live.turn.view.done)

    def wait_at_rest(self, turn: ShownTurn, timeout: float) -> bool:
        """Wait until the static output of an ended turn is in place; True at once for a turn that is not live."""
        with self._lock:
            waits = [live.at_rest for live in self._live.values() if live.turn is turn]
        deadline = time.monotonic() + timeout
        return all(event.wait(max(0.0, deadline - time.monotonic())) for event in waits)

    def snapshot(self, sid: str) -> Mapping[str, Any] | None:
        """The state of one turn as of now, or None when it is no longer live."""
        with self._lock:
            live = self._live.get(sid)
            return None if live is None else self._outbox.snapshot(sid, live.turn.view, now_us())

    def hear(self, content: Mapping[str, Any]) -> None:
        """Take a message of the browser. Only hands over: this may be the kernel's main thread or a subshell's."""
        sids = [str(sid) for sid in content.get("sids") or ()]
        match content.get("t"):
            case "hello":
                self._hello()
            case "resync":
                with self._wake:
                    self._outbox.ask(sids)
                    self._notify()
            case "cancel":
                self._cancel(str(content.get("sid")))

    def close(self) -> None:
        """End the thread, bring what is live to rest as it is, and close the widgets."""
        with self._wake:
            self._closed.set()
            self._wake.notify_all()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread() and self.pid == os.getpid():
            thread.join(STOP_LIMIT_S)
        for sid in list(self._live):
            self._rest(sid)
        widget, self._widget, self._send = self._widget, None, None
        if widget is not None:
            widget.close()

    def _hello(self) -> None:
        with self._wake:
            self._hellos += 1
            if self._hellos > 1:
                # A page that was reloaded has forgotten display ids: only the live view can show these to the end.
                for live in self._live.values():
                    live.reloaded = True
            self._outbox.ask()
            self._notify()

    def _cancel(self, sid: str) -> None:
        with self._wake:
            live = self._live.get(sid)
            if live is None:
                return
            self._outbox.canceling(sid)
            self._notify()
        live.turn.cancel("user_cancel", requested_by="widget")

    def _changed(self, sid: str, done: bool) -> None:
        with self._wake:
            self._outbox.touch(sid)
            if done and sid not in self._ended:
                self._ended.append(sid)
            self._notify()

    def _notify(self) -> None:
        if not self._dirty:
            self._dirty = True
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._dirty or self._closed.is_set())
                if self._closed.is_set():
                    return
                self._dirty = False
                ended = list(self._ended)
                self._ended.clear()
            try:
                self.flush()
            except Exception:
                log.exception("a message to the browser was lost")
            for sid in ended:
                self._rest(sid)
            self._closed.wait(INTERVAL_S)

    def flush(self) -> None:
        """Send what waits, in one message. Under the lock, so that messages leave in the order they were made."""
        with self._lock:
            views = {sid: live.turn.view for sid, live in self._live.items()}
            message = self._outbox.take(views, now_us())
            if message is not None and self._send is not None:
                self._send(message)

    def _rest(self, sid: str) -> None:
        with self._lock:
            live = self._live.get(sid)
        if live is None or live.at_rest.is_set():
            return
        live.unwatch()
        try:
            live.on_end(live.turn.view)
        except Exception:
            # One output that cannot be shown must not silence the others.
            log.exception("the output of a turn that ended could not be replaced")
        with self._wake:
            if not live.reloaded or self._closed.is_set():
                self._live.pop(sid, None)
                self._outbox.close(sid)
                self._notify()
                if live.widget is not None:
                    live.widget.close()
        live.at_rest.set()


def now_us() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1000
