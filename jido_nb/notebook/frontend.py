"""Who reads the output: a live front end, an automatic runner, a terminal, or nobody.

nbclient, papermill, nbconvert and nbval execute with `allow_stdin` off; JupyterLab, Notebook and VS Code with it on.
`JIDO_NB_FRONTEND` (`live`, `headless`, `terminal`) overrides what was found.
"""

import os
from typing import Any, Literal, NamedTuple

from ..errors import ConfigError, closest

Kind = Literal["live", "headless", "terminal"]
KINDS: tuple[Kind, ...] = ("live", "headless", "terminal")
VARIABLE = "JIDO_NB_FRONTEND"


class FrontEnd(NamedTuple):
    """`why` is for people: `%jido doctor` shows it."""

    kind: Kind
    why: str


def find_frontend(shell: Any | None = None) -> FrontEnd:
    """The front end of the cell that runs now.

    Args:
        shell: The InteractiveShell; None finds the current one, and without one the answer is `terminal`.

    Raises:
        ConfigError: `JIDO_NB_FRONTEND` names no front end.
    """
    if chosen := os.environ.get(VARIABLE):
        for kind in KINDS:
            if chosen == kind:
                return FrontEnd(kind, f"{VARIABLE} says so")
        raise ConfigError(
            f"{VARIABLE} is {chosen!r}; known: {', '.join(KINDS)}.{closest(chosen, KINDS)}",
            field=VARIABLE,
            value=chosen,
        )
    shell = current_shell() if shell is None else shell
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return FrontEnd("terminal", "no Jupyter kernel")
    if allows_stdin(kernel):
        return FrontEnd("live", "the front end can answer (allow_stdin)")
    return FrontEnd("headless", "nobody can answer (allow_stdin is off)")


def current_shell() -> Any | None:
    """The running InteractiveShell, or None; does not create one."""
    import sys

    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def cell_id(shell: Any | None) -> str | None:
    """Identifies the cell execution that runs now; None where there is none to know (a thread, a plain script)."""
    kernel = getattr(shell, "kernel", None)
    if kernel is not None:
        return str(_parent(kernel).get("header", {}).get("msg_id") or "") or None
    count = getattr(shell, "execution_count", None)
    return None if count is None else f"terminal-{count}"


def allows_stdin(kernel: Any) -> bool:
    """What the request that runs now says; a request that is none (no cell runs) counts as the last one did."""
    content = _parent(kernel).get("content", {})
    if "allow_stdin" in content:
        return bool(content["allow_stdin"])
    return bool(getattr(kernel, "_allow_stdin", False))


def _parent(kernel: Any) -> dict[str, Any]:
    try:
        return dict(kernel.get_parent("shell") or {})
    except LookupError:  # ipykernel 7.0: a thread that no request ever started has no parent
        return {}
