"""Server-sent events: bytes in, the data of each complete event out. Pure.

The rules are those of the HTML standard ("event stream interpretation"). Only the data is kept: the providers say in it
what kind of event it is. The SDK has a decoder too; this one keeps its state between chunks, so that it needs no chain
of async generators, which nobody could close when a stream is left early, and it bounds what one event may hold.
"""

from ...llm.error import LLMError

MAX_EVENT_BYTES = 32 * 1024 * 1024


class EventFramer:
    """Give it the chunks of a body as they come; it does not matter where they are cut."""

    def __init__(self) -> None:
        self._tail: list[bytes] = []
        self._tail_size = 0
        self._data: list[bytes] = []
        self._data_size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of each event that `chunk` completes.

        Raises:
            LLMError: `transport`; one event is larger than `MAX_EVENT_BYTES`.
        """
        # Nothing is searched twice: a line that comes in a thousand chunks is joined once.
        if b"\n" not in chunk and b"\r" not in chunk and not self._ends_with_return():
            self._keep(chunk)
            return []
        lines = b"".join((*self._tail, chunk)).splitlines(keepends=True)
        self._tail, self._tail_size = [], 0
        if not lines[-1].endswith(b"\n"):  # also when it ends with \r: the \n of a pair may be in the next chunk
            self._keep(lines.pop())
        events: list[bytes] = []
        for raw in lines:
            line = raw.rstrip(b"\r\n")
            if not line:
                if self._data:
                    events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                    self._data, self._data_size = [], 0
            elif line.startswith(b"data:"):
                self._add(line[6:] if line[5:6] == b" " else line[5:])
            elif line == b"data":
                self._add(b"")
        return events

    def _ends_with_return(self) -> bool:
        return bool(self._tail) and self._tail[-1].endswith(b"\r")

    def _keep(self, part: bytes) -> None:
        if part:
            self._tail.append(part)
            self._tail_size += len(part)
            self._check()

    def _add(self, data: bytes) -> None:
        self._data.append(data)
        self._data_size += len(data)
        self._check()

    def _check(self) -> None:
        if self._tail_size + self._data_size > MAX_EVENT_BYTES:
            raise LLMError.of("transport", f"one event of the stream is larger than {MAX_EVENT_BYTES} bytes")
