"""Text that grows by pieces."""


class Growing:
    """Text that one thread appends to while others read it: O(1) to append, each character joined once."""

    __slots__ = ("_joined", "_parts")

    def __init__(self, text: str = "") -> None:
        self._parts = [text] if text else []
        self._joined = (len(self._parts), text)

    def append(self, text: str) -> None:
        self._parts.append(text)

    def __str__(self) -> str:
        count, text = self._joined
        fresh = self._parts[count:]
        if fresh:
            text += "".join(fresh)
            # One assignment, so that a reader on another thread sees the old pair or the new one, never half of each.
            self._joined = (count + len(fresh), text)
        return text
