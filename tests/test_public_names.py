"""What `import jido_nb` offers, and what it does not cost."""

import json
import subprocess
import sys
from importlib import import_module
from types import ModuleType

import pytest

import jido_nb

PROMISED = [
    *("Settings", "open_runtime", "Lab", "open_journal", "replay"),
    *("events_df", "effects_df", "attempts_df", "turns_df", "messages_df"),
    *("Signal", "Recorded", "EffectPolicy", "LLMResult", "LLMError"),
    *("JidoError", "ContractError", "ConfigError", "JournalError", "ClosedError"),
    *("GenerationFailed", "GenerationCanceled", "load_ipython_extension", "unload_ipython_extension", "__version__"),
]

HEAVY = ["pandas", "pyarrow", "matplotlib", "anthropic", "httpx", "httpx2", "IPython", "ipywidgets", "anywidget"]
"""What somebody who only imports, or only loads the extension, must not wait for."""


def loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh Python has loaded after `code`."""
    program = (
        f"import sys\n{code}\nimport json; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", PROMISED)
def test_what_is_promised_is_public(name: str) -> None:
    assert name in jido_nb.__all__


@pytest.mark.parametrize("name", jido_nb.__all__)
def test_every_public_name_can_be_used_and_is_kept(name: str) -> None:
    value = getattr(jido_nb, name)
    assert value is getattr(jido_nb, name)
    assert name in dir(jido_nb)


@pytest.mark.parametrize("name", [name for name in jido_nb.__all__ if not name.startswith("__")])
def test_every_public_name_says_what_it_is(name: str) -> None:
    value = getattr(jido_nb, name)
    assert isinstance(value, ModuleType) or (value.__doc__ or "").strip()


def test_star_import_gives_all_of_them() -> None:
    namespace: dict[str, object] = {}
    exec("from jido_nb import *", namespace)
    assert set(jido_nb.__all__) <= namespace.keys()


def test_a_name_that_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        jido_nb.no_such_name  # noqa: B018


def test_errors_have_one_root() -> None:
    errors = [getattr(jido_nb, name) for name in jido_nb.__all__]
    errors = [error for error in errors if isinstance(error, type) and issubclass(error, Exception)]
    assert errors
    assert all(issubclass(error, jido_nb.JidoError) for error in errors)
    assert not any(issubclass(error, ValueError) for error in errors)


def test_import_loads_next_to_nothing() -> None:
    loaded = loaded_after("import jido_nb")
    assert loaded.isdisjoint({*HEAVY, "pydantic", "anyio", "msgspec"})


@pytest.mark.parametrize("name", ["Signal", "Settings", "ContractError", "LLMResult", "open_journal"])
def test_light_names_stay_light(name: str) -> None:
    assert loaded_after(f"import jido_nb; jido_nb.{name}").isdisjoint(HEAVY)


def test_the_extension_loads_without_frames_and_clients() -> None:
    code = "import jido_nb; jido_nb.load_ipython_extension"
    assert loaded_after(code).isdisjoint({"pandas", "pyarrow", "matplotlib", "anthropic", "httpx", "httpx2"})


def test_the_version_is_the_packages() -> None:
    assert jido_nb.__version__ == import_module("jido_nb.version").__version__
