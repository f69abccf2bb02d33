"""Errors that a person made are one line in a notebook; the cell fails all the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import JidoError
from .printable import printable


def one_line(error: BaseException, text: str | None = None) -> BaseException:
    """Make IPython show `error` as one line instead of a traceback; `text` replaces its own words."""
    # What a server said may be in it, and a terminal would obey it.
    line = f"{type(error).__name__}: {printable(str(error) if text is None else text)}"
    # IPython asks the exception itself, which leaves the user's own handlers alone.
    error._render_traceback_ = lambda: [line]  # type: ignore[attr-defined]
    return error


@contextmanager
def user_errors() -> Iterator[None]:
    """Show what jido_nb raises on purpose, and an interrupt, without a traceback; all else is our fault and has one."""
    try:
        yield
    except JidoError as error:
        one_line(error)
        raise
    except KeyboardInterrupt as error:
        one_line(error, "the answer was canceled; what had arrived is kept")
        raise


def reject(message: str) -> Any:
    """Raise IPython's UsageError, which it shows as one line. Returns never."""
    from IPython.core.error import UsageError

    raise UsageError(message)
