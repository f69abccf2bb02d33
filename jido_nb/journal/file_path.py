"""The path of a journal file, from what people write."""

from pathlib import Path

from ..errors import ConfigError


def file_path(written: str | Path) -> Path:
    """The absolute path that `written` means.

    Raises:
        ConfigError: no file can have it.
    """
    try:
        path = Path(written).expanduser().resolve()
        path.exists()
    except (OSError, ValueError, RuntimeError) as error:
        # A name that is too long or holds NUL, a user without a home, a link that leads back to itself.
        message = f"{str(written)!r} is no path that a journal can have: {error}"
        raise ConfigError(message, field="journal", value=str(written)) from None
    return path
