"""A request in the words of the Anthropic Messages API. Pure."""

from collections.abc import Mapping
from typing import Any

from ...llm.request import LLMRequest
from .kept_blocks import own_content
from .options import check_options, nothing_to_send

DEFAULT_MAX_TOKENS = 4096
# Every field of a message request that is not the request's own (anthropic 2.11, `MessageCreateParams`, also of the
# beta), and the three sampling options that this SDK no longer names, but the service still takes.
OPTIONS = frozenset(
    {
        "billing_policy",
        "cache_control",
        "compaction",
        "container",
        "context_management",
        "diagnostics",
        "fallback_credit_token",
        "fallbacks",
        "inference_geo",
        "max_tokens",
        "mcp_servers",
        "metadata",
        "output_config",
        "service_tier",
        "speed",
        "stop_sequences",
        "temperature",
        "thinking",
        "thread",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)
HEADERS: Mapping[str, str] = {
    "betas": "anthropic-beta",
    "user_profile_id": "anthropic-user-profile-id",
    "workspace_id": "anthropic-workspace-id",
}
"""Options that travel as headers."""


def encode(request: LLMRequest, model: str, *, provider: str | None = None) -> dict[str, Any]:
    """The JSON body of `POST /v1/messages`. Some options are not in it: see `option_headers`.

    Args:
        provider: Who is asked: earlier answers of its own go back to it as it gave them.

    Raises:
        LLMError: `config`; an option that the API does not have, or a conversation without content.
    """
    check_options(request.options, {*OPTIONS, *HEADERS})
    system, messages = _conversation(request, provider)
    if not messages:
        raise nothing_to_send()
    body: dict[str, Any] = {"model": model, "max_tokens": _max_tokens(request.options), "messages": messages}
    if system:
        body["system"] = system
    if request.stream:
        body["stream"] = True
    body.update({name: value for name, value in request.options.items() if name not in (*HEADERS, "max_tokens")})
    return body


def option_headers(request: LLMRequest) -> dict[str, str]:
    """The headers that options ask for: lists of names are joined, what is empty is left out."""
    given = {header: request.options.get(option) for option, header in HEADERS.items()}
    return {
        header: ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        for header, value in given.items()
        if value
    }


def _max_tokens(options: dict[str, Any]) -> Any:
    if "max_tokens" in options:
        return options["max_tokens"]
    thinking = options.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    # The service wants the limit above the budget for thinking, which is a part of it.
    return DEFAULT_MAX_TOKENS + (budget if isinstance(budget, int) else 0)


def _conversation(request: LLMRequest, provider: str | None) -> tuple[str | list[Any], list[dict[str, Any]]]:
    system: list[Any] = [request.system_prompt] if request.system_prompt else []
    messages: list[dict[str, Any]] = []
    for index, message in enumerate(request.messages):
        content = own_content(message, request.messages[index + 1 :], provider)
        # The service refuses empty messages; a turn that only called a tool, or was canceled at once, leaves one.
        if not content or (isinstance(content, str) and not content.strip()):
            continue
        if message.role == "system":
            system.append(content)
        else:
            role = "assistant" if message.role == "assistant" else "user"  # tool results travel as the user's blocks
            messages.append({"role": role, "content": content})
    if all(isinstance(part, str) for part in system):
        return "\n\n".join(system), messages
    blocks: list[Any] = []
    for part in system:
        blocks.extend([{"type": "text", "text": part}] if isinstance(part, str) else part)
    return blocks, messages
