"""The answer to one request, whole."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .error import LLMError
from .usage import Cost, Usage

ResultStatus = Literal["completed", "failed", "canceled"]
ToolKind = Literal["client", "server"]
ToolStatus = Literal["pending", "running", "completed", "failed", "denied"]


class ToolCall(BaseModel):
    """A tool that the model wants to use (`client`: we run it) or has used at the provider (`server`)."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    arguments: Any = Field(default_factory=dict)
    """Parsed JSON, nearly always an object; the raw text when the model wrote no valid JSON."""
    kind: ToolKind = "client"
    status: ToolStatus = "pending"
    output: Any = None
    """What the tool answered, for server tools."""


class LLMResult(BaseModel):
    """One answer. `text` is its text blocks joined without a separator, the same streamed or not."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    status: ResultStatus = "completed"
    text: str = ""
    thinking: str = ""
    tool_calls: list[ToolCall] = Field(default_factory=list)
    finish_reason: str | None = None
    usage: Usage | None = None
    cost: Cost | None = None
    model: str | None = None
    """The model that served the request, in the provider's words."""
    provider: str | None = None
    backend: str | None = None
    request_id: str | None = None
    """The provider's id of the request."""
    error: LLMError | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    """JSON values: `content` (the provider's blocks, to send back), `rate_limits`, `stop_sequence`, ..."""

    def to_payload(self) -> dict[str, Any]:
        """The `result` key of a completed signal: JSON values only."""
        return {
            "status": self.status,
            "text": self.text,
            "thinking": self.thinking,
            "tool_calls": [call.model_dump() for call in self.tool_calls],
            "finish_reason": self.finish_reason,
            "usage": self.usage.to_payload() if self.usage else None,
            "cost": self.cost.to_payload() if self.cost else None,
            "model": self.model,
            "provider": self.provider,
            "backend": self.backend,
            "request_id": self.request_id,
            "metadata": self.metadata,
        }

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> "LLMResult":
        """The inverse of `to_payload`; keys that are missing keep their defaults."""
        known = {name: payload[name] for name in cls.model_fields if payload.get(name) is not None}
        return cls.model_validate(known)
