"""An interrupt is one line in a notebook; the cell fails all the same. Errors say so themselves: `errors.JidoError`."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupted() -> Iterator[None]:
    """Show an interrupt without a traceback."""
    try:
        yield
    except KeyboardInterrupt as error:
        line = "KeyboardInterrupt: the answer was canceled; what had arrived is kept"
        # IPython asks the exception itself, which leaves the user's own handlers alone.
        error._render_traceback_ = lambda: [line]  # type: ignore[attr-defined]
        raise
