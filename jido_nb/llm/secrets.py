"""Take secrets out of text before it becomes an error, a log line or a signal.

A rule is a pattern, and the few letters without which it cannot match: looking for those first costs next to nothing
where there is nothing to find, which is nearly always.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

REDACTED = "[redacted]"
SHORTEST_SECRET = 6
"""What is shorter is no secret, and would be found everywhere."""


class Rule(NamedTuple):
    """What looks like a secret. `hints`: one of them is in every text that `pattern` matches; none: unknown.

    `opening` matches what more text could make a match, or a longer one, if it stands at the end. None: unknown.
    Patterns take time in proportion to the text, whatever it is: a model may write ten megabytes of `sk-sk-sk-`.
    """

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    opening: re.Pattern[str] | None = None


_KEYS_BEGIN = ("sk-", "sk_", "gsk_", "xai-", "hf_", "ghp_", "gho_", "glpat-")
_KEYS = "|".join(_KEYS_BEGIN)
_VENDORS = "sk|gsk|xai|hf|ghp|gho|glpat"
# As a word is spelled in a rule's hints, so that what is around a text never decides whether the rule is tried.
_AUTHORIZATION = r"(?:(?<=uthorization: )|(?<=UTHORIZATION: ))"
_BEARER = r"(?:(?<=earer )|(?<=EARER ))"

CERTAIN = (
    Rule(
        _KEYS_BEGIN,
        re.compile(rf"\b(?:{_KEYS})(?=[A-Za-z_\-]{{,120}}\d)[A-Za-z0-9_\-]{{16,}}"),
        re.compile(rf"\b(?:{_KEYS})[A-Za-z0-9_\-]*"),
    ),
    Rule(("github_pat_",), re.compile(r"\bgithub_pat_[A-Za-z0-9_]{20,}"), re.compile(r"\bgithub_pat_[A-Za-z0-9_]*")),
    Rule(("AIza",), re.compile(r"\bAIza[A-Za-z0-9_\-]{20,}"), re.compile(r"\bAIza[A-Za-z0-9_\-]*")),
    Rule(("AKIA", "ASIA"), re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{,16}")),
    Rule(
        ("xox", "xapp-"),
        re.compile(r"\b(?:xox[abp]|xapp)-[A-Za-z0-9\-]{10,}"),
        re.compile(r"\b(?:(?:xox[abp]|xapp)-[A-Za-z0-9\-]*|xox[abp]?)"),
    ),
    Rule(
        ("eyJ",),
        re.compile(r"\beyJ[A-Za-z0-9_\-]{10,256}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}"),
        re.compile(r"\beyJ[A-Za-z0-9_.\-]*"),
    ),
    Rule(
        ("uthorization", "UTHORIZATION"),
        re.compile(_AUTHORIZATION + r"(?:(?i:basic|bearer|token) )?[^\s\"',]{6,}"),
        re.compile(_AUTHORIZATION + r"(?:(?i:basic|bearer|token) )?[^\s\"',]*"),
    ),
    Rule(
        ("earer ", "EARER "),
        re.compile(_BEARER + r"(?=[A-Za-z._~+/\-]{,120}\d)[A-Za-z0-9._~+/\-]{16,}=*"),
        re.compile(_BEARER + r"[A-Za-z0-9._~+/\-]*=*"),
    ),
    Rule(("://",), re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"), re.compile(r"(?<=://)[^\s/@:]+(?::[^\s/@]*)?")),
    Rule(
        ("BEGIN ",),
        re.compile(r"(?s)\bBEGIN [A-Z ]{,20}PRIVATE KEY-----.+?(?=-----END|\Z)"),
        re.compile(r"(?s)\bBEGIN [A-Z ]{,31}(?:(?<=PRIVATE KEY)-----(?:.(?!-----END))*|-{,5})"),
    ),
)
"""What is a secret wherever it stands: keys of the vendors, tokens, headers, passwords in URLs. To add one: a row."""

STARTS = (
    *_KEYS_BEGIN,
    "github_pat_",
    "AIza",
    "AKIA",
    "ASIA",
    "xox",
    "xapp-",
    "eyJ",
    "BEGIN ",
)
"""How the matches of `CERTAIN` begin that begin with letters of their own; the others are known by what is before."""
REACH = 32
"""So many characters before a match decide whether it is one."""

_KEY_NAMES = tuple(spelled for name in ("api-key", "api_key") for spelled in (name, name.title(), name.upper()))

LIKELY = (
    Rule((), re.compile(rf"\b(?:{_VENDORS}|pk|rk)[-_][A-Za-z0-9_\-]{{8,}}")),
    Rule(("earer ", "EARER "), re.compile(_BEARER + r"[A-Za-z0-9._~+/\-]{6,}=*")),
    Rule(("asic ", "ASIC "), re.compile(r"(?i)(?<=basic )[A-Za-z0-9+/]{6,}=*")),
    Rule(_KEY_NAMES, re.compile(r"(?i)(?<=api-key: )\S+|(?<=api-key=)[^\s&]+|(?<=api_key=)[^\s&]+")),
    Rule(
        ("uthorization", "UTHORIZATION", *_KEY_NAMES),
        re.compile(r"(?i)(?:(?<=authorization['\"]: ['\"])|(?<=api[-_]key['\"]: ['\"]))[^'\"]{6,}"),
    ),
    Rule(("?key=", "&key="), re.compile(r"(?<=[?&]key=)[^\s&'\"]+")),
    Rule(("password=", "PASSWORD=", "Password="), re.compile(r"(?i)(?<=password=)[^\s&]+")),
    Rule(("token=", "TOKEN=", "Token="), re.compile(r"(?i)(?<=token=)[^\s&]+")),
)
"""What is one in the words of an error, and may be harmless in those of a person (`token=tokenizer.encode(text)`)."""


ALL = (*CERTAIN, *LIKELY)

SECRET_NAMES = re.compile(r"(?i)(?:proxy-)?authorization|(?:x-|x-goog-)?api[-_]?key")
"""Under these names stands a secret, whatever it looks like: headers and requests call it so."""

Span = tuple[int, int]


def spans(text: str, secrets: Iterable[str] = (), rules: Iterable[Rule] = ALL, start: int = 0) -> list[Span]:
    """Where the secrets in `text` are, from `start` on, in order; those that overlap are one."""
    found = [span for secret in secrets if len(secret) >= SHORTEST_SECRET for span in _places(secret, text, start)]
    for rule in rules:
        if not rule.hints or any(hint in text for hint in rule.hints):
            # An empty match, of a pattern that somebody else wrote, hides nothing.
            found += [match.span() for match in rule.pattern.finditer(text, start) if match.end() > match.start()]
    if len(found) < 2:
        return found
    found.sort()
    apart = [found[0]]
    for begin, end in found[1:]:
        if begin < apart[-1][1]:
            apart[-1] = apart[-1][0], max(end, apart[-1][1])
        else:
            apart.append((begin, end))
    return apart


def scrub(text: str, secrets: Iterable[str] = (), rules: Iterable[Rule] = ALL) -> str:
    """`text` without the given secrets and without whatever looks like a key, a token or a password in a URL."""
    return without(text, spans(text, secrets, rules))


def without(text: str, hidden: Iterable[Span], start: int = 0, end: int | None = None) -> str:
    """`text` from `start` to `end` with `REDACTED` in the place of the spans that lie there."""
    parts = []
    for begin, stop in hidden:
        parts += [text[start:begin], REDACTED]
        start = stop
    return "".join([*parts, text[start:end]]) if parts else text[start:end]


def pattern(text: str) -> str:
    """`text`, if it can be a rule. Raises ValueError: it is no regular expression, or matches where nothing stands."""
    try:
        found = re.compile(text).search("")
    except re.error as error:
        raise ValueError(f"it is no regular expression: {error}") from None
    if found is not None:
        raise ValueError("it matches the empty text, so it would match everywhere")
    return text


def _places(secret: str, text: str, start: int) -> Iterator[Span]:
    while (start := text.find(secret, start)) >= 0:
        yield start, start + len(secret)
        start += 1


def scrub_value(value: Any, secrets: Iterable[str] = (), rules: Iterable[Rule] = ALL) -> Any:
    """The same for every string in a JSON value."""
    known = tuple(secrets)
    if isinstance(value, str):
        return scrub(value, known, rules)
    if isinstance(value, Mapping):
        return {
            scrub_value(key, known, rules): _hidden(part, known, rules)
            if isinstance(key, str) and SECRET_NAMES.fullmatch(key)
            else scrub_value(part, known, rules)
            for key, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [scrub_value(part, known, rules) for part in value]
    return value


def _hidden(value: Any, known: tuple[str, ...], rules: Iterable[Rule]) -> Any:
    """What stands under the name of a secret: a text, or a header's several. The schema of one is none."""
    if isinstance(value, str):
        return REDACTED if len(value) >= SHORTEST_SECRET else value
    if isinstance(value, list | tuple):
        return [_hidden(part, known, rules) for part in value]
    return scrub_value(value, known, rules)
