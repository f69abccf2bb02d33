"""A lab bench for LLM conversations inside Jupyter: durable logs, live cancel, replay without a model.

Names are resolved when they are first used, so that importing this, and `%load_ext jido_nb`, cost next to nothing.
To publish a name, add it to the imports below, which tools read, and to the table under them, which Python does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__ as __version__

if TYPE_CHECKING:
    from .analysis import plots as plots
    from .analysis.arrow import to_arrow as to_arrow
    from .analysis.arrow import to_parquet as to_parquet
    from .analysis.column import Column as Column
    from .analysis.column import ColumnError as ColumnError
    from .analysis.compare import compare as compare
    from .analysis.comparison import Comparison as Comparison
    from .analysis.frames.applied import applied_df as applied_df
    from .analysis.frames.attempts import attempts_df as attempts_df
    from .analysis.frames.cancels import cancels_df as cancels_df
    from .analysis.frames.chunks import chunks_df as chunks_df
    from .analysis.frames.effects import effects_df as effects_df
    from .analysis.frames.events import events_df as events_df
    from .analysis.frames.messages import messages_df as messages_df
    from .analysis.frames.telemetry import telemetry_df as telemetry_df
    from .analysis.frames.tools import tools_df as tools_df
    from .analysis.frames.turns import turns_df as turns_df
    from .analysis.replay import Replay as Replay
    from .analysis.replay import ReplayDiverged as ReplayDiverged
    from .analysis.replay import replay as replay
    from .analysis.retry_matrix import retry_matrix as retry_matrix
    from .analysis.transfer import export_jsonl as export_jsonl
    from .analysis.transfer import import_jsonl as import_jsonl
    from .core.policy import EffectPolicy as EffectPolicy
    from .core.signal import Recorded as Recorded
    from .core.signal import Signal as Signal
    from .errors import ClosedError as ClosedError
    from .errors import ConfigError as ConfigError
    from .errors import ContractError as ContractError
    from .errors import JidoError as JidoError
    from .errors import JournalError as JournalError
    from .experiments.fault_matrix import fault_matrix as fault_matrix
    from .journal.open import open_journal as open_journal
    from .llm.error import GenerationCanceled as GenerationCanceled
    from .llm.error import GenerationFailed as GenerationFailed
    from .llm.error import LLMError as LLMError
    from .llm.result import LLMResult as LLMResult
    from .llm.settings import Settings as Settings
    from .notebook.lab import Lab as Lab
    from .notebook.magics import load_ipython_extension as load_ipython_extension
    from .notebook.magics import unload_ipython_extension as unload_ipython_extension
    from .otel.journal import to_opentelemetry as to_opentelemetry
    from .runtime.opening import open_runtime as open_runtime
    from .runtime.runtime import Runtime as Runtime
    from .runtime.turn import Turn as Turn

_HOMES = {
    "ClosedError": "errors",
    "Column": "analysis.column",
    "ColumnError": "analysis.column",
    "Comparison": "analysis.comparison",
    "ConfigError": "errors",
    "ContractError": "errors",
    "EffectPolicy": "core.policy",
    "GenerationCanceled": "llm.error",
    "GenerationFailed": "llm.error",
    "JidoError": "errors",
    "JournalError": "errors",
    "LLMError": "llm.error",
    "LLMResult": "llm.result",
    "Lab": "notebook.lab",
    "Recorded": "core.signal",
    "Replay": "analysis.replay",
    "ReplayDiverged": "analysis.replay",
    "Runtime": "runtime.runtime",
    "Settings": "llm.settings",
    "Signal": "core.signal",
    "Turn": "runtime.turn",
    "applied_df": "analysis.frames.applied",
    "attempts_df": "analysis.frames.attempts",
    "cancels_df": "analysis.frames.cancels",
    "chunks_df": "analysis.frames.chunks",
    "compare": "analysis.compare",
    "effects_df": "analysis.frames.effects",
    "events_df": "analysis.frames.events",
    "export_jsonl": "analysis.transfer",
    "fault_matrix": "experiments.fault_matrix",
    "import_jsonl": "analysis.transfer",
    "load_ipython_extension": "notebook.magics",
    "messages_df": "analysis.frames.messages",
    "open_journal": "journal.open",
    "open_runtime": "runtime.opening",
    "plots": "analysis",
    "replay": "analysis.replay",
    "retry_matrix": "analysis.retry_matrix",
    "telemetry_df": "analysis.frames.telemetry",
    "to_arrow": "analysis.arrow",
    "to_opentelemetry": "otel.journal",
    "to_parquet": "analysis.arrow",
    "tools_df": "analysis.frames.tools",
    "turns_df": "analysis.frames.turns",
    "unload_ipython_extension": "notebook.magics",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "plots":
        return import_module(f".{home}.plots", __name__)
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
