"""A source that will be read more than once."""

from collections.abc import Iterable
from os import PathLike

from ..journal.protocol import Journal
from .as_of import AsOf
from .source import Source


def readable_again(source: Source) -> Source:
    """`source`, or what it holds where it can be read only once."""
    if isinstance(source, str | PathLike | Journal | AsOf | list | tuple) or hasattr(source, "journal"):
        return source
    return list(source) if isinstance(source, Iterable) else source
