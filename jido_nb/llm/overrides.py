"""What a message or a conversation asks of the model call. It comes from outside, so it is parsed once, here."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ..errors import ContractError, closest

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Overrides(BaseModel):
    """Parts of the model call; what is None is left to the next source."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    backend: Text | None = None
    provider: Text | None = None
    model: Text | None = None
    stream: bool | None = None
    timeout_ms: Annotated[int, Field(ge=1, le=86_400_000)] | None = None
    """Limit of one attempt, in milliseconds."""
    system_prompt: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    """The provider's own: `temperature`, `max_tokens`, `tools`, ..."""

    def to_payload(self) -> dict[str, Any]:
        """Only what is set: the `llm` key of a message."""
        return {name: value for name, value in self.model_dump(exclude_none=True).items() if value != {}}


def parse_overrides(raw: Any, *, field: str = "llm", backends: Collection[str] | None = None) -> Overrides:
    """The overrides in a message's `llm` key (None: none).

    Args:
        field: Where they were found, for the error.
        backends: The known names; None: any.

    Raises:
        ContractError: a part is unknown or has the wrong shape; `field` is for example `llm.timeout_ms`.
    """
    if raw is None:
        return Overrides()
    if not isinstance(raw, Mapping):
        raise ContractError(f"{field} must be an object, not {raw!r}", field=field, reason="invalid", value=raw)
    try:
        overrides = Overrides.model_validate(dict(raw))
    except ValidationError as error:
        raise _contract_error(error, raw, field) from None
    backend = overrides.backend
    if backend is not None and backends is not None and backend not in backends:
        raise ContractError(
            f"{field}.backend: no backend named {backend!r}; known: {', '.join(backends)}.{closest(backend, backends)}",
            field=f"{field}.backend",
            reason="unknown",
            value=backend,
        )
    return overrides


def _contract_error(error: ValidationError, raw: Mapping[Any, Any], field: str) -> ContractError:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    value = raw.get(name)
    if first["type"] == "extra_forbidden":
        message = f"{field} has no {name!r}.{closest(name, Overrides.model_fields)}"
        return ContractError(message, field=f"{field}.{name}", reason="unknown", value=value)
    message = f"{field}.{name}: {first['msg']} (got {value!r})"
    return ContractError(message, field=f"{field}.{name}", reason="invalid", value=value)
