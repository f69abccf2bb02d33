"""Follow a journal in a terminal while somebody else writes it: what is asked, and the answers as they arrive."""

import re
from collections.abc import Callable
from pathlib import Path

from ..core.catalogue import MESSAGE_RECEIVED
from ..core.projections.turn import LLM_EFFECT_ID, TurnEvent, TurnView
from ..core.signal import Recorded
from ..errors import JournalError
from ..journal.open import open_journal
from ..journal.protocol import Journal
from ..notebook.facts import note, retry_line, who

TYPES = (MESSAGE_RECEIVED, "conv.effect.llm.**")

# All that moves a terminal's cursor or talks to it; a model may say it, and a terminal must not hear it.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Write = Callable[[str], object]


class Style:
    """Faint, bold and colored text where a terminal shows it, else plain."""

    def __init__(self, on: bool) -> None:
        self._on = on

    def faint(self, text: str) -> str:
        return self._with("2", text)

    def bold(self, text: str) -> str:
        return self._with("1", text)

    def ended(self, status: str, text: str) -> str:
        return self._with({"completed": "32", "failed": "31"}.get(status, "33"), text)

    def _with(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._on and text else text


class Tail:
    """Tells what is new in the journal at `path` each time it is asked to `look`; the file may be still to come."""

    def __init__(self, path: Path, write: Write, style: Style) -> None:
        self._path = path
        self._write = write
        self._style = style
        self._journal: Journal | None = None
        self._seq = 0
        self._turns: dict[tuple[str, str], TurnView] = {}
        self._telling: TurnView | None = None
        self._fresh_line = True
        self._thinking = False

    def look(self) -> None:
        """Tell what was written since the last look."""
        if self._journal is None:
            try:
                self._journal = open_journal(self._path, read_only=True)
            except JournalError:
                return  # not there yet, or in the middle of being made
        for recorded in self._journal.read(types=TYPES, after_seq=self._seq):
            self._seq = recorded.seq
            self._tell(recorded)

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()

    def _tell(self, recorded: Recorded) -> None:
        signal = recorded.signal
        effect_id = LLM_EFFECT_ID + signal.id if signal.type == MESSAGE_RECEIVED else str(signal.data.get("effect_id"))
        key = signal.subject, effect_id
        view = self._turns.get(key)
        if view is None:
            view = self._turns[key] = TurnView(effect_id)
        events = view.apply(signal)
        if signal.type == MESSAGE_RECEIVED:
            self._heading(view)
        for event in events:
            self._event(view, event)
        if view.done:
            del self._turns[key]

    def _heading(self, view: TurnView) -> None:
        name = self._style.bold(f"[{_clean(str(view.conversation_id))}]")
        self._line(f"\n{name} {_clean(view.prompt)}")
        self._telling = view

    def _event(self, view: TurnView, event: TurnEvent) -> None:
        if self._telling is not view and event.kind != "started":
            self._heading(view)
        if event.kind in ("delta", "thinking"):
            self._piece(event)
        elif event.kind == "tool":
            tool = view.tools[-1]
            self._line(self._style.faint(f"tool {_clean(tool.name)}: {tool.status}"))
        elif event.kind == "retrying" and view.retry is not None:
            wait = f"; next try in {view.retry.wait_ms:.0f} ms"
            self._line(self._style.ended("retrying", f"{_clean(retry_line(view.retry))}{wait}"))
        elif view.done:
            self._ending(view)

    def _ending(self, view: TurnView) -> None:
        facts = [who(view), note(view), f"{view.elapsed_ms(0) / 1000:.1f} s"]
        if view.first_chunk_ms is not None:
            facts.append(f"first piece after {view.first_chunk_ms:.0f} ms")
        if view.attempt > 1:
            facts.append(f"attempt {view.attempt}")
        if tokens := (view.usage or {}).get("output_tokens"):
            facts.append(f"{tokens} token{'s' * (tokens != 1)}")
        told = " · ".join(_clean(fact) for fact in facts if fact)
        self._line(f"{self._style.ended(view.status, f'[{view.status}]')} {self._style.faint(told)}")
        self._telling = None

    def _piece(self, event: TurnEvent) -> None:
        thinking = event.kind == "thinking"
        if thinking != self._thinking and not self._fresh_line:
            self._line("")
        self._thinking = thinking
        text = _clean(event.text)
        self._write(self._style.faint(text) if thinking else text)
        self._fresh_line = text.endswith("\n")

    def _line(self, text: str) -> None:
        self._write(text + "\n" if self._fresh_line else f"\n{text}\n")
        self._fresh_line = True


def _clean(text: str) -> str:
    return _CONTROL.sub("", text)
