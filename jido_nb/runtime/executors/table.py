"""Who does the work of each class of effects."""

from collections.abc import Callable, Mapping
from typing import Any

from ...backends.pricing import price
from ...core.policy import EffectClass
from ...llm.settings import Settings
from ..pace import Pace
from ..reading import Reading
from ..redactor import Redactor
from ..session_notes import SessionNotes
from .base import Executor
from .llm import Context, LLMExecutor, OpenBackend
from .timer import TimerExecutor
from .tool import ToolExecutor


def executors(
    settings: Settings,
    reading: Reading,
    backends: OpenBackend,
    context: Context,
    tools: Mapping[str, Callable[..., Any]] | None,
    redactor: Redactor,
    pace: Pace,
) -> dict[EffectClass, Executor[Any]]:
    """One executor for each class of effects, for one runtime."""
    return {
        "llm": LLMExecutor(backends, settings.llm, context, price, SessionNotes(reading), redactor, pace),
        "tool": ToolExecutor(dict(tools or {})),
        "timer": TimerExecutor(pace.clock),
    }
