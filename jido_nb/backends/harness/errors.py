"""What it means that an agent cannot be started, or ended without saying how."""

import errno
import re
from collections.abc import Sequence
from typing import Any

from ...llm.error import Category, LLMError
from .process import Exit

SHOWN_STDERR_CHARS = 2000

# What agents write on standard error before anything else, in lower case. The first that matches decides.
_LAST_WORDS: Sequence[tuple[str, Category, bool]] = (
    (r"not logged in|please (run )?/?log ?in|invalid api key|authentication|unauthorized|no api key", "auth", False),
    (r"unknown (option|argument|flag|command|model)|unrecognized|unexpected argument|invalid value", "config", False),
    (r"not found|no such file|is not a uuid|already in use|must be provided|cannot be used", "config", False),
    (r"not inside a trusted|usage:|requires", "config", False),
    (r"permission denied|refused? as root|root/sudo privileges", "config", False),
    (r"econnrefused|econnreset|enotfound|etimedout|network|socket hang up|fetch failed", "transport", True),
)  # fmt: skip


def spawn_error(agent: str, error: OSError, program: str, cwd: str | None) -> LLMError:
    """An `OSError` of the start: always our own configuration, but for a machine that is out of something."""
    reason = errno.errorcode.get(error.errno or 0, "unknown").lower()
    if error.errno in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE):
        return LLMError.of("transport", f"the agent {agent!r} cannot be started now: {error.strerror}", reason=reason)
    if cwd is not None and error.filename is not None and str(error.filename) == cwd:
        what = f"the working directory {cwd!r} of the agent {agent!r} cannot be used: {error.strerror}"
        return LLMError.of("config", what, reason="bad_cwd", field="cwd")
    if error.errno == errno.E2BIG:
        what = f"the command line of the agent {agent!r} is too long for the system (a prompt belongs on its input)"
        return LLMError.of("config", what, reason="argv_too_long")
    what = f"the agent {agent!r} cannot be started from {program!r}: {error.strerror or error}"
    return LLMError.of("config", what, reason=reason)


def exit_error(agent: str, exit: Exit) -> LLMError:
    """The error of a process that ended without its terminal record.

    A clean exit is no success: the answer may be cut off anywhere, so it is `transport` and truncated.
    """
    facts: dict[str, Any] = {"exit_code": exit.returncode, "stderr": exit.stderr[-SHOWN_STDERR_CHARS:].strip() or None}
    if exit.returncode == 0:
        return LLMError.of("transport", f"the agent {agent!r} ended without a result", truncated=True, **facts)
    if exit.returncode is not None and exit.returncode < 0 and exit.rung == "exited":
        message = f"the agent {agent!r} was killed by signal {-exit.returncode}"
        return LLMError.of("transport", message, truncated=True, **facts)
    said = last_words(exit.stderr)
    message = f"the agent {agent!r} ended with exit code {exit.returncode}" + (f": {said}" if said else "")
    for pattern, category, retryable in _LAST_WORDS:
        if said and re.search(pattern, exit.stderr.lower()):
            return LLMError.of(category, message, retryable=retryable, **facts)
    return LLMError.of("transport", message, truncated=True, **facts)


def last_words(stderr: str) -> str:
    """The line of standard error that says most: the last one that names an error, else the last one."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    naming = [line for line in lines if re.match(r"(?i)(fatal|error|\w*(error|exception))\b", line)]
    chosen = (naming or lines or [""])[-1]
    return chosen if len(chosen) <= 300 else chosen[:299] + "…"
