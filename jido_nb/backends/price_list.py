"""What models cost, as a list for people, by the same table as every answer (`pricing`)."""

from typing import NamedTuple

from ..llm.usage import Usage
from .pricing import price

_COUNT = 1_000
"""Small enough for the price of a short request, where the price depends on the length."""


class ListPrice(NamedTuple):
    """US dollars per million tokens."""

    input_usd: float
    output_usd: float


def list_price(provider: str | None, model: str | None) -> ListPrice | None:
    """The price of a short request to `model`; None when the table does not know it."""
    costs = [price(provider, model, usage) for usage in (Usage(_COUNT, 0), Usage(0, _COUNT))]
    amounts = [cost.amount * 1_000_000 / _COUNT for cost in costs if cost is not None]
    return ListPrice(*amounts) if len(amounts) == 2 else None


def known_models(provider: str) -> list[str]:
    """The models of `provider` that the table knows, by name; none for a provider that it does not know."""
    from genai_prices import data_snapshot  # half a second that only whoever asks for a list should pay

    providers = {each.id: each for each in data_snapshot.get_snapshot().providers}
    found = providers.get(provider)
    return [] if found is None else sorted(model.id for model in found.models)
