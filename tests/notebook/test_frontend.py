"""Who reads the output decides how a turn is shown."""

from types import SimpleNamespace
from typing import Any

import pytest

from jido_nb.errors import ConfigError
from jido_nb.notebook.frontend import find_frontend


def shell(content: dict[str, Any]) -> Any:
    request = {"header": {"msg_id": "1"}, "content": content}
    return SimpleNamespace(kernel=SimpleNamespace(get_parent=lambda channel: request, _allow_stdin=False))


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (shell({"allow_stdin": True}), "live"),
        (shell({"allow_stdin": False}), "headless"),
        (shell({}), "headless"),
        (SimpleNamespace(), "terminal"),
    ],
)
def test_the_request_tells(given: Any, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JIDO_NB_FRONTEND", raising=False)
    assert find_frontend(given).kind == kind


def test_the_environment_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIDO_NB_FRONTEND", "headless")
    assert find_frontend(shell({"allow_stdin": True})).kind == "headless"
    monkeypatch.setenv("JIDO_NB_FRONTEND", "headles")
    with pytest.raises(ConfigError, match="Did you mean 'headless'"):
        find_frontend(shell({}))
