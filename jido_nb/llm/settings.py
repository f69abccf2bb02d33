"""The settings, as models. Where they come from is `jido_nb/settings.py`; nothing here reads a file."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
)
from pydantic import model_validator as validator

from ..core.budget import NO_BUDGET, Budget
from ..core.policy import DEFAULT_POLICIES, EffectClass, EffectPolicy, Millis
from .default_providers import DEFAULT_PROVIDERS
from .model_spec import SIMULATED
from .secrets import REDACTED, pattern, scrub
from .settings_errors import SECRET_TABLES, config_error

EndsWith = Literal["done", "finish_reason", "either"]
"""`done`: the event `[DONE]`. `finish_reason`: a chunk with a finish reason. A stream that stops before it, failed."""
_SECTION = ConfigDict(frozen=True, extra="forbid")


class _Discreet(BaseModel):
    """Settings that may hold secrets, which their `repr` does not show."""

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, _shown(value, secret=name in SECRET_TABLES)


class ProviderSettings(_Discreet):
    """One connection to one model API."""

    model_config = _SECTION

    kind: str | None = None
    """The protocol that it speaks (`anthropic`, `openai`, `simulated`). None: the one of its own name."""
    base_url: str | None = None
    """Without the path of the call. None: the vendor's own, or a simulator that is started when first needed."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; the key itself is never a setting. None: no key is sent."""
    headers: dict[str, str] = Field(default_factory=dict)
    ends_with: EndsWith = "either"
    """Kind `openai`: what tells that a stream is whole."""
    extra_options: tuple[str, ...] = ()
    """Kind `openai`: options that this server takes beside OpenAI's own."""


class BackendSettings(_Discreet):
    """One row of the backend table. What is None is left to the `default_*` settings."""

    model_config = _SECTION

    module: str | None = None
    """`package.module:opener` of a backend of your own; None: the built-in of this name."""
    stream: bool | None = None
    timeout_ms: Millis | None = None
    provider: str | None = None
    model: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)
    agents: dict[str, dict[str, Any]] = Field(default_factory=dict)


DEFAULT_ALIASES: Mapping[str, str] = {
    "fast": "anthropic:claude-haiku-5-5",
    "capable": "anthropic:claude-sonnet-5-5",
    "thinking": "anthropic:claude-sonnet-5-5",
    "reasoning": "anthropic:claude-opus-5-5",
    "planning": "anthropic:claude-opus-5-5",
}
DEFAULT_AGENTS = (
    "simulated", "claude", "codex", "codex-app-server", "gemini", "gemini-acp", "opencode", "opencode-acp", "acp",
)  # fmt: skip
"""The agents of the harness (`backends/harness/agents/table.py`) that can be asked without a row of your own."""
DEFAULT_BACKENDS: Mapping[str, Any] = {
    "jido_ai": {"providers": DEFAULT_PROVIDERS},
    # An agent works for minutes where a model answers in seconds.
    "harness": {"timeout_ms": 600_000, "agents": {name: {} for name in DEFAULT_AGENTS}},
}


