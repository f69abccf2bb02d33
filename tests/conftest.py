"""Async tests run on both event loops; tests that drive an outside program say which one they need."""

import os
import shutil

import pytest

PROGRAMS = {
    "chromium": ("chromium", "chromium-browser"),
    "node": ("node",),
    "postgres": ("initdb", "pg_ctlcluster"),
    "claude": ("claude",),
    "codex": ("codex",),
}
"""What `needs` may name, and the programs any one of which will do. To drive another program, add a row."""

REQUIRE = "JIDO_NB_REQUIRE"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


LONG = (
    "tests/browser/",
    "tests/runtime/test_crash_matrix",
    "tests/runtime/test_races",
    "tests/mutations/",
    "tests/backends/harness/real/",
    "tests/backends/test_retry_matrix",
    "tests/notebooks/",
    "tests/binder/",
    "notebooks/",
    "tests/runtime/test_leaks",
    "tests/runtime/test_sharing",
    "tests/journal/test_postgres",
    "tests/backends/harness/",
)
"""What takes long, in the order in which it is begun. The rest comes after: it fills the gaps between the workers."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Check what the tests and `JIDO_NB_REQUIRE` name: a slip in either would skip tests without a word.

    What takes long is begun first, so that no worker is left alone with it at the end.
    """
    if unknown := required() - PROGRAMS.keys():
        raise pytest.UsageError(f"{REQUIRE} names {', '.join(sorted(unknown))}; known: {', '.join(PROGRAMS)}")
    for item in items:
        for marker in item.iter_markers("needs"):
            if unknown := set(marker.args) - PROGRAMS.keys():
                raise pytest.UsageError(f"{item.nodeid} needs {', '.join(map(str, unknown))}: not in PROGRAMS")
    items.sort(
        key=lambda item: next((place for place, start in enumerate(LONG) if item.nodeid.startswith(start)), len(LONG))
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is missing; fail it where `JIDO_NB_REQUIRE` says that the program must be there."""
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            if any(shutil.which(program) for program in PROGRAMS[name]):
                continue
            if name in required():
                pytest.fail(f"{name} is not installed, and {REQUIRE} says that it must be", pytrace=False)
            pytest.skip(f"{name} is not installed")


def required() -> set[str]:
    """The names in `JIDO_NB_REQUIRE`, which are separated by commas."""
    return {name.strip() for name in os.environ.get(REQUIRE, "").split(",") if name.strip()}
