"""Backends by name. A row is where a backend is found; it is imported when it is first used, not before."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import cast

from ..errors import ConfigError, closest
from ..llm.backend import Backend
from ..llm.settings import Settings

Opener = Callable[[Settings], AbstractAsyncContextManager[Backend]]
"""Given all settings, a context manager that yields the open backend. It is entered and left in one task."""

BACKENDS: Mapping[str, str] = {
    "jido_ai": "jido_nb.backends.jido_ai.backend:open_jido_ai",
    "harness": "jido_nb.backends.harness.backend:open_harness",
}
"""Name: `module:opener` of the built-in ones. A backend of your own: `llm.backends.<name>.module`."""


def known_backends(settings: Settings) -> list[str]:
    """The names that `open_backend` knows: built in, or with a `module` in the settings."""
    own = [name for name, table in settings.llm.backends.items() if table.module is not None]
    return [*BACKENDS, *(name for name in own if name not in BACKENDS)]


def open_backend(name: str, settings: Settings) -> AbstractAsyncContextManager[Backend]:
    """The backend of that name; it opens when the block is entered, and ends all that it owns when it is left.

    Raises:
        ConfigError: no such backend, or its `module` cannot be imported.
    """
    table = settings.llm.backends.get(name)
    where = (table.module if table else None) or BACKENDS.get(name)
    if where is None:
        known = known_backends(settings)
        raise ConfigError(
            f"no backend named {name!r}; known: {', '.join(known)}.{closest(name, known)}", field="backend", value=name
        )
    return _opener(where, name)(settings)


def _opener(where: str, name: str) -> Opener:
    module, colon, attribute = where.partition(":")
    field = f"llm.backends.{name}.module"
    if not colon:
        raise ConfigError(f"{field} must be 'package.module:opener', not {where!r}", field=field, value=where)
    try:
        return cast(Opener, getattr(import_module(module), attribute))
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"cannot import the backend {name!r} from {where!r}: {error}", field=field, value=where
        ) from None
