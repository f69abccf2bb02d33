"""Codex over `codex app-server`: JSON-RPC lines in both directions, with deltas, an interrupt, and errors with a code.

Measured with 0.169.0, see `reference/harness.md`, section 3b. One process for each turn, like all agents here.

Rule 1: text comes as deltas of an item; the completed item is its authority. An item that never completes is void when
        the next one begins, and when Codex says that it tries again.
Rule 2: only `turn/completed` ends the turn; an `error` does not, whether it will be retried or not.
Rule 3: what another thread tells (a sub-agent's) is no part of the answer.
Rule 4: nobody is there to be asked, so whatever needs consent is declined.
"""

from collections.abc import Mapping
from typing import Any, Literal

from ....llm.error import LLMError
from ..agent import Run
from ..process import Exit
from .codex import Codex, CodexSettings, config_flags, key_of, sandbox, usage_figures, usage_of
from .codex_errors import codex_error, codex_exit_error, reconnecting
from .codex_items import kind_of, tool_of
from .rpc import RpcDecoder

_CLIENT = {"name": "jido_nb", "title": "jido_nb", "version": "1"}
# Wide open in order to be able to end the commands that an interrupt leaves running.
_CAPABILITIES = {"experimentalApi": True}
_DECLINED: Mapping[str, Mapping[str, Any]] = {
    "item/commandExecution/requestApproval": {"decision": "decline"},
    "item/fileChange/requestApproval": {"decision": "decline"},
    "item/permissions/requestApproval": {"permissions": {}},
    "item/tool/requestUserInput": {"answers": {}},
    "mcpServer/elicitation/request": {"action": "decline"},
    "execCommandApproval": {"decision": "denied"},
    "applyPatchApproval": {"decision": "denied"},
}
# What is told beside the turn, and says nothing about it.
_ASIDE = ("account/", "remoteControl/", "mcpServer/", "thread/", "skills/", "hook/", "app/", "model/", "modelProvider/")
# Signs of life of the turn.
_ALIVE = frozenset(
    {
        *("item/commandExecution/outputDelta", "item/commandExecution/terminalInteraction", "item/plan/delta"),
        *("item/fileChange/outputDelta", "item/fileChange/patchUpdated", "item/mcpToolCall/progress"),
        *("turn/diff/updated", "turn/plan/updated", "turn/moderationMetadata", "serverRequest/resolved"),
    }
)
_WARNINGS = frozenset({"warning", "configWarning", "guardianWarning", "deprecationNotice"})


class AppServerSettings(CodexSettings):
    """As for `codex`, and:"""

    approval_policy: Literal["never", "on-request", "untrusted"] = "never"
    """When Codex asks for consent, which is always declined: with `never`, what is refused leaves no trace."""


class CodexAppServer(Codex):
    """See `agent.Agent`; found, set up and logged in like `codex`."""

    name = "codex-app-server"
    settings = AppServerSettings
    stdin_stays_open = True
    cancels_by = "turn/interrupt, which keeps the session; its tools end with the process"

    def argv(self, run: Run) -> list[str]:
        sandbox(run)
        return ["app-server", *config_flags(run), *run.settings.args]

    def environment(self, run: Run) -> dict[str, str]:
        return key_of(run)

    def stdin(self, run: Run) -> bytes:
        return b""

    def decoder(self, run: Run) -> "CodexAppServerDecoder":  # type: ignore[override]
        return CodexAppServerDecoder(run)


