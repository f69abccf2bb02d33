"""Show a turn where somebody looks: live in a notebook, once and at rest everywhere else.

Live: a widget while the turn runs, replaced by static output when it ends, so that the saved notebook reads everywhere.
Headless (nbclient, papermill, nbconvert, nbval): no widget, one display, deterministic text. Terminal: as it comes.
"""

import contextvars
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Protocol

from ..core.projections.turn import TurnEvent, TurnView
from ..errors import printable
from .display import bundle
from .door import state
from .frontend import cell_id, current_shell, find_frontend
from .hub import Hub, ShownTurn
from .provenance import Traceable, provenance
from .terminal import TerminalStory

REST_LIMIT_S = 2.0
_REMEMBERED = 256
_WIDGET = "application/vnd.jupyter.widget-view+json"

_shown: "OrderedDict[tuple[str, str], str | None]" = OrderedDict()


class WaitedTurn(ShownTurn, Protocol):
    """A turn that can also be waited for."""

    @property
    def id(self) -> str: ...
    @property
    def conversation_id(self) -> str: ...
    def wait(self, timeout: float | None = None) -> Any: ...
    def __iter__(self) -> Iterator[TurnEvent]: ...


def show(turn: WaitedTurn, shell: Any | None = None) -> None:
    """Display `turn` as output of the cell that runs now; a second time in the same cell shows nothing.

    Returns at once where the turn can be shown live; elsewhere it waits for the end, and an interrupt cancels.
    """
    shell = current_shell() if shell is None else shell
    if shell is None or not _first_time(turn, cell_id(shell)):
        return
    frontend = find_frontend(shell)
    if not turn.view.done and frontend.kind == "live":
        _show_live(turn, shell)
        return
    if frontend.kind == "terminal":
        story = TerminalStory(turn.view)
        for event in turn:
            story.tell(event)
        return
    if not turn.view.done:
        wait(turn)
    _publish(shell, bundle(turn.view), _metadata(turn))


def show_prompt(shell: Any, text: str) -> None:
    """Display what is sent, above the answer."""
    html = f'<pre style="white-space:pre-wrap;overflow-wrap:anywhere;opacity:.75">{escape(text)}</pre>'
    _publish(shell, {"text/plain": printable(text), "text/html": html})


def wait(turn: WaitedTurn) -> None:
    """Wait until `turn` has ended and its output is at rest. An interrupt cancels the turn and is raised on."""
    try:
        turn.wait()
    finally:
        if (hub := open_hub()) is not None:
            hub.wait_at_rest(turn, REST_LIMIT_S)


def open_hub() -> Hub | None:
    """The hub of this kernel, if one is open."""
    hub: Hub | None = getattr(state(), "hub", None)
    return None if hub is None or hub.closed else hub


def close_hub() -> None:
    """Close the hub of this kernel; what was live comes to rest as it is."""
    hub: Hub | None = getattr(state(), "hub", None)
    state().hub = None
    _shown.clear()
    if hub is not None:
        hub.close()


def _show_live(turn: WaitedTurn, shell: Any) -> None:
    hub = open_hub()
    if hub is None:
        hub = state().hub = Hub(kernel_id())
    # The cell's context, so that the final output finds its cell although the hub's thread publishes it.
    context = contextvars.copy_context()
    display_id = uuid.uuid4().hex

    def display(widget: Any) -> None:
        view = {_WIDGET: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}}
        _publish(shell, {**bundle(turn.view), **view}, display_id=display_id)

    def on_end(view: TurnView) -> None:
        context.copy().run(_publish, shell, bundle(view), _metadata(turn), display_id=display_id, update=True)

    hub.show(turn, display, on_end)


def _metadata(turn: WaitedTurn) -> dict[str, Any]:
    return provenance(turn) if turn.view.done and isinstance(turn, Traceable) else {}


def _publish(
    shell: Any,
    data: dict[str, Any],
    metadata: Mapping[str, Any] | None = None,
    *,
    display_id: str | None = None,
    update: bool = False,
) -> None:
    # Not IPython.display: its Markdown and HTML open text that happens to be a file's name or an address.
    transient = {"display_id": display_id} if display_id else {}
    shell.display_pub.publish(data=data, metadata=dict(metadata or {}), transient=transient, update=update)


def _first_time(turn: WaitedTurn, cell: str | None) -> bool:
    if cell is None:
        return True
    key = (turn.conversation_id, turn.id)
    if _shown.get(key) == cell:
        return False
    _shown[key] = cell
    _shown.move_to_end(key)
    while len(_shown) > _REMEMBERED:
        _shown.popitem(last=False)
    return True


def kernel_id() -> str:
    """What the server calls this kernel, for its interrupt; empty where the connection file does not tell."""
    from pathlib import Path

    try:
        from ipykernel.connect import get_connection_file

        name = Path(get_connection_file()).stem
    except Exception:
        return ""
    return name.removeprefix("kernel-") if name.startswith("kernel-") else ""
