"""Which connection a request needs."""

from dataclasses import dataclass, field

from ...llm.settings import EndsWith


@dataclass(frozen=True, slots=True)
class Connection:
    """What tells one connection from another: a changed key is another one."""

    name: str
    kind: str
    base_url: str | None
    api_key: str | None = field(repr=False)
    """None: the server asks for none."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ends_with: EndsWith = "either"
    extra_options: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no error may show."""
        return (*([self.api_key] if self.api_key else []), *(value for _, value in self.headers))
