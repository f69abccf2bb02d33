"""Take secrets out of text before it becomes an error, a log line or a signal.

A rule is a pattern, and the few letters without which it cannot match: looking for those first costs next to nothing
where there is nothing to find, which is nearly always.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

REDACTED = "[redacted]"
SHORTEST_SECRET = 6
"""What is shorter is no secret, and would be found everywhere."""


class Rule(NamedTuple):
    """What looks like a secret. `hints`: one of them is in every text that `pattern` matches; none: unknown."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]


_VENDORS = "sk|gsk|xai|hf|ghp|gho|glpat"

CERTAIN = (
    Rule(
        ("sk-", "sk_", "xai-", "hf_", "ghp_", "gho_", "glpat-"),
        re.compile(rf"\b(?:{_VENDORS})[-_](?=[A-Za-z_\-]*\d)[A-Za-z0-9_\-]{{16,}}"),
    ),
    Rule(("github_pat_",), re.compile(r"\bgithub_pat_[A-Za-z0-9_]{20,}")),
    Rule(("AIza",), re.compile(r"\bAIza[A-Za-z0-9_\-]{20,}")),
    Rule(("AKIA", "ASIA"), re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    Rule(("xox", "xapp-"), re.compile(r"\b(?:xox[abp]|xapp)-[A-Za-z0-9\-]{10,}")),
    Rule(("eyJ",), re.compile(r"\beyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}")),
    Rule(
        ("uthorization", "UTHORIZATION"),
        re.compile(r"(?i)(?<=authorization: )(?:basic |bearer |token )?[^\s\"',]{6,}"),
    ),
    Rule(("earer ", "EARER "), re.compile(r"(?i)(?<=bearer )(?=[A-Za-z._~+/\-]*\d)[A-Za-z0-9._~+/\-]{16,}=*")),
    Rule(("://",), re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)")),
    Rule(("PRIVATE KEY-----",), re.compile(r"(?s)(?<=PRIVATE KEY-----).+?(?=-----END|\Z)")),
)
"""What is a secret wherever it stands: keys of the vendors, tokens, headers, passwords in URLs. To add one: a row."""

_KEY_NAMES = tuple(spelled for name in ("api-key", "api_key") for spelled in (name, name.title(), name.upper()))

LIKELY = (
    Rule((), re.compile(rf"\b(?:{_VENDORS}|pk|rk)[-_][A-Za-z0-9_\-]{{8,}}")),
    Rule(("earer ", "EARER "), re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/\-]{6,}=*")),
    Rule(("asic ", "ASIC "), re.compile(r"(?i)(?<=basic )[A-Za-z0-9+/]{6,}=*")),
    Rule(_KEY_NAMES, re.compile(r"(?i)(?<=api-key: )\S+|(?<=api-key=)[^\s&]+|(?<=api_key=)[^\s&]+")),
    Rule(("token=", "TOKEN=", "Token="), re.compile(r"(?i)(?<=token=)[^\s&]+")),
)
"""What is one in the words of an error, and may be harmless in those of a person (`token=tokenizer.encode(text)`)."""


ALL = (*CERTAIN, *LIKELY)


def scrub(text: str, secrets: Iterable[str] = (), rules: Iterable[Rule] = ALL) -> str:
    """`text` without the given secrets and without whatever looks like a key, a token or a password in a URL."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, REDACTED)
    for rule in rules:
        if not rule.hints or any(hint in text for hint in rule.hints):
            text = rule.pattern.sub(REDACTED, text)
    return text


def scrub_value(value: Any, secrets: Iterable[str] = (), rules: Iterable[Rule] = ALL) -> Any:
    """The same for every string in a JSON value, keys excepted."""
    known = tuple(secrets)
    if isinstance(value, str):
        return scrub(value, known, rules)
    if isinstance(value, Mapping):
        return {key: scrub_value(part, known, rules) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [scrub_value(part, known, rules) for part in value]
    return value
