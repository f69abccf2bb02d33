"""How soon one end of a session notices that the other is gone without a word.

A machine that loses its power or its network says nothing. The system at the other end finds out by asking, by default
after two hours, and until then the server keeps the session, and with it the claims on conversations. So both ends ask
sooner: what the URL says for this end (`keepalives_idle` and the others of libpq) is asked of the server, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from ..errors import ConfigError


@dataclass(frozen=True, slots=True)
class Keepalive:
    """After `idle_s` seconds of silence one asks, every `interval_s` seconds, and gives up after `count` times.

    `limit_ms`: how long what was sent may stay unanswered. 0: what the system has, for each of them.
    """

    idle_s: int = 15
    interval_s: int = 5
    count: int = 3
    limit_ms: int = 30_000

    @property
    def ours(self) -> dict[str, int]:
        """As libpq calls them."""
        return {name: getattr(self, field.name) for name, field in zip(_OURS, fields(self), strict=True)}

    @property
    def servers(self) -> dict[str, str]:
        """As the server does."""
        return {name: str(getattr(self, field.name)) for name, field in zip(_SERVERS, fields(self), strict=True)}


_OURS = ("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
_SERVERS = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")


def keepalive_of(known: Mapping[str, object]) -> Keepalive:
    """What the parameters of a URL ask for; where they name no limit, it is as long as the asking takes.

    Raises:
        ConfigError: one of them is no whole number.
    """
    given = {field.name: _number(name, known) for name, field in zip(_OURS, fields(Keepalive), strict=True)}
    asked = Keepalive(**{name: number for name, number in given.items() if number is not None})
    if given["limit_ms"] is not None:
        return asked
    # A limit of its own would take the place of the asking, at each end.
    asks = asked.idle_s > 0 and asked.interval_s > 0 and asked.count > 0
    limit_ms = 1000 * (asked.idle_s + asked.interval_s * asked.count) if asks else 0
    return Keepalive(asked.idle_s, asked.interval_s, asked.count, limit_ms)


def _number(name: str, known: Mapping[str, object]) -> int | None:
    value = known.get(name)
    try:
        return None if value is None else int(str(value))
    except ValueError:
        raise ConfigError(f"{name}={value!r} is not a whole number", field="journal", value=value) from None
