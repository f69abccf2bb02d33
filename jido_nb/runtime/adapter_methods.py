"""The adapters as methods: build the raw signal, ingest it."""

from collections.abc import Mapping
from typing import Any, Protocol

from . import adapters
from .adapters import Payload, Raw
from .ingest import Receipt


class _Ingesting(Protocol):
    async def ingest(self, raw: Raw, cause_id: str | None = None) -> Receipt: ...


class AdapterMethods:
    """`ingest_*` for the sources of `adapters.py`; all return a Receipt and raise ContractError."""

    async def ingest_message(
        self: _Ingesting,
        conversation_id: str,
        message_id: str,
        ingress: str,
        payload: Payload = None,
        *,
        cause_id: str | None = None,
    ) -> Receipt:
        return await self.ingest(adapters.message_received(conversation_id, message_id, ingress, payload), cause_id)

    async def ingest_channel_message(
        self: _Ingesting, message: Mapping[str, Any], *, cause_id: str | None = None
    ) -> Receipt:
        return await self.ingest(adapters.channel_message(message), cause_id)

    async def ingest_abort(
        self: _Ingesting, conversation_id: str, control_id: str, payload: Payload = None, *, cause_id: str | None = None
    ) -> Receipt:
        return await self.ingest(adapters.abort(conversation_id, control_id, payload), cause_id)

    async def ingest_stop(
        self: _Ingesting, conversation_id: str, control_id: str, payload: Payload = None, *, cause_id: str | None = None
    ) -> Receipt:
        return await self.ingest(adapters.stop(conversation_id, control_id, payload), cause_id)

    async def ingest_cancel(
        self: _Ingesting, conversation_id: str, control_id: str, payload: Payload = None, *, cause_id: str | None = None
    ) -> Receipt:
        return await self.ingest(adapters.cancel(conversation_id, control_id, payload), cause_id)

    async def ingest_tick(
        self: _Ingesting, conversation_id: str, tick_id: str, payload: Payload = None, *, cause_id: str | None = None
    ) -> Receipt:
        return await self.ingest(adapters.tick(conversation_id, tick_id, payload), cause_id)

    async def ingest_llm(
        self: _Ingesting,
        conversation_id: str,
        effect_id: str,
        lifecycle: str,
        payload: Payload = None,
        *,
        cause_id: str | None = None,
    ) -> Receipt:
        return await self.ingest(adapters.llm_lifecycle(conversation_id, effect_id, lifecycle, payload), cause_id)

    async def ingest_tool(
        self: _Ingesting,
        conversation_id: str,
        effect_id: str,
        lifecycle: str,
        payload: Payload = None,
        *,
        cause_id: str | None = None,
    ) -> Receipt:
        return await self.ingest(adapters.tool_lifecycle(conversation_id, effect_id, lifecycle, payload), cause_id)

    async def ingest_output(
        self: _Ingesting,
        conversation_id: str,
        type: str,
        output_id: str,
        channel: str,
        payload: Payload = None,
        *,
        cause_id: str | None = None,
    ) -> Receipt:
        return await self.ingest(adapters.output(conversation_id, type, output_id, channel, payload), cause_id)
