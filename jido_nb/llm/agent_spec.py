"""Which coding agent, and which of its models, a name means: `claude`, `claude:opus`, or a model alone."""

from collections.abc import Collection

from ..errors import ConfigError, closest


def parse_agent_spec(
    name: str | None, *, agents: Collection[str], agent: str | None = None, default: str | None = None
) -> tuple[str | None, str | None]:
    """(agent, model); a model of None is the agent's own default.

    Args:
        agent: Asked for together with the name, which is then the model's unless it is the agent's own.
        default: The agent of the settings: names that are no agent are its models.

    Raises:
        ConfigError: no such agent; `field` is `provider` or `model`.
    """
    for given in (agent, default):
        if given is not None and given not in agents:
            raise _unknown(given, agents, field="provider")
    name = (name or "").strip()
    if not name:
        return agent or default, None
    prefix, _, rest = name.partition(":")
    if prefix in agents and agent in (None, prefix):
        return prefix, rest.strip() or None
    if agent or default:
        return agent or default, name
    raise _unknown(prefix, agents, field="model")


def _unknown(name: str, agents: Collection[str], *, field: str) -> ConfigError:
    return ConfigError(
        f"no agent named {name!r}; known: {', '.join(agents)}.{closest(name, agents)}", field=field, value=name
    )
