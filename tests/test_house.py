"""The house stands: imports go downstairs only, floors 0 and 1 stay pure, rooms stay small (design, section 1)."""

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "jido_nb"

BELOW_RUNTIME = {"core", "llm", "journal", "simulator", "backends", "analysis", "otel", "settings", "errors", "version"}
BELOW_NOTEBOOK = BELOW_RUNTIME | {"runtime"}

MAY_IMPORT: Mapping[str, set[str]] = {
    "errors": set(),
    "version": set(),
    "core": {"errors"},
    "llm": {"core.message", "core.policy", "core.budget", "errors"},
    "journal": {"core", "errors"},
    "simulator": {"errors"},
    "settings": {"llm", "core", "errors"},
    "backends": {"llm", "core.message", "simulator", "errors"},
    # A recording is a journal, and this is the one backend that reads one.
    "backends.recorded": {"llm", "core", "journal", "errors"},
    "analysis": {"journal", "core", "llm", "errors"},
    "otel": {"analysis", "core", "llm", "errors", "version"},
    "runtime": BELOW_RUNTIME,
    "experiments": BELOW_NOTEBOOK,
    "notebook": BELOW_NOTEBOOK,
}
"""What each room may import, besides itself; the row of an inner room goes before that of the one around it.

Rooms that are not here are above all others, and may import all.
"""

ATTIC = {"testing", "cli", "demo", "tail", "__init__", "__main__"}

DATA_MODULES = {
    *("abc", "bisect", "collections", "contextlib", "dataclasses", "datetime", "decimal", "difflib", "email", "enum"),
    *(
        "errno",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "html",
        "itertools",
        "json",
        "keyword",
        "math",
        "operator",
        "re",
        "string",
    ),
    *("textwrap", "types", "typing", "unicodedata", "urllib.parse"),
}
"""Of the standard library, what neither waits, nor draws lots, nor touches the world."""

PURE = {"core": {"pydantic", "pydantic_core", "msgspec"}, "llm": {"pydantic", "pydantic_core", "msgspec"}}
"""Floors that may import nothing but data modules and these."""

NEVER = {"analysis": {"anyio", "asyncio", "trio", "anthropic", "httpx"}, "journal": {"anyio", "asyncio", "pandas"}}

WORLDLY = {"now", "utcnow", "today", "fromtimestamp", "urandom", "getenv", "environ"}
"""Attributes through which clocks, chance and the environment are reached without a tell-tale import."""

MAX_LINES = 300


class Import(NamedTuple):
    """One import: of which module, at which line, and whether only a type checker ever runs it."""

    module: str
    line: int
    for_types: bool = False


