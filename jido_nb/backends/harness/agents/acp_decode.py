"""Speak the Agent Client Protocol: start or resume a session, send the prompt, read what the agent tells.

Rule 1: `end_turn` alone is no success. With no text, with an agent that says that it has an error, or with a usage of
        nothing at all, the answer is missing or cut off.
Rule 2: what is told before the prompt is sent is the history of a session that is loaded, and not shown again.
Rule 3: what needs consent is refused, unless the settings allow it.
Rule 4: an error that is told as text is no answer: it is taken back.
"""

from collections.abc import Mapping
from typing import Any

from ....llm.error import LLMError
from ....llm.result import ToolStatus
from ....llm.usage import Cost, Usage
from ..agent import Run
from ..decoder import number
from .acp_errors import acp_error
from .options import permission_mode, prompt_with_system, told_system
from .rpc import RpcDecoder

MODES = ("reject", "allow")
"""Permission modes: the answer to every request for consent; `allowed_tools` are allowed with `reject` too."""
_CLIENT = {"name": "jido_nb", "version": "1"}
_CAPABILITIES = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}
_STATUS: Mapping[str, ToolStatus] = {
    "pending": "pending",
    "in_progress": "running",
    "completed": "completed",
    "failed": "failed",
}
_ENDINGS = {
    "max_turn_requests": ("max_turns", "the agent used up the requests of its turn"),
    "refusal": ("refusal", "the agent refused to answer"),
}
_ALIVE = frozenset({"user_message_chunk", "plan", "available_commands_update", "current_mode_update"})