class CodexAppServerDecoder(RpcDecoder):
    """See the rules above."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._thread: str | None = None
        self._turn: str | None = None
        self._answer_text: str | None = None
        self._open: str | None = None
        """The item whose deltas arrive."""
        self._sure = self.mark
        """Where the items that are complete end."""
        self._before: dict[str, int] | None = None

    def hello(self) -> None:
        self.request("initialize", {"clientInfo": _CLIENT, "capabilities": _CAPABILITIES}, self._initialized)

    def interrupt(self) -> bytes | None:
        if self._thread is None or self._turn is None:
            return None
        turn = {"threadId": self._thread, "turnId": self._turn}
        self.request("turn/interrupt", turn, self._ignored)
        # An interrupt does not end a command that runs.
        self.request("thread/backgroundTerminals/clean", {"threadId": self._thread}, self._ignored)
        return b"".join(self.replies())

    def failure(self, exit: Exit) -> LLMError:
        return self.with_remains(self.error or codex_exit_error(self.run.agent, exit))

    def refused(self, method: str, error: Mapping[str, Any]) -> None:
        if method in ("turn/interrupt", "thread/backgroundTerminals/clean"):
            self.alive()
            return
        self.failed(codex_error(str(error.get("message") or error)))

    def asked(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any] | None:
        answer = _DECLINED.get(method)
        if answer is not None and isinstance(params.get("itemId"), str):
            self.tool(params["itemId"], None, "denied")
        return answer

    def noticed(self, method: str, params: Mapping[str, Any]) -> None:
        if params.get("threadId") not in (None, self._thread):
            self.alive()
            return
        match method:
            case "item/agentMessage/delta":
                self._begin(params["itemId"])
                self.delta(params["delta"])
            case "item/reasoning/summaryTextDelta" | "item/reasoning/textDelta":
                self._begin(params["itemId"])
                self.think(params["delta"])
            case "item/reasoning/summaryPartAdded":
                if params.get("summaryIndex") and self._open == params["itemId"]:
                    self.think("\n\n")
            case "item/started":
                self._started(params["item"])
            case "item/completed":
                self._completed(params["item"])
            case "thread/tokenUsage/updated":
                self._consumed(params)
            case "turn/started":
                self._turn = params["turn"]["id"]
                self.alive()
            case "turn/completed":
                self._ended(params["turn"])
            case "error":
                self._warned(params["error"], will_retry=bool(params.get("willRetry")))
            case _ if method in _WARNINGS:
                self.facts.setdefault("warnings", []).append(str(params.get("summary") or params.get("message")))
                self.alive()
            case _ if method in _ALIVE or method.startswith(_ASIDE):
                self.alive()
            case _:
                self.unknown({"method": method})

    def _initialized(self, result: Mapping[str, Any]) -> None:
        self.notify("initialized")
        run, session = self.run, self.run.session
        settings: dict[str, Any] = {
            "cwd": run.cwd,
            "sandbox": sandbox(run),
            "approvalPolicy": getattr(run.settings, "approval_policy", "never"),
            "model": run.model,
            "developerInstructions": run.system_prompt,
        }
        known = {name: value for name, value in settings.items() if value is not None}
        if session.resume:
            known |= {"threadId": session.id, "excludeTurns": True}
        method = "thread/fork" if session.fork else "thread/resume" if session.resume else "thread/start"
        self.request(method, known, self._opened)

    def _opened(self, result: Mapping[str, Any]) -> None:
        thread = result["thread"]
        self._thread = thread["id"]
        self.told(
            session_id=self._thread,
            model=result.get("model") or thread.get("model"),
            cwd=thread.get("cwd"),
            version=thread.get("cliVersion"),
        )
        text = {"type": "text", "text": self.run.prompt}
        self.request("turn/start", {"threadId": self._thread, "input": [text]}, self._turn_started)

    def _turn_started(self, result: Mapping[str, Any]) -> None:
        self._turn = result["turn"]["id"]
        self.alive()

    def _ignored(self, result: Mapping[str, Any]) -> None:
        self.alive()

    def _begin(self, item_id: str) -> None:
        if self._open != item_id:
            if self._open is not None:
                self.take_back(self._sure)
            self._open = item_id

    def _started(self, item: Mapping[str, Any]) -> None:
        tool = tool_of(item, ended=False)
        if tool is not None:
            self.tool(tool.id, tool.name, tool.status, tool.arguments, tool.output)
        elif kind_of(item) in ("agent_message", "reasoning"):
            self._begin(item["id"])
            self.alive()
        else:
            self.alive()

    def _completed(self, item: Mapping[str, Any]) -> None:
        tool = tool_of(item, ended=True)
        if tool is not None:
            self.tool(tool.id, tool.name, tool.status, tool.arguments, tool.output)
            return
        match kind_of(item):
            case "agent_message":
                self._answer_text = item["text"]
                self._confirm(item["id"], item["text"], thinking=False)
            case "reasoning":
                self._confirm(item["id"], "\n\n".join(item.get("summary") or item.get("content") or ()), thinking=True)
            case _:
                self.alive()

    def _confirm(self, item_id: str, text: str, *, thinking: bool) -> None:
        """`text` is what the item holds; what was streamed of it is replaced where that differs."""
        self._begin(item_id)
        said = self.thinking[self._sure[1] :] if thinking else self.text[self._sure[0] :]
        if said != text:
            self.take_back(self._sure)
            (self.think if thinking else self.delta)(text)
        else:
            self.alive()
        self._open, self._sure = None, self.mark

    def _consumed(self, params: Mapping[str, Any]) -> None:
        """The thread's figures so far become the turn's; what is told of an earlier turn is where this one begins."""
        total = usage_figures(params["tokenUsage"]["total"])
        if self._turn is None or params.get("turnId") != self._turn:
            self._before = total
            self.alive()
            return
        if self._before is None:
            last = usage_figures(params["tokenUsage"]["last"])
            self._before = {name: total[name] - last[name] for name in total}
        self.consumed(usage_of({name: max(0, total[name] - self._before[name]) for name in total}))

    def _warned(self, error: Mapping[str, Any], *, will_retry: bool) -> None:
        message, details = str(error["message"]), error.get("additionalDetails")
        why = codex_error(str(details or message), error.get("codexErrorInfo"))
        if not will_retry:
            self.error = why
            self.alive()
            return
        self.take_back(self._sure)
        self._open = None
        attempt, most = reconnecting(message) or (None, None)
        count = attempt or self.facts.get("agent_retries", 0) + 1
        self.retrying(count, max_attempts=most, reason=why.message, category=why.category, status=why.status)

    def _ended(self, turn: Mapping[str, Any]) -> None:
        if self._turn is not None and turn["id"] != self._turn:
            self.alive()
            return
        match turn["status"]:
            case "completed":
                self.completed(self._answer_text)
            case "interrupted":
                self.canceled()
            case _:
                error = turn.get("error") or {}
                self.failed(codex_error(str(error.get("message") or "the turn failed"), error.get("codexErrorInfo")))
