"""Say which setting is wrong, and which one was probably meant."""

from collections.abc import Collection
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ..errors import ConfigError, closest
from .secrets import scrub

SECRET_TABLES = frozenset({"headers", "env"})
"""Settings whose values are secrets, or stand beside some."""


def config_error(error: ValidationError, root: type[BaseModel], *, where: str = "") -> ConfigError:
    """The first finding of `error`, with its path as `field`; `where` names the file or variable it came from."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    field = ".".join(path)
    place = f"{where}: " if where else ""
    if first["type"] == "extra_forbidden":
        hint = closest(path[-1], known_names(root, path[:-1]))
        table = ".".join(path[:-1])
        inside = f" in {table!r}" if table else ""
        return ConfigError(f"{place}no setting {path[-1]!r}{inside}.{hint}", field=field, value=first["input"])
    return ConfigError(
        f"{place}{field}: {first['msg']} (got {shown(first['input'], path)})", field=field, value=first["input"]
    )


def shown(found: Any, path: Collection[str]) -> str:
    """What was found at `path`, for an error; of a value that may be a key, only what it is."""
    return f"a {type(found).__name__}" if SECRET_TABLES & set(path) else scrub(repr(found))


def known_names(root: type[BaseModel], path: Collection[str]) -> list[str]:
    """The keys of the table at `path`; empty where any key may stand."""
    kind = annotation_at(root, path)
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def annotation_at(root: type[BaseModel], path: Collection[str]) -> Any:
    """The type of the setting at `path`, without None; None where there is no such setting."""
    kind: Any = root
    for name in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            if name not in kind.model_fields:
                return None
            kind = _bare(kind.model_fields[name].annotation)
        elif get_origin(kind) is dict:
            kind = _bare(get_args(kind)[1])
        else:
            return None
    return kind


def _bare(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return _bare(kinds[0]) if len(kinds) == 1 else annotation
    if hasattr(annotation, "__metadata__"):
        return _bare(get_args(annotation)[0])
    return annotation
