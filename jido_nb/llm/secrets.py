"""Take secrets out of text before it becomes an error, a log line or a signal."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

REDACTED = "[redacted]"
_SHORTEST_SECRET = 6
_PATTERNS = (
    re.compile(r"\b(?:sk|pk|rk|xai|gsk|hf|ghp|gho|glpat)[-_][A-Za-z0-9_\-]{8,}"),
    re.compile(r"\bAIza[A-Za-z0-9_\-]{20,}"),
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/\-]{6,}=*"),
    re.compile(r"(?i)(?<=basic )[A-Za-z0-9+/]{6,}=*"),
    re.compile(r"(?i)(?<=api-key: )\S+|(?<=api-key=)[^\s&]+|(?<=api_key=)[^\s&]+|(?<=token=)[^\s&]+"),
    re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"),
)


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without the given secrets and without whatever looks like a key, a token or a password in a URL."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, REDACTED)
    for pattern in _PATTERNS:
        text = pattern.sub(REDACTED, text)
    return text


def scrub_value(value: Any, secrets: Iterable[str] = ()) -> Any:
    """The same for every string in a JSON value, keys excepted."""
    known = tuple(secrets)
    if isinstance(value, str):
        return scrub(value, known)
    if isinstance(value, Mapping):
        return {key: scrub_value(part, known) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [scrub_value(part, known) for part in value]
    return value
