"""Backends by name, imported when first used."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jido_nb.backends.registry import BACKENDS, known_backends, open_backend
from jido_nb.errors import ConfigError
from jido_nb.llm.backend import Backend
from jido_nb.llm.settings import Settings

OWN = {"llm": {"backends": {"mine": {"module": f"{__name__}:open_mine"}}}}


@asynccontextmanager
async def open_mine(settings: Settings) -> AsyncIterator[Any]:
    yield settings


@pytest.mark.anyio
@pytest.mark.parametrize("name", BACKENDS)
async def test_every_built_in_backend_opens_and_closes(name: str) -> None:
    async with open_backend(name, Settings()) as backend:
        assert isinstance(backend, Backend)
        assert backend.name == name


@pytest.mark.anyio
async def test_a_backend_of_your_own_is_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or sys.modules["test_registry"])
    settings = Settings.model_validate(OWN)
    assert known_backends(settings) == [*BACKENDS, "mine"]
    async with open_backend("mine", settings) as backend:
        assert backend is settings


@pytest.mark.parametrize(
    ("name", "module", "says"),
    [
        ("jido", None, "Did you mean 'jido_ai'"),
        ("mine", "no_such_module:x", "no_such_module"),
        ("mine", "json:no_such_opener", "no_such_opener"),
        ("mine", "json", "package.module:opener"),
    ],
)
def test_a_backend_that_is_not_there_is_a_config_error(name: str, module: str | None, says: str) -> None:
    settings = Settings.model_validate({"llm": {"backends": {name: {"module": module}}}} if module else {})
    with pytest.raises(ConfigError, match=says):
        open_backend(name, settings)


def test_the_registry_and_the_backend_load_no_sdk() -> None:
    """The SDK takes more than half a second to import, so it waits for the first request."""
    heavy = ("anthropic", "httpx", "httpx2", "genai_prices", "jido_nb.simulator.server")
    program = (
        "import sys, jido_nb.backends.registry, jido_nb.backends.jido_ai.backend, jido_nb.settings\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
