"""The two anywidgets: one hub per kernel, without a view, and one light view per turn.

Imported only when the first turn is shown: ipywidgets and anywidget cost more than `%load_ext` may.
Text never travels as a trait: trait updates are whole values, get merged, and on some kernels stop arriving.
"""

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import anywidget
import traitlets

_STATIC = files("jido_nb.notebook").joinpath("static")

Handler = Callable[[Mapping[str, Any]], None]
Snapshot = Callable[[], Mapping[str, Any] | None]


class HubWidget(anywidget.AnyWidget):
    """Carries the messages of all turns; `on_message` hears what the browser says, on whatever thread it arrives."""

    _esm = _STATIC.joinpath("hub.js").read_text(encoding="utf-8")

    hub_id = traitlets.Unicode().tag(sync=True)
    kernel_id = traitlets.Unicode().tag(sync=True)

    def __init__(self, hub_id: str, kernel_id: str, on_message: Handler) -> None:
        super().__init__(hub_id=hub_id, kernel_id=kernel_id)
        self.on_msg(lambda _widget, content, _buffers: on_message(content))
        guard_routing(self.comm)

    def close(self) -> None:
        """Close it and its layout, which would stay in the kernel and in the page for ever."""
        layout = self.layout
        super().close()
        layout.close()


class TurnWidget(anywidget.AnyWidget):
    """One turn's place in the page. Its state is made when it is asked for, never pushed."""

    _esm = _STATIC.joinpath("view.js").read_text(encoding="utf-8")

    hub = traitlets.Unicode().tag(sync=True)
    sid = traitlets.Unicode().tag(sync=True)
    snap = traitlets.Dict(allow_none=True).tag(sync=True)

    def __init__(self, hub: HubWidget, sid: str, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        # The hub's layout: one of its own would be two more messages for each turn.
        super().__init__(hub=hub.hub_id, sid=sid, layout=hub.layout)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """As asked by comm_open and by a page that was reloaded: with the text as of now."""
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        if key is None:
            state["snap"] = self._snapshot()
        return state


def guard_routing(comm: Any) -> None:
    """Let the browser choose the thread that hears it.

    ipykernel 7.4 answers a comm on the shell that last wrote to it, which for ours is the main one: a Cancel button
    would be dead for as long as a cell blocks. The attribute is private, hence the question whether it exists.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _data, default: default
