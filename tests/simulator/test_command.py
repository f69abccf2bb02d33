import signal
import subprocess
import sys
import urllib.request

import pytest

from jido_nb.simulator.catalogue import CATALOGUE
from jido_nb.simulator.command import simulate

RUN = "import sys; from jido_nb.simulator.command import simulate; sys.exit(simulate(sys.argv[1:]))"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_it_tells_its_address_serves_and_ends_with_status_0(signum: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", RUN], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("Simulator at ").strip()
            with urllib.request.urlopen(f"{url}/", timeout=10) as response:
                assert response.status == 200
            process.send_signal(signum)
            process.wait(timeout=10)
            rest = process.stdout.read()
        finally:
            process.kill()
    assert process.returncode == 0
    assert "story" in rest
    assert f'base_url="{url}"' in rest
    assert "GET /" in rest


def test_it_lists_the_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(CATALOGUE)


def test_a_port_that_cannot_be_had_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(["--port", "99999"]) == 2
    assert capsys.readouterr().err == "jido-nb simulate: port 99999 does not exist; use 0 to 65535 (0: a free one)\n"
