"""Where settings come from: code, a TOML file, `[tool.jido_nb]` of a pyproject.toml, the environment.

Each layer is laid over the next weaker one, key by key, so that a file may change one value and keep the rest.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import ConfigError, closest
from .llm.overrides import Overrides
from .llm.resolver import resolve
from .llm.settings import DEFAULT_AGENTS, Settings, merged, plain
from .llm.settings_errors import annotation_at

PREFIX = "JIDO_NB_"
CONFIG_VARIABLE = "JIDO_NB_CONFIG"
CONFIG_FILE = "jido_nb.toml"
# Variables of ours that are no settings.
_OTHER_VARIABLES = frozenset(
    {CONFIG_VARIABLE, "JIDO_NB_REQUIRE", "JIDO_NB_FRONTEND", "JIDO_NB_RUN", "JIDO_NB_ATTEMPT"}
    | {f"{PREFIX}{agent.upper().replace('-', '_')}_PATH" for agent in DEFAULT_AGENTS}
)


def load_settings(
    settings: Settings | Mapping[str, Any] | None = None,
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The settings that hold here: `settings` over the TOML file over pyproject.toml over `JIDO_NB_*`.

    Args:
        cwd: Where to look for `jido_nb.toml`, and upward for `pyproject.toml`. None: the working directory.
        environ: None: the process's own. `JIDO_NB_LLM__DEFAULT_MODEL` sets `llm.default_model`; values are JSON,
            or text where that is what the setting holds. `JIDO_NB_CONFIG` names the TOML file.

    Raises:
        ConfigError: a file that is missing or no TOML, a key that does not exist, a value that does not fit; the
            message says which layer it came from.
    """
    cwd = cwd or Path.cwd()
    environ = os.environ if environ is None else environ
    layers: list[tuple[str, dict[str, Any]]] = [
        ("the environment", _from_environment(environ)),
        *_from_pyproject(cwd),
        *_from_toml(cwd, environ),
        ("", plain(settings or {})),
    ]
    together: dict[str, Any] = {}
    for _, layer in layers:
        together = merged(together, layer)
    try:
        loaded = Settings.model_validate(together)
        _check_defaults(loaded)
    except ConfigError as error:
        raise _with_place(error, layers) from None
    return loaded


def _check_defaults(settings: Settings) -> None:
    """A default that names what does not exist is found now, not with the first message."""
    try:
        resolve(Overrides(), Overrides(), settings.llm)
    except ConfigError as error:
        field = f"llm.default_{error.field}"
        raise ConfigError(f"{field}: {error}", field=field, value=error.value) from None


def _with_place(error: ConfigError, layers: list[tuple[str, dict[str, Any]]]) -> ConfigError:
    path = (error.field or "").split(".")
    for place, layer in reversed(layers):
        if _holds(layer, path):
            return ConfigError(f"{place}: {error}", field=error.field, value=error.value) if place else error
    return error


def _holds(layer: Any, path: list[str]) -> bool:
    for name in path:
        if not isinstance(layer, Mapping) or name not in layer:
            return False
        layer = layer[name]
    return True


def _from_toml(cwd: Path, environ: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    named = environ.get(CONFIG_VARIABLE)
    path = cwd / named if named else cwd / CONFIG_FILE
    if not path.is_file():
        if named:
            raise ConfigError(
                f"{CONFIG_VARIABLE} names {named!r}, which is no file", field=CONFIG_VARIABLE, value=named
            )
        return []
    return [(str(path), _read_toml(path))]


def _from_pyproject(cwd: Path) -> list[tuple[str, dict[str, Any]]]:
    for folder in (cwd, *cwd.resolve().parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            table = _read_toml(path, "jido_nb").get("tool", {}).get("jido_nb", {})
            return [(f"{path} [tool.jido_nb]", table)] if table else []
    return []


def _read_toml(path: Path, word: str = "") -> dict[str, Any]:
    """What a file holds; nothing if `word` is not in it: most projects say nothing of us, and parsing takes a while."""
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text) if word in text else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"cannot read {path}: {error}", field=str(path)) from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name in _OTHER_VARIABLES:
            continue
        path = name[len(PREFIX) :].lower().split("__")
        if path[0] not in Settings.model_fields:
            known = [PREFIX + field.upper() for field in Settings.model_fields] + sorted(_OTHER_VARIABLES)
            raise ConfigError(f"the environment: no setting {name}.{closest(name, known)}", field=name, value=text)
        table = settings
        for part in path[:-1]:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise ConfigError(f"the environment: {name} goes below a value that is set", field=name, value=text)
        table[path[-1]] = _value(path, text)
    return settings


def _value(path: list[str], text: str) -> Any:
    if annotation_at(Settings, path) is str:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
