"""Tool effects: they run a registered Python function."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import anyio.to_thread
from pydantic_core import to_jsonable_python

from ...errors import ConfigError, closest
from ...llm.error import LLMError, from_exception
from ...llm.usage import Usage
from ..effect_job import EffectJob
from .base import Emit, Prepared

ToolFunction = Callable[..., Any]


class ToolExecutor:
    """Runs `input["tool_name"]` with the keyword arguments `input["arguments"]`.

    An async function is awaited and can be canceled; any other runs in a worker thread, which a cancel or a timeout
    leaves to finish by itself: its return value is then dropped.
    """

    remote = False

    def __init__(self, tools: Mapping[str, ToolFunction] | None = None) -> None:
        self._tools: dict[str, ToolFunction] = dict(tools or {})

    def register(self, function: ToolFunction, *, name: str | None = None) -> ToolFunction:
        """Offer `function` under `name` (its own by default); usable as a decorator."""
        self._tools[name or function.__name__] = function
        return function

    @property
    def names(self) -> list[str]:
        return sorted(self._tools)

    async def prepare(self, job: EffectJob) -> Prepared:
        name, call_id = job.input.get("tool_name"), job.input.get("tool_call_id")
        found = {"tool_name": name, "tool_call_id": call_id}
        return Prepared(attribution={key: value for key, value in found.items() if isinstance(value, str)})

    async def ready(self, prepared: Prepared) -> None:
        """Always is."""

    async def run(self, prepared: Prepared, job: EffectJob, attempt: int, emit: Emit) -> dict[str, Any]:
        """Call the function; its return value, as plain JSON values, is `output`.

        Raises:
            LLMError: `config` for an unknown tool or arguments that do not fit; what the function raised is `unknown`
                and not retried, unless it is an LLMError or says timeout, transport or HTTP status.
        """
        function, arguments = self._call(job)
        try:
            if inspect.iscoroutinefunction(function):
                output = await function(**arguments)
            else:
                output = await anyio.to_thread.run_sync(lambda: function(**arguments), abandon_on_cancel=True)
            return {"status": "completed", "output": to_jsonable_python(output, fallback=repr), **prepared.attribution}
        except LLMError:
            raise
        except Exception as error:
            raise _failure(error) from error

    async def cancel(self, prepared: Prepared, execution_ref: str) -> bool:
        return False

    def cost(self, prepared: Prepared, usage: Usage, served_model: str | None) -> None:
        return None

    def _call(self, job: EffectJob) -> tuple[ToolFunction, dict[str, Any]]:
        name = job.input.get("tool_name")
        function = self._tools.get(name) if isinstance(name, str) else None
        if function is None:
            known = ", ".join(self.names) or "none"
            message = f"no tool named {name!r} is registered (known: {known}).{closest(str(name), self._tools)}"
            raise LLMError.of("config", message, field="tool_name")
        arguments = job.input.get("arguments", {})
        if not isinstance(arguments, Mapping):
            raise LLMError.of("config", f"the arguments of {name} have to be an object, not {arguments!r}")
        try:
            inspect.signature(function).bind(**arguments)
        except TypeError as error:
            raise LLMError.of("config", f"{name}: {error}", field="arguments") from None
        except ValueError:  # a built-in without a signature
            pass
        return function, dict(arguments)


def _failure(error: Exception) -> LLMError:
    found = from_exception(error)
    if found.category != "config" or isinstance(error, ConfigError):
        return found
    # A ValueError inside a tool is its own business, not a setting of ours.
    return LLMError.of("unknown", str(error) or type(error).__name__, reason=type(error).__name__)
