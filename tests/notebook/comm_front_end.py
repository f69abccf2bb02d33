"""A front end at the level of comm messages: a real kernel, and all that a browser would be told, without one."""

import queue
import time
from collections.abc import Callable
from typing import Any

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

from .browser_model import BrowserModel

LIMIT_S = 30
WIDGET = "application/vnd.jupyter.widget-view+json"


class Cell:
    """One execution as it is seen so far: outputs by what they are, in order."""

    def __init__(self, msg_id: str) -> None:
        self.msg_id = msg_id
        self.outputs: list[dict[str, Any]] = []
        self.stdout = ""
        self.stderr = ""
        self.error: dict[str, Any] | None = None
        self.reply: dict[str, Any] | None = None

    @property
    def texts(self) -> list[str]:
        return [str(output["data"].get("text/plain")) for output in self.outputs]


class CommFrontEnd:
    """Runs cells and keeps the page: outputs (with display ids), open comms, and the text of live turns."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient, *, live: bool) -> None:
        self.manager = manager
        self.client = client
        self.live = live
        self.cells: dict[str, Cell] = {}
        self.displays: dict[str, dict[str, Any]] = {}
        self.comms: dict[str, dict[str, Any]] = {}
        self.opened: list[dict[str, Any]] = []
        self.closed: list[str] = []
        self.hub_messages: list[dict[str, Any]] = []
        self.browser = BrowserModel()
        self.subshell: str | None = None

    def start(self, code: str) -> Cell:
        cell = Cell(self.client.execute(code, allow_stdin=self.live))
        self.cells[cell.msg_id] = cell
        return cell

    def finish(self, cell: Cell) -> Cell:
        self.until(lambda: cell.reply is not None)
        self._drain()
        return cell

    def run(self, code: str) -> Cell:
        return self.finish(self.start(code))

    def until(self, predicate: Callable[[], object]) -> None:
        """Take messages in until `predicate` holds."""
        deadline = time.monotonic() + LIMIT_S
        while not predicate():
            assert time.monotonic() < deadline, "the kernel did not get there"
            self._take(0.05)

    @property
    def views(self) -> list[str]:
        """The `sid` of every view that was ever opened."""
        return [state["sid"] for state in self.opened if "sid" in state]

    def comm_of(self, trait: str) -> str:
        """The id of the comm whose state has `trait`: `hub_id` for the hub, `sid` for a view."""
        return next(key for key, state in reversed(self.comms.items()) if trait in state)

    def send(self, comm_id: str, content: dict[str, Any]) -> None:
        """What `model.send(content)` does in a browser: over a subshell where the kernel has them."""
        if self.subshell is None and hasattr(self.client, "control_channel"):
            self.subshell = self._create_subshell()
        data = {"method": "custom", "content": content}
        message = self.client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
        message["header"]["subshell_id"] = self.subshell
        self.client.shell_channel.send(message)

    def _create_subshell(self) -> str | None:
        message = self.client.session.msg("create_subshell_request")
        self.client.control_channel.send(message)
        while True:
            reply = self.client.get_control_msg(timeout=LIMIT_S)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return reply["content"].get("subshell_id")

    def _drain(self) -> None:
        # The kernel publishes in order, so what a request brought is complete when its `idle` has come.
        marker = self.client.kernel_info()
        seen = {"idle": False}

        def on_message(message: dict[str, Any]) -> None:
            idle = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
            seen["idle"] = seen["idle"] or (idle and message["parent_header"].get("msg_id") == marker)

        deadline = time.monotonic() + LIMIT_S
        while not seen["idle"]:
            assert time.monotonic() < deadline
            self._take(0.05, on_message)

    def _take(self, timeout: float, also: Callable[[dict[str, Any]], None] = lambda message: None) -> None:
        try:
            message = self.client.get_iopub_msg(timeout=timeout)
        except queue.Empty:
            message = None
        if message is not None:
            self._on_iopub(message)
            also(message)
        while True:
            try:
                reply = self.client.get_shell_msg(timeout=0)
            except queue.Empty:
                return
            cell = self.cells.get(reply["parent_header"].get("msg_id"))
            if cell is not None and reply["msg_type"] == "execute_reply":
                cell.reply = reply["content"]

    def _on_iopub(self, message: dict[str, Any]) -> None:
        content = message["content"]
        cell = self.cells.get(message["parent_header"].get("msg_id") or "")
        match message["msg_type"]:
            case "comm_open":
                state = content["data"].get("state", {})
                self.comms[content["comm_id"]] = state
                self.opened.append(state)
                if "hub_id" in state:
                    self.send(content["comm_id"], {"t": "hello"})
                if snapshot := state.get("snap"):
                    self.browser.snapshot(state["sid"], snapshot)
            case "comm_close":
                self.comms.pop(content["comm_id"], None)
                self.closed.append(content["comm_id"])
            case "comm_msg" if content["data"].get("method") == "custom":
                self.hub_messages.append(content["data"]["content"])
                self.browser.receive(content["data"]["content"])
            case "display_data" | "execute_result" as kind:
                output = {"kind": kind, "data": content["data"], "metadata": content.get("metadata", {})}
                if display_id := content.get("transient", {}).get("display_id"):
                    self.displays[display_id] = output
                if cell is not None:
                    cell.outputs.append(output)
            case "update_display_data":
                shown = self.displays[content["transient"]["display_id"]]
                shown["data"], shown["metadata"] = content["data"], content.get("metadata", {})
            case "stream" if cell is not None:
                setattr(cell, content["name"], getattr(cell, content["name"]) + content["text"])
            case "error" if cell is not None:
                cell.error = content
