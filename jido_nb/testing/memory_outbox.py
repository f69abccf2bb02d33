"""An effect worker's outbox that keeps everything in a list."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from anyio.lowlevel import checkpoint


class Put(NamedTuple):
    """One lifecycle signal as the worker handed it over."""

    lifecycle: str
    data: Mapping[str, Any]
    cause_id: str | None

    @property
    def label(self) -> str:
        """`started@1`, `retrying@1`, `streaming@2`, `completed@2`: what the parity tables are written in."""
        name = self.data.get("status", "progress") if self.lifecycle == "progress" else self.lifecycle
        return f"{name}@{self.data['attempt']}"


class MemoryOutbox:
    """Implements `runtime.effect_job.Outbox`. `on_put` sees every put as it comes."""

    def __init__(self, on_put: Callable[[Put], None] | None = None) -> None:
        self.puts: list[Put] = []
        self.durable = 0
        """How many puts a flush has covered."""
        self.on_put = on_put

    def put(self, lifecycle: str, data: Mapping[str, Any], *, cause_id: str | None = None) -> None:
        entry = Put(lifecycle, dict(data), cause_id)
        self.puts.append(entry)
        if self.on_put is not None:
            self.on_put(entry)

    async def flush(self) -> None:
        await checkpoint()
        self.durable = len(self.puts)

    @property
    def story(self) -> list[str]:
        """The labels in order, a run of equal ones once."""
        labels = [put.label for put in self.puts]
        return [label for index, label in enumerate(labels) if index == 0 or labels[index - 1] != label]

    @property
    def terminals(self) -> list[Put]:
        return [put for put in self.puts if put.lifecycle in ("completed", "failed", "canceled")]

    @property
    def terminal(self) -> Put:
        """The one ending. Raises ValueError when there are more or fewer."""
        (only,) = self.terminals
        return only

    def text(self, attempt: int) -> str:
        """The deltas of one attempt, joined."""
        return "".join(put.data.get("token_delta", "") for put in self.puts if put.data["attempt"] == attempt)
