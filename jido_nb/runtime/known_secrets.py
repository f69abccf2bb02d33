"""Which values are secret in this process: the keys and headers of its providers, and what its agents are given."""

import os
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from urllib.parse import unquote, urlsplit

from ..backends.harness.environment import is_secret
from ..llm.settings import Settings
from .logs import heed
from .redactor import Redactor

KEY_VARIABLES = (
    *("_API_KEY", "_AUTH_TOKEN", "_OAUTH_TOKEN", "_ACCESS_TOKEN", "_SESSION_TOKEN"),
    *("_SECRET_ACCESS_KEY", "_SECRET_KEY"),
)
"""How variables of the environment end whose values are keys, whoever they are for."""
HARMLESS_HEADERS = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "content-type", "user-agent", "referer", "http-referer"),
        *("x-title", "anthropic-version", "anthropic-beta", "openai-beta", "openai-organization", "openai-project"),
    }
)
"""Headers whose values are no secrets. Those of all others are."""
_SCHEMES = frozenset({"basic", "bearer", "token"})


def secrets_finder(settings: Settings, environ: Mapping[str, str] | None = None) -> Callable[[], Iterator[str]]:
    """A function that gives what is secret when it is called. `environ`: None is the process's own."""
    environ = os.environ if environ is None else environ
    fixed = tuple(_in_settings(settings))
    named, allowed = set(settings.redaction.env), set()
    for backend in settings.llm.backends.values():
        named |= {provider.api_key_env for provider in backend.providers.values() if provider.api_key_env}
        allowed |= {str(name) for agent in backend.agents.values() for name in agent.get("env_allow", ())}

    def find() -> Iterator[str]:
        yield from fixed
        for name in environ:
            if name.endswith(KEY_VARIABLES) or name in named or _is_handed_on(name, allowed):
                yield environ.get(name, "").strip()

    return find


def _is_handed_on(name: str, allowed: set[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in allowed) and is_secret(name)


def _in_settings(settings: Settings) -> Iterator[str]:
    for backend in settings.llm.backends.values():
        for provider in backend.providers.values():
            yield from _in_url(provider.base_url)
            for name, value in provider.headers.items():
                if name.lower() not in HARMLESS_HEADERS:
                    scheme, _, rest = value.strip().partition(" ")
                    yield rest.strip() if scheme.lower() in _SCHEMES else value.strip()
        for agent in backend.agents.values():
            given = agent.get("env", {})
            yield from (str(value) for name, value in given.items() if is_secret(name))
    yield from _in_url(settings.journal)


def _in_url(url: str | None) -> Iterator[str]:
    """The password of an address and the keys in its query, as they are written there and as they are meant."""
    try:
        parts = urlsplit(url or "")
        named = (each.partition("=") for each in parts.query.split("&"))
        found = [parts.password or "", *(value for name, _, value in named if is_secret(name))]
    except ValueError:  # an address that is none is somebody else's to refuse
        return
    for secret in filter(None, found):
        yield from {secret, unquote(secret)}


def redactor_of(settings: Settings) -> Redactor:
    """The redactor of this process under these settings; the logs heed it, too."""
    return heed(Redactor(settings.redaction, secrets_finder(settings)))
