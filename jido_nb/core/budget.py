"""What may be spent, on one effect or on all generations of a conversation, and what has been.

Rule 1: a cap is reached when as much has been spent as it allows; then no attempt begins, and none goes on.
Rule 2: caps add up, they never replace each other: of all that apply (settings, conversation, message) the tightest
        counts, so that nobody who sends a message can spend more than the settings let him.
Rule 3: what is not known cannot be counted. A model without a price adds nothing to a cap on cost.
Nothing here reads a clock or a journal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import ContractError, closest

Cap = Literal["attempts", "tokens", "cost_usd", "wall_ms"]
Scope = Literal["effect", "conversation"]


class Budget(BaseModel):
    """Caps; None is none. Of a conversation they cover its generations, all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    attempts: Annotated[int, Field(ge=1)] | None = None
    tokens: Annotated[int, Field(ge=1)] | None = None
    """Read and written, those of caches included, failed and canceled attempts included."""
    cost_usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """US dollars, by the same price table as everything else."""
    wall_ms: Annotated[int, Field(ge=1)] | None = None
    """Milliseconds from the start of an effect to its end, waits included; of a conversation, the sum of these."""

    def __bool__(self) -> bool:
        """Whether it caps anything."""
        return any(getattr(self, name) is not None for name in type(self).model_fields)

    def within(self, other: "Budget") -> "Budget":
        """For each cap the tighter one of the two."""
        if not other:
            return self
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in Budget.model_fields}
        return Budget(**{name: min((c for c in caps if c is not None), default=None) for name, caps in pairs.items()})


NO_BUDGET = Budget()


@dataclass(frozen=True, slots=True)
class Spent:
    """What has been spent, as far as it is known."""

    attempts: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    wall_ms: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.attempts + other.attempts,
            self.tokens + other.tokens,
            self.cost_usd + other.cost_usd,
            self.wall_ms + other.wall_ms,
        )

    @classmethod
    def told(cls, usage: Mapping[str, Any] | None, cost: Mapping[str, Any] | None) -> Self:
        """The tokens and the price of one attempt, from the `usage` and `cost` of a payload; not the attempt itself."""
        counts = (usage or {}).get
        tokens = [counts(f"{kind}_tokens") for kind in ("input", "output", "cache_read", "cache_write")]
        amount = (cost or {}).get("amount")
        return cls(
            tokens=sum(count for count in tokens if type(count) is int),
            cost_usd=float(amount) if isinstance(amount, int | float) else 0.0,
        )


NOTHING_SPENT = Spent()


@dataclass(frozen=True, slots=True)
class Reached:
    """A cap that has been reached."""

    scope: Scope
    budget: Cap
    cap: float
    used: float

    @property
    def message(self) -> str:
        """The budget, the cap, and what was used, in one sentence."""
        used, cap = (f"{value:,.10g}" for value in (self.used, self.cap))
        return f"the {self.budget} budget of the {self.scope} is spent: {used} used of {cap}"

    @property
    def details(self) -> dict[str, Any]:
        return {"budget": self.budget, "scope": self.scope, "cap": self.cap, "used": self.used}


def reached(scope: Scope, budget: Budget, spent: Spent) -> Reached | None:
    """The first cap of `budget` that `spent` has reached, or None while there is something left of each."""
    caps: tuple[tuple[Cap, float | None, float], ...] = (
        ("attempts", budget.attempts, spent.attempts),
        ("tokens", budget.tokens, spent.tokens),
        ("cost_usd", budget.cost_usd, round(spent.cost_usd, 9)),
        ("wall_ms", budget.wall_ms, round(spent.wall_ms, 3)),
    )
    for name, cap, used in caps:
        if cap is not None and used >= cap:
            return Reached(scope, name, cap, used)
    return None


def parse_budget(raw: Any, *, field: str) -> Budget:
    """The budget in a message (None: none).

    Raises:
        ContractError: a cap is unknown or out of bounds; `field` is for example `conversation_defaults.budget.tokens`.
    """
    if raw is None or isinstance(raw, Budget):
        return raw or NO_BUDGET
    if not isinstance(raw, Mapping):
        raise ContractError(f"{field} must be a mapping, not {raw!r}", field=field, reason="invalid", value=raw)
    try:
        return Budget.model_validate(dict(raw))
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            message = f"{field} has no {name!r}.{closest(name, Budget.model_fields)}"
            raise ContractError(message, field=f"{field}.{name}", reason="unknown", value=first["input"]) from None
        message = f"{field}.{name}: {first['msg']} (got {first['input']!r})"
        raise ContractError(message, field=f"{field}.{name}", reason="invalid", value=first["input"]) from None
