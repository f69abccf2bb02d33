"""JupyterLab in a real browser: a server of its own, the system's Chromium, a page per test.

Everything waits on state (`data-s` of the chip, the outputs of a cell), never on a time.
"""

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from .lab_page import LabPage

TOKEN = "jido-test"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a JupyterLab whose configuration, workspace and home are its own."""
    home = tmp_path_factory.mktemp("home")
    port = free_port()
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR",
               "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")  # fmt: skip
    environment = {name: str(home / name.lower()) for name in folders}
    environment |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    environment |= {"HOME": str(home), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LANG": "C.UTF-8"}
    # Without the question whether one wants news, which would lie over the notebook.
    news = home / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text('{"fetchNews": "false"}')
    notebooks = home / "notebooks"
    notebooks.mkdir()
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={notebooks}",
        "--expose-app-in-browser", "--LabApp.extension_manager=readonly",
    ]  # fmt: skip
    log = home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
        try:
            wait_until_up(server, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def wait_until_up(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    import time

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        with suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?token={TOKEN}", timeout=5).close()
            return
        time.sleep(0.05)  # a process that starts gives no other sign
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")  # not longer: playwright keeps an event loop running in this thread
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-renderer-backgrounding",
                 "--disable-background-timer-throttling"]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"), args=arguments
        )
        yield browser
        browser.close()


@pytest.fixture
def lab_page(lab_server: str, chromium: Any) -> Iterator[LabPage]:
    context = chromium.new_context(viewport={"width": 1100, "height": 850})
    page = LabPage(context.new_page(), lab_server, TOKEN)
    page.open()
    yield page
    page.close()
    context.close()
