"""What a backend is asked. One request is one attempt is one call on the wire."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["user", "assistant", "system", "tool"]
Name = Annotated[str, Field(min_length=1, pattern=r"\S")]


class ProviderBlocks(BaseModel):
    """An earlier answer as its provider gave it, thinking and signatures included; of no use to any other provider."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    provider: Name
    content: Annotated[list[dict[str, Any]], Field(min_length=1)]


class Message(BaseModel):
    """One message of the conversation.

    `content` is text, or a list of content blocks in Anthropic's form (`text`, `image`, `document`, `tool_use`,
    `tool_result`), which the other protocols translate; a block of their own form is passed on as it is.
    `blocks` says the same as `content`, to the provider that it names.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    role: Role
    content: str | list[dict[str, Any]]
    blocks: ProviderBlocks | None = None


class LLMRequest(BaseModel):
    """One attempt at an answer.

    `model` and `provider` are as resolved (`story` and `simulated`); `options` are the provider's own
    (`temperature`, `max_tokens`, `tools`, ...); `timeout_ms` is for information, the runtime keeps the clocks.
    `metadata` never leaves the machine, but for `effect_id`, which goes to the simulator so that it can count attempts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request_id: Name
    conversation_id: Name
    backend: Name
    messages: Annotated[list[Message], Field(min_length=1)]
    model: str | None = None
    provider: str | None = None
    system_prompt: str | None = None
    stream: bool = True
    timeout_ms: Annotated[int, Field(ge=1)] | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