class AcpDecoder(RpcDecoder):
    """See the rules above."""

    version = "2.0"
    first_id = 0
    model_by_flag = False
    """The model was named on the command line."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.session_totals = told_system(run)
        self._can: Mapping[str, Any] = {}
        self._prompted = False
        self._message: Any = None
        self._message_from = self._answer_from = self.mark
        self._broken = False
        self._denied: str | None = None

    def hello(self) -> None:
        params = {"protocolVersion": 1, "clientInfo": _CLIENT, "clientCapabilities": _CAPABILITIES}
        self.request("initialize", params, self._initialized)

    def interrupt(self) -> bytes | None:
        if not self._prompted:
            return None
        return self.line(method="session/cancel", params={"sessionId": self.session_id})

    def refused(self, method: str, error: Mapping[str, Any]) -> None:
        found = acp_error(error)
        # Some tell the error as their answer too.
        last = self._last_message.strip()
        if last and (last in found.message or (found.category == "auth")):
            self._drop_last_message()
        self.failed(found)

    def asked(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if method != "session/request_permission":
            return None
        call = params["toolCall"]
        allowed = self.allows(str(call.get("kind")))
        if not allowed:
            self._denied = str(call.get("title") or call.get("kind") or "a tool")
        self._tool(call, "running" if allowed else "denied")
        kinds = ("allow_once", "allow_always") if allowed else ("reject_once", "reject_always")
        options = {option["kind"]: option["optionId"] for option in params["options"]}
        chosen = next((options[kind] for kind in kinds if kind in options), None)
        outcome = {"outcome": "cancelled"} if chosen is None else {"outcome": "selected", "optionId": chosen}
        return {"outcome": outcome}

    def noticed(self, method: str, params: Mapping[str, Any]) -> None:
        if method.startswith("_") or params.get("sessionId") not in (None, self.session_id) or not self._prompted:
            self.alive()
        elif method == "session/update":
            self._update(params["update"])
        else:
            self.unknown({"method": method})

    def _initialized(self, result: Mapping[str, Any]) -> None:
        self._can = result.get("agentCapabilities") or {}
        info = result.get("agentInfo") or {}
        self.facts.update({key: info[key] for key in ("name", "version") if info.get(key)})
        session = self.run.session
        params: dict[str, Any] = {"cwd": self.run.cwd, "mcpServers": getattr(self.run.settings, "mcp_servers", [])}
        if not session.resume:
            self.request("session/new", params, self._opened)
            return
        can = self._can.get("sessionCapabilities") or {}
        word = "fork" if session.fork else "resume" if "resume" in can else "load"
        if word not in can and not (word == "load" and self._can.get("loadSession")):
            self.failed(LLMError.of("config", f"the agent cannot {word} a session", field="session"))
            return
        if not session.fork:
            self.session_id = session.id
        self.request(f"session/{word}", {**params, "sessionId": session.id}, self._opened)

    def _opened(self, result: Mapping[str, Any] | None) -> None:
        told = result or {}
        self.told(session_id=told.get("sessionId") or self.session_id, cwd=self.run.cwd)
        if self.session_id is None:
            raise KeyError("sessionId")
        wanted = [*self._model(told), *self._mode()]
        self._next(wanted)

    def _next(self, wanted: list[tuple[str, dict[str, Any]]]) -> None:
        """Send what is still to be set, one after the other, then the prompt."""
        if wanted:
            (method, params), *rest = wanted
            self.request(method, {"sessionId": self.session_id, **params}, lambda _: self._next(rest))
            return
        self._prompted = True
        prompt = [{"type": "text", "text": prompt_with_system(self.run)}]
        self.request("session/prompt", {"sessionId": self.session_id, "prompt": prompt}, self._ended)

    def _model(self, told: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        model = self.run.model
        if model is None or self.model_by_flag:
            return []
        for option in told.get("configOptions") or ():
            if "model" in (option.get("category"), option.get("id")):
                return [("session/set_config_option", {"configId": option["id"], "value": model})]
        return [("session/set_model", {"modelId": model})]

    def _mode(self) -> list[tuple[str, dict[str, Any]]]:
        mode = getattr(self.run.settings, "mode", None)
        return [("session/set_mode", {"modeId": mode})] if mode else []

    def _update(self, update: Mapping[str, Any]) -> None:
        match update["sessionUpdate"]:
            case "agent_message_chunk":
                self._said(update)
            case "agent_thought_chunk":
                self.think(_text(update["content"]))
            case "tool_call" | "tool_call_update":
                self._tool(update, _STATUS.get(str(update.get("status"))))
            case "usage_update":
                self._cost(update.get("cost"))
                self.alive()
            case "session_info_update":
                codex = (update.get("_meta") or {}).get("codex") or {}
                self._broken = self._broken or (codex.get("threadStatus") or {}).get("type") == "systemError"
                self.alive()
            case kind if kind in _ALIVE or kind.startswith("config"):
                self.alive()
            case kind:
                self.unknown({"method": f"session/update {kind}"})

    def _said(self, update: Mapping[str, Any]) -> None:
        message = update.get("messageId")
        if message != self._message:
            self._message, self._message_from = message, self.mark
        self.delta(_text(update["content"]))

    def _tool(self, call: Mapping[str, Any], status: ToolStatus | None) -> None:
        id = str(call["toolCallId"])
        known = self.tool_status(id)
        if known == "denied":
            # It is told as failed afterwards.
            status = "denied"
        meta = (call.get("_meta") or {}).get("claudeCode") or {}
        name = (
            call.get("name") or meta.get("toolName") or (call.get("kind") or call.get("title") if not known else None)
        )
        asked = call.get("rawInput") or ({"title": call["title"]} if call.get("title") and not known else None)
        output = call.get("rawOutput") if call.get("rawOutput") is not None else _content(call.get("content"))
        ended = status in ("completed", "failed", "denied")
        self.tool(id, name, status or known or "pending", asked, (output or None) if ended else None)
        self._message, self._message_from = None, self.mark
        self._answer_from = self.mark

    def _cost(self, cost: Mapping[str, Any] | None) -> None:
        """The session's cost so far becomes the turn's; unknown for a session that nobody has followed.

        A cost of 0 is that of a model without a price.
        """
        if not cost or not isinstance(cost.get("amount"), int | float) or not cost["amount"]:
            return
        before = self.run.session.totals.get("cost") if self.run.session.resume else 0.0
        self.session_totals = {**self.session_totals, "cost": cost["amount"]}
        if before is not None:
            self.cost = Cost(max(0.0, cost["amount"] - before), str(cost.get("currency") or "USD"), "agent")

    def _ended(self, result: Mapping[str, Any]) -> None:
        reason = result["stopReason"]
        usage, empty = _usage(result)
        self.usage, self.finish_reason = usage or self.usage, reason
        if reason == "cancelled":
            self.canceled()
        elif self._broken:
            words = self._last_message.strip() or "the agent reports a system error"
            self._drop_last_message()
            self.failed(acp_error({"message": words}))
        elif reason == "max_turn_requests" or (reason == "refusal" and not self._since_tool.strip()):
            why, words = _ENDINGS[reason]
            self.failed(LLMError.of("provider", words, retryable=False, reason=why))
        elif self._denied is not None and not self._since_tool.strip():
            words = f"the agent stopped when it was refused {self._denied!r}; see permission_mode and allowed_tools"
            self.failed(LLMError.of("config", words, reason="permission_denied", tool=self._denied))
        elif empty or not self.text.strip():
            words = "the agent ended its turn without a whole answer"
            self.failed(LLMError.of("transport", words, reason="truncated_output", truncated=True))
        else:
            self.completed(self._since_tool if self._since_tool.strip() else None)

    @property
    def _since_tool(self) -> str:
        """What was said since the last tool. An id says little: some go on with the same text under another one."""
        return self.text[self._answer_from[0] :]

    @property
    def _last_message(self) -> str:
        return self.text[self._message_from[0] :]

    def _drop_last_message(self) -> None:
        self.take_back((self._message_from[0], self.mark[1]))
        self._retract()

    def allows(self, kind: str) -> bool:
        """Whether a tool of this kind may be used when the agent asks for consent."""
        mode = permission_mode(self.run, MODES, "reject")
        return mode == "allow" or kind in self.run.settings.allowed_tools


def _text(content: Mapping[str, Any]) -> str:
    """The text of a block; others, an image for example, by their type."""
    return str(content["text"]) if content.get("type") == "text" else f"[{content.get('type')}]"


def _content(blocks: Any) -> Any:
    texts = [
        _text(block["content"]) if block.get("type") == "content" else f"[{block.get('type')}: {block.get('path')}]"
        for block in blocks or ()
        if isinstance(block, Mapping)
    ]
    return "\n".join(texts) or None


def _usage(result: Mapping[str, Any]) -> tuple[Usage | None, bool]:
    """(usage of the turn, whether the agent says that there was none). An agent may also say nothing about it."""
    quota = ((result.get("_meta") or {}).get("quota") or {}).get("token_count", ...)
    told = result.get("usage") or quota
    if told is None or (told is ... and "usage" in result):
        return None, True
    if told is ...:
        return None, False
    names = {
        "input": ("inputTokens", "input_tokens"),
        "output": ("outputTokens", "output_tokens"),
        "read": ("cachedReadTokens",),
        "written": ("cachedWriteTokens",),
        "thought": ("thoughtTokens",),
    }
    found = {
        name: next((value for key in keys if (value := number(told.get(key))) is not None), None)
        for name, keys in names.items()
    }
    if not any(found.values()):
        return None, True
    parts = sum(found[name] or 0 for name in ("input", "output", "read", "written"))
    # Some count thoughts apart from the output, and their total tells.
    apart = found["thought"] if found["thought"] and number(told.get("totalTokens")) == parts + found["thought"] else 0
    return Usage(
        found["input"], (found["output"] or 0) + apart, found["read"], found["written"], found["thought"]
    ), False
