"""A progress bar for work that turns out to be long, where somebody watches."""

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

SLOW_S = 1.0
"""A bar appears once the work has taken this long; what is quick shows none."""

_FRONT_END = "JIDO_NB_FRONTEND"


def progress(items: Iterable[T], *, total: int | None, what: str, unit: str, show: bool | None = None) -> Iterator[T]:
    """`items`, with a bar on standard error that goes away at the end.

    Args:
        total: How many there will be; None: not known.
        what: What is done, in a word.
        unit: What is counted.
        show: Whether to show it; None: where somebody watches.
    """
    watched = is_watched() if show is None else show
    return _with_bar(items, total, what, unit) if watched else iter(items)


def _with_bar(items: Iterable[T], total: int | None, what: str, unit: str) -> Iterator[T]:
    from tqdm import tqdm  # a tenth of a second that those who never see a bar need not spend

    with tqdm(items, what, total, leave=False, delay=SLOW_S, unit=f" {unit}", dynamic_ncols=True) as bar:
        yield from bar


def is_watched() -> bool:
    """Whether a person sees what standard error says now: in a terminal, or in a cell that somebody ran by hand.

    Runners such as nbclient and papermill are told by `allow_stdin` being off; `JIDO_NB_FRONTEND` overrides it.
    """
    if chosen := os.environ.get(_FRONT_END):
        return chosen != "headless"
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython.get_ipython(), "kernel", None) if ipython is not None else None
    if kernel is None:
        return sys.stderr is not None and sys.stderr.isatty()
    try:
        parent = kernel.get_parent("shell") or {}
    except LookupError:  # a thread that no request started has no parent
        return False
    return bool(parent.get("content", {}).get("allow_stdin"))
