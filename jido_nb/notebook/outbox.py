"""What the browser still has to hear: all turns of a kernel, folded into one message at a time.

A message is `{"m": {sid: meta}, "d": [[sid, channel, offset, text, gen]], "s": {sid: snapshot}, "x": [sid]}`, each part
only where it has something to say; the other side of the protocol is js/src/streams.js.

Rule 1: offsets count UTF-16 units, which is how a browser measures a string.
Rule 2: `gen` names one run of text. When an attempt is discarded the next run begins at offset 0, and nothing of
        the void run is sent any more.
Rule 3: `rev` grows with each meta of a stream, so that a late snapshot cannot undo newer news.
Rule 4: after every message a browser that got them all holds exactly the text of the views; one that missed some
        sees a gap, asks, and gets a snapshot.
The text is read from the view when a message is made, so nothing can be missed between two readings. Nothing here
reads a clock, takes a lock or publishes: the hub does.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..core.projections.turn import TurnView
from .facts import MOVING, meta_of


class Said(NamedTuple):
    """How much of a channel the browser was told: in characters of Python and in units of the browser."""

    chars: int = 0
    units: int = 0


class _Reading(NamedTuple):
    run: int
    channels: dict[str, str]


def utf16_length(text: str) -> int:
    """Length of `text` as a browser counts it."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def sendable(text: str) -> str:
    """`text` with lone surrogates replaced, since a comm message is UTF-8; its length in the browser is the same."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class _Stream:
    __slots__ = ("canceling", "facts", "rev", "run", "said")

    def __init__(self) -> None:
        self.run = 0
        self.rev = 0
        self.facts: Mapping[str, Any] | None = None
        self.canceling = False
        self.said: dict[str, Said] = {}

    def meta(self, view: TurnView, run: int, now_us: int) -> dict[str, Any]:
        self.rev += 1
        meta = {**meta_of(view, now_us), "rev": self.rev, "gen": run}
        if self.canceling and not view.done:
            meta["canceling"] = True
        return meta

    def news(self, view: TurnView, run: int, now_us: int) -> dict[str, Any] | None:
        """A meta when something other than the passing of time is new in it."""
        meta = self.meta(view, run, now_us)
        facts = {key: value for key, value in meta.items() if key not in MOVING}
        if facts == self.facts:
            self.rev -= 1
            return None
        self.facts = facts
        return meta


class Outbox:
    """News of many streams, waiting for the next message. Streams are named by `sid`, a short string."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._touched: dict[str, None] = {}
        self._asked: set[str] = set()
        self._gone: list[str] = []

    def __len__(self) -> int:
        return len(self._streams)

    def open(self, sid: str) -> None:
        self._streams[sid] = _Stream()
        self._touched[sid] = None

    def touch(self, sid: str) -> None:
        """Something changed in this stream: the next message looks at it."""
        if sid in self._streams:
            self._touched[sid] = None

    def canceling(self, sid: str) -> None:
        """Tell the browser that its cancel has arrived."""
        if sid in self._streams:
            self._streams[sid].canceling = True
            self.touch(sid)

    def ask(self, sids: Iterable[str] | None = None) -> None:
        """The next message carries snapshots of these streams; None: of all."""
        self._asked.update(self._streams if sids is None else (sid for sid in sids if sid in self._streams))

    def close(self, sid: str) -> None:
        """Forget a stream, here and, with the next message, in the browser."""
        if self._streams.pop(sid, None) is not None:
            self._touched.pop(sid, None)
            self._asked.discard(sid)
            self._gone.append(sid)

    def snapshot(self, sid: str, view: TurnView, now_us: int) -> dict[str, Any] | None:
        """All that is known of a stream; pieces of it that come again are dropped by the browser."""
        stream = self._streams.get(sid)
        if stream is None:
            return None
        reading = _read(view)
        meta = stream.meta(view, reading.run, now_us)
        return {"meta": meta, "text": sendable(reading.channels["t"]), "thinking": sendable(reading.channels["k"])}

    def take(self, views: Mapping[str, TurnView], now_us: int) -> dict[str, Any] | None:
        """The next message, or None when there is nothing to tell; what it says counts as told."""
        metas: dict[str, Any] = {}
        deltas: list[list[Any]] = []
        for sid in self._touched:
            stream, view = self._streams[sid], views[sid]
            reading = _read(view)
            if meta := stream.news(view, reading.run, now_us):
                metas[sid] = meta
            deltas += [[sid, *piece] for piece in _pieces(stream, reading)]
        snapshots = {sid: self.snapshot(sid, views[sid], now_us) for sid in sorted(self._asked)}
        message = {"m": metas, "d": deltas, "s": snapshots, "x": self._gone}
        self._touched, self._asked, self._gone = {}, set(), []
        return {key: value for key, value in message.items() if value} or None


def _pieces(stream: _Stream, reading: _Reading) -> list[tuple[str, int, str, int]]:
    if reading.run != stream.run:
        stream.run, stream.said = reading.run, {}
    pieces = []
    for name, text in reading.channels.items():
        said = stream.said.get(name, Said())
        if fresh := sendable(text[said.chars :]):
            pieces.append((name, said.units, fresh, reading.run))
            stream.said[name] = Said(len(text), said.units + utf16_length(fresh))
    return pieces


def _read(view: TurnView) -> _Reading:
    # Taken once: the runtime's thread may begin the next run at any moment.
    run = view.run
    return _Reading(run.number, {"t": str(run.text), "k": str(run.thinking)})
