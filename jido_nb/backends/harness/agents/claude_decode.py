"""Read the records of Claude Code (`--output-format stream-json --include-partial-messages`).

Rule 1: text comes as deltas; the `assistant` record of a block is its authority, and is appended only where no delta
        was seen of it (after a broken stream the call is repeated without streaming).
Rule 2: a model message that no `assistant` record closed before the next one begins is void, and so are blocks that
        `message_stop` calls abandoned.
Rule 3: `is_error` decides before `subtype`; a message of the model "<synthetic>" is an error, never an answer.
Rule 4: what has a `parent_tool_use_id` is a sub-agent's, and part of that tool's work.
"""

from collections.abc import Mapping
from typing import Any

from ....llm.error import LLMError
from ....llm.usage import Cost, Usage
from ..agent import Run
from ..decoder import BaseDecoder, number
from ..process import Exit
from .claude_errors import claude_error, retry_category

_INTERRUPTED = "[Request interrupted by user"
_SILENT = frozenset({"thinking_tokens", "ui_invalidate"})


class ClaudeDecoder(BaseDecoder):
    """See the rules above."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._message_id: str | None = None
        self._closed = True
        """An `assistant` record has confirmed the message that was streamed last."""
        self._message_mark = (0, 0)
        self._block_marks: dict[int, tuple[int, int]] = {}
        self._block = -1
        self._named_error: Mapping[str, Any] = {}
        self._interrupted = False
        self._messages: dict[str, Usage] = {}

    def read(self, record: Mapping[str, Any]) -> None:
        if record.get("parent_tool_use_id") is not None:
            self.alive()
            return
        match record["type"]:
            case "stream_event":
                self._stream_event(record, record["event"])
            case "assistant":
                self._assistant(record, record["message"])
            case "user":
                self._user(record)
            case "system":
                self._system(record)
            case "result":
                self._result(record)
            case _:
                self.unknown(record)

    def failure(self, exit: Exit) -> LLMError:
        if self._interrupted:
            return self.with_remains(LLMError("canceled", "the agent was interrupted"))
        if self._named_error:
            return self.with_remains(claude_error({}, self._named_error))
        return super().failure(exit)

    def _system(self, record: Mapping[str, Any]) -> None:
        match record["subtype"]:
            case "init":
                self.told(
                    session_id=record["session_id"],
                    model=record.get("model"),
                    cwd=record.get("cwd"),
                    version=record.get("claude_code_version"),
                    tools=record.get("tools"),
                    permission_mode=record.get("permissionMode"),
                )
            case "status":
                self.alive()
            case "api_retry":
                status, error = number(record.get("error_status")), str(record.get("error") or "")
                self.retrying(
                    record["attempt"],
                    max_attempts=number(record.get("max_retries")),
                    wait_ms=record.get("retry_delay_ms"),
                    reason=error if status is None else f"{error} ({status})",
                    category=retry_category(error, status),
                    status=status,
                )
            case "permission_denied":
                self.tool(record["tool_use_id"], record.get("tool_name"), "denied", output=record.get("message"))
            case subtype if subtype not in _SILENT:
                self.unknown(record)

    def _stream_event(self, record: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        match event["type"]:
            case "content_block_delta":
                self._delta(event["delta"])
            case "content_block_start":
                self._block = event["index"]
                self._block_marks[self._block] = self.mark
                block = event["content_block"]
                if block["type"] == "tool_use":
                    self.tool(block["id"], block["name"], "pending")
                elif block["type"] == "text":
                    self.delta(block.get("text") or "")
            case "message_start":
                self._begin_message(event["message"])
            case "message_delta":
                self.finish_reason = event["delta"].get("stop_reason") or self.finish_reason
                self._consumed(event.get("usage"))
            case "message_stop":
                abandoned = record.get("abandoned_blocks")
                if abandoned:
                    mark = self._block_marks.get(abandoned["from_block_index"])
                    if mark is not None:
                        self.take_back(mark)

    def _delta(self, delta: Mapping[str, Any]) -> None:
        match delta["type"]:
            case "text_delta":
                self.delta(delta["text"])
            case "thinking_delta":
                self.think(delta["thinking"])
            case "input_json_delta":
                self.alive()

    def _begin_message(self, message: Mapping[str, Any]) -> None:
        if not self._closed:
            self.take_back(self._message_mark)
        self._message_id, self._closed = message["id"], False
        self._message_mark = self.mark
        self._block_marks, self._block = {}, -1
        self._consumed(message.get("usage"))

    def _assistant(self, record: Mapping[str, Any], message: Mapping[str, Any]) -> None:
        if record.get("is_api_error_message") or message.get("model") == "<synthetic>":
            self._named_error = record
            return
        streamed = message["id"] == self._message_id
        if not streamed:
            # The call was repeated without streaming: what was streamed before it is void.
            if not self._closed:
                self.take_back(self._message_mark)
            self._message_id, self._message_mark = message["id"], self.mark
            self._block_marks = {}
        self._closed = True
        for block in message["content"]:
            match block["type"]:
                case "text":
                    self._confirm(block["text"], streamed, thinking=False)
                case "thinking":
                    self._confirm(block["thinking"], streamed, thinking=True)
                case "tool_use":
                    self.tool(block["id"], block["name"], "running", block.get("input"))

    def _confirm(self, text: str, streamed: bool, *, thinking: bool) -> None:
        """`text` is what the block holds; what was streamed of it is replaced where that differs."""
        mark = self._block_marks.get(self._block, self.mark) if streamed else self.mark
        said = self.thinking[mark[1] :] if thinking else self.text[mark[0] :]
        if said == text and mark != self.mark:
            return
        self.take_back(mark)
        (self.think if thinking else self.delta)(text)

    def _user(self, record: Mapping[str, Any]) -> None:
        content = record["message"]["content"]
        decisions = {meta.get("id"): meta for meta in record.get("tool_result_meta") or ()}
        for block in content if isinstance(content, list) else ():
            if block["type"] == "tool_result":
                self._tool_result(block, decisions.get(block["tool_use_id"], {}))
            elif block["type"] == "text" and block["text"].startswith(_INTERRUPTED):
                self._interrupted = True

    def _tool_result(self, block: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        id = block["tool_use_id"]
        decision = (meta.get("permission_decision") or {}).get("decision")
        denied = self.tool_status(id) == "denied" or decision == "reject" or "non_execution_kind" in meta
        status = "denied" if denied else "failed" if block.get("is_error") else "completed"
        self.tool(id, None, status, output=_plain(block.get("content")))  # type: ignore[arg-type]

    def _result(self, record: Mapping[str, Any]) -> None:
        self.session_id = record.get("session_id") or self.session_id
        aborted = str(record.get("terminal_reason") or "").startswith("aborted")
        # The message that was cut off is not in it, though it was paid for, and though it is in the cost.
        self.usage = (self.usage if aborted else None) or _usage(record.get("usage")) or self.usage
        self.cost = self._cost(record)
        self.finish_reason = record.get("stop_reason") or self.finish_reason
        for fact in ("num_turns", "duration_ms", "duration_api_ms", "ttft_ms", "terminal_reason", "permission_denials"):
            if record.get(fact) not in (None, []):
                self.facts[fact] = record[fact]
        if record.get("is_error") or str(record.get("subtype")).startswith("error"):
            if aborted or self._interrupted:
                self.canceled()
            else:
                self.failed(claude_error(record, self._named_error))
        else:
            text = record.get("result")
            self.completed(text if isinstance(text, str) else None)

    def _cost(self, record: Mapping[str, Any]) -> Cost | None:
        """The cost of this turn. `total_cost_usd` is the session's so far, also across processes."""
        total = record.get("total_cost_usd")
        if not isinstance(total, int | float):
            return None
        before = self.session_totals.get("cost_usd", 0.0)
        self.session_totals = {"cost_usd": total}
        since = record.get("model_usage_since_last_result")
        if isinstance(since, Mapping) and since:
            amount = sum(float(model.get("costUSD") or 0) for model in since.values())
        else:
            amount = max(0.0, total - before) if self.run.session.resume else total
        return Cost(float(amount), price_table="claude-code")

    def _consumed(self, usage: Mapping[str, Any] | None) -> None:
        """Add up the model messages of the run, so that a canceled one knows what it has cost."""
        found = _usage(usage)
        if found is None or self._message_id is None:
            return
        known = self._messages.get(self._message_id)
        self._messages[self._message_id] = known.updated(found) if known else found
        self.consumed(_sum(self._messages.values()))


def _usage(usage: Mapping[str, Any] | None) -> Usage | None:
    if not usage:
        return None
    details = usage.get("output_tokens_details") or {}
    return Usage(
        input_tokens=number(usage.get("input_tokens")),
        output_tokens=number(usage.get("output_tokens")),
        cache_read_tokens=number(usage.get("cache_read_input_tokens")),
        cache_write_tokens=number(usage.get("cache_creation_input_tokens")),
        reasoning_tokens=number(details.get("thinking_tokens")),
    )


def _sum(usages: Any) -> Usage:
    totals: dict[str, int] = {}
    for usage in usages:
        for name, count in usage.to_payload().items():
            if count is not None:
                totals[name] = totals.get(name, 0) + count
    return Usage(**totals)


def _plain(content: Any) -> Any:
    """The output of a tool as text; blocks that are no text, images for example, by their type."""
    if not isinstance(content, list):
        return content
    return "".join(
        block["text"] if isinstance(block.get("text"), str) else f"[{block.get('type')}]"
        for block in content
        if isinstance(block, Mapping)
    )
