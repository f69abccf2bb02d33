"""Real kernels, driven as JupyterLab (`live`) and as nbclient (`headless`) drive them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

from .comm_front_end import CommFrontEnd


@contextmanager
def kernel(folder: Path, *, live: bool) -> Iterator[CommFrontEnd]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "IPYTHONDIR": str(folder),
        "JUPYTER_PLATFORM_DIRS": "1",
    }
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(folder), env=environment)
    try:
        yield CommFrontEnd(manager, client, live=live)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def live_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommFrontEnd]:
    with kernel(tmp_path_factory.mktemp("live"), live=True) as front_end:
        front_end.run("%load_ext jido_nb")
        yield front_end


@pytest.fixture(scope="module")
def headless_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommFrontEnd]:
    with kernel(tmp_path_factory.mktemp("headless"), live=False) as front_end:
        front_end.run("%load_ext jido_nb")
        yield front_end


@pytest.fixture
def fresh_kernel(tmp_path: Path) -> Iterator[CommFrontEnd]:
    with kernel(tmp_path, live=True) as front_end:
        yield front_end
