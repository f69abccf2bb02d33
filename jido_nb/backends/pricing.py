"""What an answer costs, by the table of `genai-prices`. What the table does not know has no price: None, not 0."""

from decimal import Decimal
from functools import lru_cache

from ..llm.model_spec import SIMULATORS
from ..llm.usage import Cost, Usage


def price(provider: str | None, model: str | None, usage: Usage) -> Cost | None:
    """The cost of `usage` at `model`, in US dollars; None when model, provider or token counts are not known.

    The table counts cached tokens as part of the input, so they are added to ours, which leave them out.
    """
    if provider is None or model is None or provider in SIMULATORS:
        return None
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    cache_read, cache_write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    amount = _amount(
        provider, model, usage.input_tokens + cache_read + cache_write, usage.output_tokens, cache_read, cache_write
    )
    return None if amount is None else Cost(amount=float(amount), price_table=price_table())


@lru_cache(maxsize=1)
def price_table() -> str:
    """The name and version of the table in use."""
    import genai_prices

    return f"genai-prices {genai_prices.__version__}"


def warm_up() -> None:
    """Load the table now (half a second, in a thread of the caller's choice) rather than with the first price."""
    _amount("anthropic", "claude", 1, 1, 0, 0)
    price_table()


def _amount(
    provider: str, model: str, input_tokens: int, output_tokens: int, cache_read: int, cache_write: int
) -> Decimal | None:
    import genai_prices  # half a second that nobody should pay who only talks to the simulator

    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                cache_read_tokens=cache_read,
                cache_write_tokens=cache_write,
            ),
            model,
            provider_id=provider,
        )
    except LookupError:  # neither this model nor this provider, or a count without a price
        return None
    return found.total_price
