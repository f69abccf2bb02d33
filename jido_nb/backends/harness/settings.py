"""The settings of an agent (`llm.backends.harness.agents.<name>`), and what one message may ask of it.

The defaults are safe: an agent may read, and is refused what needs a person's consent. More is given by whoever writes
the settings: what a message may change is `RunOptions`, and neither a program, nor its arguments, nor its environment.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import ConfigError, closest
from ...llm.settings_errors import shown

Millis = Annotated[int, Field(ge=1, le=86_400_000)]
SessionMode = Literal["resume", "new", "fork"]


class RunOptions(BaseModel):
    """What one message, a conversation, or `llm.backends.harness.options` may say. None: as the settings say."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    agent: str | None = None
    """The agent, where the model names none."""
    session: SessionMode = "resume"
    """Go on with the agent's session of this conversation, begin a new one, or fork it."""
    session_id: str | None = None
    """A session of the agent to resume or fork, instead of the conversation's own."""
    permission_mode: str | None = None
    allowed_tools: list[str] | None = None
    disallowed_tools: list[str] | None = None
    cwd: str | None = None
    max_turns: Annotated[int, Field(ge=1)] | None = None
    max_budget_usd: Annotated[float, Field(gt=0)] | None = None
    max_retries: Annotated[int, Field(ge=0, le=20)] | None = None
    reasoning_effort: str | None = None


class AgentSettings(BaseModel):
    """One agent. An agent with more to set has a model of its own over this one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str | None = None
    """The built-in agent that this row configures; None: the one of its own name."""
    path: str | None = None
    """The program; None: `JIDO_NB_<NAME>_PATH`, then `PATH`, then what a Python package brings."""
    args: list[str] = Field(default_factory=list)
    """Added to the command as they stand, before the prompt."""
    model: str | None = None
    permission_mode: str | None = None
    allowed_tools: list[str] = Field(default_factory=list)
    disallowed_tools: list[str] = Field(default_factory=list)
    cwd: str | None = None
    """Where the agent works; None: the kernel's working directory."""
    env: dict[str, str] = Field(default_factory=dict)
    """Variables to set."""
    env_allow: list[str] = Field(default_factory=list)
    """Names, with `*`, of the kernel's variables that the agent gets beside the built-in allow-list."""
    max_turns: Annotated[int, Field(ge=1)] | None = None
    max_budget_usd: Annotated[float, Field(gt=0)] | None = None
    max_retries: Annotated[int, Field(ge=0, le=20)] = 2
    """How often the agent may repeat a request to its model by itself, where it can be told; each shows as retrying."""
    reasoning_effort: str | None = None
    start_timeout_ms: Millis = 60_000
    """Longest wait for the first record. A machine under load takes eight times the usual second."""
    max_line_bytes: Annotated[int, Field(ge=1024)] = 64 * 1024 * 1024

    def with_options(self, options: RunOptions) -> "AgentSettings":
        """These settings with what the message says on top."""
        said = {
            name: value
            for name, value in options.model_dump(exclude={"agent", "session", "session_id"}, exclude_none=True).items()
            if name in type(self).model_fields
        }
        return self.model_copy(update=said)


ModelT = TypeVar("ModelT", bound=BaseModel)


def parsed(model: type[ModelT], raw: Mapping[str, Any], field: str) -> ModelT:
    """`raw` as a model.

    Raises:
        ConfigError: a key that does not exist, with the closest one that does, or a value that does not fit.
    """
    try:
        return model.model_validate(dict(raw))
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        where = f"{field}.{path}"
        if first["type"] == "extra_forbidden":
            message = f"no setting {path!r} in {field!r}.{closest(path, model.model_fields)}"
        else:
            message = f"{where}: {first['msg']} (got {shown(first['input'], path.split('.'))})"
        raise ConfigError(message, field=where, value=first["input"]) from None
