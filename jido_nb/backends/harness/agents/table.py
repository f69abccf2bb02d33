"""The agents by name. A row is where an agent is found; it is imported when it is first used, not before."""

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from ..agent import Agent

SIMULATED = "simulated"

AGENTS: Mapping[str, str] = {
    SIMULATED: "simulated:Simulated",
    "claude": "claude:Claude",
    "codex": "codex:Codex",
    "codex-app-server": "codex_app_server:CodexAppServer",
    "gemini": "gemini:Gemini",
    "gemini-acp": "gemini_acp:GeminiAcp",
    "opencode": "opencode:OpenCode",
    "opencode-acp": "opencode_acp:OpenCodeAcp",
    "acp": "acp:Acp",
}
"""Name: `file in this folder:class`."""


def agent_of(kind: str) -> Agent:
    """The agent of that name, which has to be one of `AGENTS`."""
    file, _, name = AGENTS[kind].partition(":")
    return cast(Agent, getattr(import_module(f"{__package__}.{file}"), name)())
