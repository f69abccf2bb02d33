"""Real places to keep journals in."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from .postgres_server import postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server of our own."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def _schemas() -> Iterator[int]:
    return count()


@pytest.fixture
def postgres_url(postgres: str, _schemas: Iterator[int]) -> Callable[[], str]:
    """Each call gives the URL of a journal that is not there yet."""
    return lambda: f"{postgres}?schema=journal_{next(_schemas)}"
