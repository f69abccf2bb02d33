"""What agents share when they write their command: refusing what they cannot do, and a system prompt without a flag."""

from collections.abc import Collection
from hashlib import blake2b
from typing import Any

from ....errors import closest
from ....llm.error import LLMError
from ..agent import Run

_TOLD = "system_prompt"


def refuse_unsupported(run: Run, *names: str) -> None:
    """Settings that this agent has no way to follow must not be passed over in silence.

    Raises:
        LLMError: `config`: one of them is set.
    """
    for name in names:
        if getattr(run.settings, name):
            raise LLMError.of("config", f"the agent {run.agent!r} has no {name}", field=name)


def permission_mode(run: Run, known: Collection[str], default: str) -> str:
    """The permission mode that the settings or the message name.

    Raises:
        LLMError: `config`: the agent has no such mode.
    """
    mode = run.settings.permission_mode or default
    if mode not in known:
        message = f"the agent {run.agent!r} has no permission_mode {mode!r}; known: {', '.join(known)}."
        raise LLMError.of("config", message + closest(mode, known), field="permission_mode")
    return mode


def prompt_with_system(run: Run) -> str:
    """The prompt with the system prompt in front, unless the session to resume has been told that one already."""
    told = run.session.totals.get(_TOLD) if run.session.resume else None
    if not run.system_prompt or told == _fingerprint(run.system_prompt):
        return run.prompt
    return f"{run.system_prompt}\n\n{run.prompt}"


def told_system(run: Run) -> dict[str, Any]:
    """What goes into `session_totals`, so that the next run of the session knows what it has been told."""
    return {**run.session.totals, **({_TOLD: _fingerprint(run.system_prompt)} if run.system_prompt else {})}


def _fingerprint(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()
