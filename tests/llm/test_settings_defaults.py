"""A default that names what does not exist is refused when the settings are loaded."""

from pathlib import Path
from typing import Any

import pytest

from jido_nb.errors import ConfigError
from jido_nb.settings import load_settings


@pytest.mark.parametrize(
    ("llm", "field", "hint"),
    [
        ({"default_backend": "jido"}, "llm.default_backend", "jido_ai"),
        ({"default_provider": "antropic", "default_model": "x"}, "llm.default_provider", "anthropic"),
    ],
)
def test_a_default_that_does_not_exist_is_named_with_the_closest_that_does(
    llm: dict[str, Any], field: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=hint) as caught:
        load_settings({"llm": llm}, cwd=tmp_path, environ={})
    assert caught.value.field == field