def module_name(path: Path) -> str:
    """`core.signal` for `jido_nb/core/signal.py`, `core` for its `__init__.py`, "" for the top one."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
ROOMS = sorted({name.partition(".")[0] or "__init__" for name in PATHS})
PACKAGES = [name for name, path in PATHS.items() if path.name == "__init__.py"]


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(PATHS[name].read_text(encoding="utf-8"))


def imports(name: str) -> Iterator[Import]:
    """All that a module imports, also inside functions: modules of ours as `.core.signal`, others by their name."""
    package = name.split(".") if name in PACKAGES else name.split(".")[:-1]
    for_types = {inner for node in ast.walk(tree(name)) if is_for_types(node) for inner in ast.walk(node)}
    for node in ast.walk(tree(name)):
        typing = node in for_types
        if isinstance(node, ast.Import):
            yield from (Import(ours_or_theirs(alias.name), node.lineno, typing) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                base = ours_or_theirs(node.module or "")
            else:
                kept = [part for part in package if part][: len(package) - node.level + 1]
                base = "." + ".".join([*kept, *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}".replace("..", ".")
                module = inner if inner[1:] in PATHS and base.startswith(".") else base
                yield Import(module, node.lineno, typing)


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def ours_or_theirs(module: str) -> str:
    return "." + module.removeprefix("jido_nb").strip(".") if module.partition(".")[0] == "jido_nb" else module


def room(module: str) -> str:
    return module.partition(".")[0] or "__init__"


def allowed(name: str) -> set[str]:
    """What the row of a module says: that of the innermost room that has one."""
    rows = [each for each in MAY_IMPORT if within(name, {each})]
    return MAY_IMPORT[max(rows, key=len)]


def within(module: str, allowed: set[str]) -> bool:
    """Whether `module` is one of `allowed` or lies inside one."""
    return any(module == each or module.startswith(f"{each}.") for each in allowed)


def test_every_room_has_its_place_in_the_table() -> None:
    assert set(ROOMS) <= MAY_IMPORT.keys() | ATTIC, "a new room: say in MAY_IMPORT what it may import"


@pytest.mark.parametrize("name", PATHS)
def test_imports_go_downstairs_only(name: str) -> None:
    if room(name) in ATTIC:
        return
    ours = [each for each in imports(name) if each.module.startswith(".")]
    upstairs = [
        each for each in ours if room(each.module[1:]) != room(name) and not within(each.module[1:], allowed(name))
    ]
    assert upstairs == []


@pytest.mark.parametrize("name", PATHS)
def test_a_name_is_imported_from_the_room_where_it_lives(name: str) -> None:
    """Never from a package's `__init__`: that habit is what makes circles."""
    if name.partition(".")[0] in {"testing", "cli", "demo"}:
        return
    from_packages = [each for each in imports(name) if each.module.startswith(".") and each.module[1:] in PACKAGES]
    assert from_packages == []


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {
        name: {each.module[1:] for each in imports(name) if each.module.startswith(".") and not each.for_types}
        for name in PATHS
        if name
    }
    try:
        TopologicalSorter({name: found - {""} for name, found in graph.items()}).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("name", [name for name in PACKAGES if name])
def test_only_the_top_package_says_anything(name: str) -> None:
    assert PATHS[name].read_text(encoding="utf-8").strip() == ""


@pytest.mark.parametrize("name", [name for name in PATHS if room(name) in PURE])
class TestPureFloors:
    def test_they_import_data_modules_only(self, name: str) -> None:
        allowed = DATA_MODULES | PURE[room(name)]
        assert [
            each for each in imports(name) if not each.module.startswith(".") and not within(each.module, allowed)
        ] == []

    def test_they_name_no_clock_no_chance_and_no_io(self, name: str) -> None:
        nodes = list(ast.walk(tree(name)))
        reached = [(node.attr, node.lineno) for node in nodes if isinstance(node, ast.Attribute)]
        called = [
            (node.func.id, node.lineno)
            for node in nodes
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert [found for found in reached if found[0] in WORLDLY] == []
        assert [found for found in called if found[0] in {"open", "print", "input", "__import__", "exec", "eval"}] == []

    def test_they_wait_for_nothing(self, name: str) -> None:
        if room(name) == "core":
            waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
            assert [node for node in ast.walk(tree(name)) if isinstance(node, waits)] == []


@pytest.mark.parametrize("name", [name for name in PATHS if room(name) in NEVER])
def test_some_floors_never_touch_some_libraries(name: str) -> None:
    assert [each for each in imports(name) if within(each.module, NEVER[room(name)])] == []


@pytest.mark.parametrize("name", PATHS)
def test_a_file_is_one_room_not_a_hall(name: str) -> None:
    assert len(PATHS[name].read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_data_modules_are_part_of_python() -> None:
    assert {name.partition(".")[0] for name in DATA_MODULES} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time", {"time"}),
        ("from datetime import datetime", {"datetime"}),
        ("from ..errors import X", {".errors"}),
        ("from .signal import X", {".core.signal"}),
        ("from . import signal", {".core.signal"}),
        ("from .projections import timeline", {".core.projections.timeline"}),
        ("from ..core import Thing", {".core"}),
        ("import jido_nb.runtime.bus", {".runtime.bus"}),
        ("from jido_nb import Lab", {"."}),
        ("def f():\n    import os", {"os"}),
    ],
)
def test_this_test_sees_every_kind_of_import(source: str, found: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "tree", lambda name: ast.parse(source))
    assert {each.module for each in imports("core.reducer")} == found
