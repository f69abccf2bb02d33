"""Where an answer came from, for the metadata of its output: a saved notebook can be traced to its log.

Nothing of it is in the text of the output, which stays the same from run to run.
"""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..core.projections.turn import TurnView
from ..errors import JidoError
from ..journal.protocol import Journal
from ..llm.secrets import scrub
from ..version import __version__

KEY = "jido_nb"
"""The key under which it stands in an output's metadata."""


@runtime_checkable
class Traceable(Protocol):
    """What is asked of a turn."""

    @property
    def view(self) -> TurnView: ...
    @property
    def journal(self) -> Journal: ...


def provenance(turn: Traceable) -> dict[str, Any]:
    """Metadata of the output of a turn that has ended: who answered, and which signals of which journal tell of it."""
    view = turn.view
    ends = ((view.result, "metadata"), (view.error, "details"), (view.cancel, "backend_cancel_details"))
    told: Mapping[str, Any] = next((end[key] for end, key in ends if end and end.get(key)), {})
    facts = {
        "backend": view.backend,
        "provider": view.provider,
        "model": view.model,
        "asked_model": view.asked_model,
        "status": view.status,
        "replayed": told.get("replayed"),
        "conversation": view.conversation_id,
        "journal": _place(turn.journal.location),
        "seq": _range(turn.journal, view),
        "versions": {"jido_nb": __version__, "python": platform.python_version()},
    }
    return {KEY: {name: value for name, value in facts.items() if value is not None}}


def _place(location: str) -> str:
    """The journal as seen from the notebook: nobody's folders go into a file that is passed on."""
    if "://" in location or location == "memory":
        return scrub(location)
    path = Path(location)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name


def _range(journal: Journal, view: TurnView) -> list[int] | None:
    """`seq` of the first and of the last signal of the effect."""
    if view.effect_id is None:
        return None
    ends = []
    try:
        for newest_first in (False, True):
            log = journal.read(
                types="conv.effect.**",
                subject=view.conversation_id,
                effect_id=view.effect_id,
                limit=1,
                newest_first=newest_first,
            )
            ends += [recorded.seq for recorded in log]
    except JidoError:  # the journal was closed meanwhile
        return None
    return ends or None
