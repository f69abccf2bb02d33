"""The environment of an agent: an allow-list of the kernel's, which is full of keys, and what the settings add."""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from .watchdog import MARKER

ALLOWED = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "TMP", "TEMP", "XDG_*"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
    *("SYSTEMROOT", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA", "USERPROFILE"),
)
"""Names, with `*`, that every agent gets: who and where one is, and the way out to the network."""

# No colours, and no questions to a terminal that nobody sits at.
_PLAIN = {"NO_COLOR": "1", "TERM": "dumb"}
_SECRET_NAMES = ("*KEY*", "*TOKEN*", "*SECRET*", "*PASSWORD*", "*CREDENTIAL*")


def agent_environment(
    environ: Mapping[str, str], *, allowed: Iterable[str], extra: Mapping[str, str], marker: str
) -> dict[str, str]:
    """What the agent's process gets: `ALLOWED` and `allowed` of `environ`, then `extra`, then the run's marker."""
    names = (*ALLOWED, *allowed)
    chosen = {name: value for name, value in environ.items() if any(fnmatchcase(name, one) for one in names)}
    # A run inside of a run belongs to both.
    outer = environ.get(MARKER)
    return {**_PLAIN, **chosen, **extra, MARKER: f"{outer},{marker}" if outer else marker}


def secrets_in(environment: Mapping[str, str]) -> Iterator[str]:
    """The values that must not show up in an error or in the log."""
    for name, value in environment.items():
        if value and (is_secret(name) or name.upper().endswith("_PROXY")):
            yield value


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds a key, a token or a password."""
    return any(fnmatchcase(name.upper(), one) for one in _SECRET_NAMES)
