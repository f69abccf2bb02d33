"""Bytes to lines. Only `\\n` ends a line: agents write U+2028 and lone `\\r` inside of their JSON strings."""

from ...llm.error import LLMError

MAX_LINE_BYTES = 64 * 1024 * 1024


class LineFramer:
    """Cuts a stream of chunks into lines, wherever the chunks end. Costs no more than the bytes that pass through.

    Lines come without their `\\n` (and without a `\\r` before it); blank ones are left out.
    """

    def __init__(self, max_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes.

        Raises:
            LLMError: `transport`, not retryable: a line is longer than the limit.
        """
        first, *rest = chunk.split(b"\n")
        self._keep(first)
        if not rest:
            return []
        lines = [self.tail(), *rest[:-1]]
        self._keep(rest[-1])
        return [line for line in map(_bare, lines) if line]

    def tail(self) -> bytes:
        """What came after the last `\\n`; it is taken out. A stream may end with a line that nothing ends."""
        tail = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts, self._size = [], 0
        return _bare(tail)

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._max_bytes:
            raise LLMError.of(
                "transport",
                f"the agent wrote a line of more than {self._max_bytes} bytes",
                retryable=False,
                limit_bytes=self._max_bytes,
            )
        if part:
            self._parts.append(part)


def _bare(line: bytes) -> bytes:
    return line.strip(b"\r \t")
