"""Turns what an effect worker reports into signals of its conversation."""

from collections.abc import Mapping
from typing import Any

from ..core.catalogue import EFFECT_PREFIXES
from ..core.signal import CONTRACT_MAJOR, make_signal
from .effect_job import EffectJob
from .ingest import Ingest


class EffectOutbox:
    """The lifecycle signals of one effect, in order. Their ids count from `<effect id>/0`, so none is written twice."""

    def __init__(self, ingest: Ingest, job: EffectJob) -> None:
        self._ingest = ingest
        self._job = job
        self._count = job.resumed.signals if job.resumed is not None else 0

    def put(self, lifecycle: str, data: Mapping[str, Any], *, cause_id: str | None = None) -> None:
        """Queue one signal; never waits. `cause_id` replaces the effect's own cause."""
        job = self._job
        cause = cause_id or job.cause_id
        extensions: dict[str, Any] = {"contract_major": CONTRACT_MAJOR}
        if cause is not None:
            extensions["cause_id"] = cause
        self._ingest.put(
            make_signal(
                id=f"{job.effect_id}/{self._count}",
                type=f"{EFFECT_PREFIXES[job.effect_class]}.{lifecycle}",
                source=f"/runtime/effects/{job.effect_class}",
                subject=job.conversation_id,
                time_us=self._ingest.clock_us(),
                data=data,
                extensions=extensions,
            )
        )
        self._count += 1

    async def flush(self) -> None:
        """Return when everything put so far is durable."""
        await self._ingest.flush()
