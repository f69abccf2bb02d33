"""From what people write for a journal (a path, a URL, nothing) to an open one."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from ..errors import ConfigError, closest
from .jsonl import SUFFIX as JSONL
from .jsonl import JsonlJournal
from .memory import MemoryJournal
from .protocol import Journal
from .sqlite import SqliteJournal

MEMORY = ":memory:"

Opener = Callable[[str, bool], Journal]
"""Given the URL and `read_only`."""


def _sqlite(url: str, read_only: bool) -> Journal:
    """`sqlite:///relative.sqlite`, `sqlite:////absolute.sqlite`, `sqlite://` for memory."""
    host, slash, path = url.partition("://")[2].partition("/")
    if host or (slash and not path):
        message = f"{url!r} is not a journal: write sqlite:///relative/path or sqlite:////absolute/path"
        raise ConfigError(message, field="journal", value=url)
    return open_journal(unquote(path) if path else MEMORY, read_only)


def _postgres(url: str, read_only: bool) -> Journal:
    """`postgresql://user@host/database`, with `?schema=name` for more than one journal in a database."""
    try:
        from .postgres import PostgresJournal
    except ImportError as error:
        message = f"a journal in PostgreSQL needs psycopg: pip install 'jido-nb[postgres]' ({error})"
        raise ConfigError(message, field="journal", value=url.partition("://")[0] + "://") from None
    return PostgresJournal(url, read_only)


def _file(path: str | Path, read_only: bool) -> Journal:
    kind = JsonlJournal if Path(path).suffix == JSONL else SqliteJournal
    return kind(path, read_only=read_only)


SCHEMES: dict[str, Opener] = {"sqlite": _sqlite, "postgresql": _postgres, "postgres": _postgres}
"""What opens a URL of each scheme. To keep journals elsewhere, add a row."""


def open_journal(source: str | Path | Journal | None, read_only: bool = False) -> Journal:
    """The journal that `source` names.

    Args:
        source: A path (`.jsonl`: lines of JSON; any other: SQLite); a URL (`sqlite:///runs.sqlite`); an open journal,
            which is given back as it is; or None or `":memory:"` for one that lives as long as the process.
        read_only: Change nothing, and make nothing that is not there.

    Raises:
        ConfigError: `source` names no kind of journal.
        JournalError: the place or the file does not serve.
    """
    if source is None or source == MEMORY:
        return MemoryJournal()
    if isinstance(source, Path):
        return _file(source, read_only)
    if isinstance(source, str):
        scheme, separator, _ = source.partition("://")
        if separator:
            opener = SCHEMES.get(scheme.lower())
            if opener is None:
                known = ", ".join(f"{name}://" for name in SCHEMES)
                message = f"no journal is kept at {scheme}://; known: a path, {known}.{closest(scheme, SCHEMES)}"
                raise ConfigError(message, field="journal", value=f"{scheme}://")
            return opener(source, read_only)
        if source.strip():
            return _file(source, read_only)
    elif isinstance(source, Journal):
        return source
    message = f"a journal is a path, a URL, an open journal or None, not {source!r}"
    raise ConfigError(message, field="journal", value=source)