class LLMSettings(BaseModel):
    """Which model answers when nobody says so. A newcomer without a key gets the simulator."""

    model_config = _SECTION

    default_backend: str = "jido_ai"
    default_stream: bool = True
    default_timeout_ms: Millis = 30_000
    """Limit of one attempt."""
    default_provider: str | None = SIMULATED
    default_model: str | None = "simulated:story"
    aliases: dict[str, str] = Field(default_factory=lambda: dict(DEFAULT_ALIASES))
    """Short names for models; yours are added to the built-in ones."""
    backends: dict[str, BackendSettings] = Field(
        default_factory=lambda: {
            name: BackendSettings.model_validate(table) for name, table in DEFAULT_BACKENDS.items()
        }
    )
    """By name; yours are merged into the built-in ones."""

    @validator(mode="before")
    @classmethod
    def _over_the_built_in_tables(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        tables = {"aliases": DEFAULT_ALIASES, "backends": DEFAULT_BACKENDS}
        return {
            name: merged(tables[name], value) if name in tables and isinstance(value, Mapping) else value
            for name, value in data.items()
        }


class EffectsSettings(BaseModel):
    """The policy of each class of effect; a part that is not named keeps its default."""

    model_config = _SECTION

    llm: EffectPolicy = DEFAULT_POLICIES["llm"]
    tool: EffectPolicy = DEFAULT_POLICIES["tool"]
    timer: EffectPolicy = DEFAULT_POLICIES["timer"]

    @validator(mode="before")
    @classmethod
    def _over_the_defaults(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        defaults: Mapping[Any, EffectPolicy] = DEFAULT_POLICIES
        return {
            name: {**defaults[name].model_dump(), **parts} if name in defaults and isinstance(parts, Mapping) else parts
            for name, parts in data.items()
        }

    def of(self, effect_class: EffectClass) -> EffectPolicy:
        policy: EffectPolicy = getattr(self, effect_class)
        return policy


class BudgetsSettings(BaseModel):
    """Caps on what may be spent; messages and conversations can tighten them, never widen them."""

    model_config = _SECTION

    effect: Budget = NO_BUDGET
    """Of each generation."""
    conversation: Budget = NO_BUDGET
    """Of all generations of one conversation together."""


RecordingMode = Literal["off", "record", "replay", "auto"]
"""`record` calls and keeps, `replay` never calls, `auto` replays what is there and else calls and keeps."""


class RecordingSettings(BaseModel):
    """Where answers are kept, and whether they come from there."""

    model_config = _SECTION

    mode: RecordingMode = "off"
    path: str | None = None
    """Of a journal: `.jsonl` for lines of JSON, any other name for SQLite."""
    timing: Annotated[float, Field(ge=0)] | Literal["real", "none"] = "none"
    """How replayed answers arrive: as they did (`real`), at once (`none`), or with their times multiplied."""

    @property
    def pace(self) -> float:
        """What recorded times are multiplied with."""
        return {"real": 1.0, "none": 0.0}[self.timing] if isinstance(self.timing, str) else self.timing


Conventions = Literal["latest", "1.36"]
"""Generations of OpenTelemetry's names for GenAI."""


class RedactionSettings(BaseModel):
    """What is taken out of everything before it is written, beside the keys that the settings name."""

    model_config = _SECTION

    enabled: bool = True
    """Off, whatever a person or a model says is written as it is."""
    patterns: tuple[Annotated[str, AfterValidator(pattern)], ...] = ()
    """Regular expressions of your own; what they match is taken out."""
    env: tuple[str, ...] = ()
    """Names of further environment variables whose values are secret."""


class OpenTelemetrySettings(BaseModel):
    """What a runtime tells the providers that are set for the process (`opentelemetry.trace.set_tracer_provider`)."""

    model_config = _SECTION

    live: bool = False
    """Make spans and measurements while it happens. Off, they can still be made from the journal later."""
    conventions: Conventions = "latest"


class Settings(_Discreet):
    """Everything that can be set. Any part may be given as plain dicts, in the shape of the TOML file.

    Raises:
        ConfigError: a key that does not exist, with the closest one that does, or a value that does not fit.
    """

    model_config = _SECTION

    llm: LLMSettings = Field(default_factory=LLMSettings)
    effects: EffectsSettings = Field(default_factory=EffectsSettings)
    budgets: BudgetsSettings = Field(default_factory=BudgetsSettings)
    recording: RecordingSettings = Field(default_factory=RecordingSettings)
    redaction: RedactionSettings = Field(default_factory=RedactionSettings)
    opentelemetry: OpenTelemetrySettings = Field(default_factory=OpenTelemetrySettings)
    journal: str | None = None
    """Path or URL of the journal when none is named in code; None: in memory."""
    runtime_partitions: Annotated[int, Field(ge=1, le=256)] = 4
    context_messages: Annotated[int, Field(ge=1, le=10_000)] = 40
    """How many messages of the conversation a request holds."""
    backend_cancel_timeout_ms: Annotated[int, Field(ge=1, le=60_000)] = 2_000
    """How long a cancel waits for the backend before it goes on without."""
    allow_simulate_effect: bool = False
    """Let messages script the failures of their own effect (`simulate_effect`): for tests and demonstrations."""

    _given: dict[str, Any] = PrivateAttr(default_factory=dict)

    def policy_of(self, effect_class: EffectClass) -> EffectPolicy:
        """The policy of a class of effects; for generations within `budgets.effect`."""
        policy = self.effects.of(effect_class)
        if effect_class != "llm":
            return policy
        return policy.model_copy(update={"budget": policy.budget.within(self.budgets.effect)})

    @property
    def given(self) -> dict[str, Any]:
        """What was said, without the defaults: the strongest layer when settings are loaded."""
        return self._given

    @validator(mode="wrap")
    @classmethod
    def _explain(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            settings = handler(data)
        except ValidationError as error:
            raise config_error(error, Settings) from None
        if isinstance(data, Mapping):
            settings._given = plain(data)
        return settings


def _shown(value: Any, *, secret: bool = False) -> Any:
    if isinstance(value, dict):
        return {name: _shown(part, secret=secret or name in SECRET_TABLES) for name, part in value.items()}
    if secret:
        return REDACTED
    return scrub(value) if isinstance(value, str) else value


def merged(base: Any, over: Any) -> Any:
    """`base` with `over` on top, table by table; models count as tables of what was set in them."""
    base, over = plain(base), plain(over)
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return {**base, **{key: merged(base[key], value) if key in base else value for key, value in over.items()}}


def plain(value: Any) -> Any:
    """The same with dicts in the place of models and mappings."""
    if isinstance(value, Settings):
        return value.given
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True)
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    return value
