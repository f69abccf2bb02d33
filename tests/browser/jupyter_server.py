"""A Jupyter server of its own, which shows a notebook in JupyterLab and in Notebook 7."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

from .kernels import NEWEST, install_kernel

TOKEN = "jido-test"
UP_LIMIT_S = 60
_FOLDERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR",
            "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")  # fmt: skip
_SETTINGS: dict[str, dict[str, Any]] = {
    # Without the question whether one wants news, which would lie over the notebook.
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false"},
    # What widgets leave behind goes into the file, so that a test can see that there is nothing.
    "@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": True},
}
_numbers = count(1)


class JupyterServer(NamedTuple):
    url: str
    token: str
    home: Path

    @property
    def folder(self) -> Path:
        """Where its notebooks are."""
        return self.home / "notebooks"

    def new_notebook(self, kernel: str = NEWEST) -> str:
        """Write an empty notebook for that kernel; returns its path in the server's folder."""
        spec = install_kernel(kernel, self.home / "jupyter_data_dir")
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("")])
        notebook.metadata["kernelspec"] = {"name": spec, "display_name": spec, "language": "python"}
        name = f"study-{next(_numbers)}.ipynb"
        nbformat.write(notebook, self.folder / name)
        return name


@contextmanager
def jupyter_server(home: Path) -> Iterator[JupyterServer]:
    """A server whose configuration, workspaces and home lie in `home`; it ends with the block."""
    environment = {name: str(home / name.lower()) for name in _FOLDERS}
    environment |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    environment |= {"HOME": str(home), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LANG": "C.UTF-8"}
    for name, settings in _SETTINGS.items():
        file = home / "jupyterlab_settings_dir" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(settings))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = JupyterServer(f"http://127.0.0.1:{port}", TOKEN, home)
    server.folder.mkdir()
    command = [
        sys.executable, "-m", "notebook", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={server.folder}",
        "--JupyterNotebookApp.expose_app_in_browser=True", "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
    ]  # fmt: skip
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
        try:
            _wait_until_up(process, server, log)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_up(process: "subprocess.Popen[bytes]", server: JupyterServer, log: Path) -> None:
    deadline = time.monotonic() + UP_LIMIT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with suppress(OSError):
            urllib.request.urlopen(f"{server.url}/api/status?token={server.token}", timeout=5).close()
            return
        time.sleep(0.05)  # a process that starts gives no other sign
    raise AssertionError(log.read_text())
