"""The browser's half of the protocol in Python, so that both halves can be played against each other without one.

The real one is jido_nb/notebook/js/src/streams.js, which has tests of its own and follows the same rules.
"""

from typing import Any


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


class BrowserModel:
    def __init__(self) -> None:
        self.streams: dict[str, dict[str, Any]] = {}
        self.gaps: set[str] = set()

    def stream(self, sid: str) -> dict[str, Any]:
        return self.streams.setdefault(sid, {"gen": 0, "t": "", "k": "", "meta": {"rev": -1}})

    def receive(self, message: dict[str, Any]) -> None:
        for sid, snapshot in message.get("s", {}).items():
            self.snapshot(sid, snapshot)
        for sid, meta in message.get("m", {}).items():
            self.meta(sid, meta)
        for sid, channel, offset, text, gen in message.get("d", []):
            stream = self.stream(sid)
            said = units(stream[channel])
            if gen < stream["gen"]:
                continue
            if gen > stream["gen"] or offset > said:
                self.gaps.add(sid)
                continue
            new = text.encode("utf-16-le")[2 * (said - offset) :].decode("utf-16-le")
            stream[channel] += new
        for sid in message.get("x", []):
            self.streams.pop(sid, None)

    def meta(self, sid: str, meta: dict[str, Any]) -> None:
        stream = self.stream(sid)
        if meta["rev"] <= stream["meta"]["rev"]:
            return
        stream["meta"] = meta
        if meta["gen"] > stream["gen"]:
            stream.update(gen=meta["gen"], t="", k="")

    def snapshot(self, sid: str, snapshot: dict[str, Any]) -> None:
        self.meta(sid, snapshot["meta"])
        stream = self.stream(sid)
        self.gaps.discard(sid)
        if snapshot["meta"]["gen"] < stream["gen"]:
            return
        for key, name in (("t", "text"), ("k", "thinking")):
            if units(snapshot[name]) > units(stream[key]):
                stream[key] = snapshot[name]
