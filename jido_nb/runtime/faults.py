"""What a raised exception means to an effect."""

import asyncio

import anyio

from ..errors import ConfigError, ContractError
from ..llm.error import LLMError, from_exception


def unwrapped(error: BaseException) -> BaseException:
    """The error inside groups that hold just one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def cancellation_in(error: BaseException) -> BaseException | None:
    """The cancellation that `error` is or holds, if this task has really been asked to stop.

    A backend that awaits a task of its own which was canceled raises a cancellation that nobody asked us to obey.
    """
    kind = anyio.get_cancelled_exc_class()
    if isinstance(error, BaseExceptionGroup):
        found = next((leaf for part in error.exceptions if (leaf := cancellation_in(part)) is not None), None)
    else:
        found = error if isinstance(error, kind) else None
    if found is not None and kind is asyncio.CancelledError:
        task = asyncio.current_task()
        return found if task is not None and task.cancelling() else None
    return found


def caught(error: BaseException) -> BaseException:
    """The failure that was caught; a cancellation goes on its way instead, alone if it came in a group."""
    cancellation = cancellation_in(error)
    if cancellation is not None:
        raise cancellation from None
    return unwrapped(error)


def is_fault(error: BaseException) -> bool:
    """Whether `error` is a failure of the work, and no wish to stop (cancellation, KeyboardInterrupt, SystemExit)."""
    if cancellation_in(error) is not None:
        return False
    return isinstance(unwrapped(error), Exception | BaseExceptionGroup | asyncio.CancelledError)


def fault_to_error(fault: BaseException) -> LLMError:
    """The error that a signal keeps of anything that was raised: message and type, never a traceback.

    Backends raise `LLMError`; what else they raise is a mistake in their code: `unknown`, not retried.
    """
    fault = unwrapped(fault)
    if isinstance(fault, LLMError):
        return fault
    if isinstance(fault, ConfigError | ContractError):
        return from_exception(fault)
    name = type(fault).__name__
    if isinstance(fault, asyncio.CancelledError):
        return LLMError.of("canceled", str(fault) or "the backend canceled itself", reason=name)
    return LLMError.of("unknown", str(fault) or name, reason=name)
