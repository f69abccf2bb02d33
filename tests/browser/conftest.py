"""JupyterLab and Notebook 7 in a real browser: a server of its own, the system's Chromium, notebooks in it.

Everything waits on state (`data-s` of the chip, the outputs of a cell), never on a time. To open a page and start a
kernel takes longer than most tests, so tests share a `study` where they can, and take a `page` of their own where
they reload it, restart its kernel or change its looks.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest

from .chromium import chromium
from .jupyter_server import JupyterServer, jupyter_server
from .kernels import NEWEST
from .notebook_page import FrontEnd, NotebookPage

Opener = Callable[..., NotebookPage]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with jupyter_server(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="module")  # not longer: playwright keeps an event loop running in this thread
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def open_page(server: JupyterServer, browser: Any) -> Iterator[Opener]:
    """Opens notebooks, in windows of their own; they are closed with the module."""
    with ExitStack() as stack:

        def opened(front_end: FrontEnd = "lab", kernel: str = NEWEST, **looks: Any) -> NotebookPage:
            context = browser.new_context(**{"viewport": {"width": 1100, "height": 850}, **looks})
            stack.callback(context.close)
            page = NotebookPage(context.new_page(), server, front_end)
            page.open(kernel)
            stack.callback(page.close)
            page.do("%load_ext jido_nb")
            return page

        yield opened


@pytest.fixture(scope="module")
def shared(open_page: Opener) -> Opener:
    """As `open_page`, but the tests of a module get the same notebook for the same front end and kernel."""
    return cache(open_page)


@pytest.fixture(scope="module")
def study(shared: Opener) -> NotebookPage:
    """A notebook in JupyterLab that the tests of a module share."""
    return shared("lab")


@pytest.fixture
def page(open_page: Opener) -> NotebookPage:
    """A notebook in JupyterLab for one test."""
    return open_page()
