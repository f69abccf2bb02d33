"""Streams and answers over HTTP, the same for every protocol and both HTTP libraries: one call, one request.

A protocol says how a request is sent (`_ask`) and how its answer is decoded (`_decoder`); reading, ending, closing and
the sorting of failures are here.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, ClassVar, Protocol, cast

import msgspec
from anyio import CancelScope, current_time, move_on_after

from ...llm.error import LLMError
from ...llm.event import LLMEvent
from ...llm.request import LLMRequest
from ...llm.result import LLMResult
from .decoder import AnswerDecoder
from .errors import error_in, malformed, sdk_error, stream_error
from .sse import EventFramer
from .stream import LiveStream

CONNECT_LIMIT_S = 30.0
CLOSE_LIMIT_S = 2.0
DRAIN_LIMIT_S = 0.25
SETTLE_LIMIT_S = 2.0
"""How long a stream that is whole waits for what may still follow: its usage, its `[DONE]`, the end of the body."""
MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
EFFECT_HEADER = "x-jido-effect"
_UNREADABLE = (LookupError, TypeError, AttributeError, ValueError, msgspec.DecodeError)
_JSON, _EVENTS = "application/json", "text/event-stream"


class Response(Protocol):
    """What the responses of `httpx` and `httpx2` have in common."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    def aiter_bytes(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


class HttpProvider(ABC):
    """One connection to one API. One call of `stream` or `start` is one request on the wire."""

    request_id_header: ClassVar[str]
    rate_limit_prefix: ClassVar[str]

    def __init__(self, name: str, secrets: Iterable[str], *, loopback: bool = False) -> None:
        self.name = name
        self._secrets = tuple(secrets)
        self._loopback = loopback

    @abstractmethod
    async def _ask(self, request: LLMRequest, model: str) -> Response:
        """Send the request; the response when its headers have come. Raises for an error status."""

    @abstractmethod
    def _decoder(self, backend: str, facts: Mapping[str, Any]) -> AnswerDecoder: ...

    @abstractmethod
    async def _disconnect(self) -> None: ...

    async def close(self) -> None:
        """Close all connections, in bounded time."""
        with move_on_after(CLOSE_LIMIT_S, shield=True):
            await self._disconnect()

    @asynccontextmanager
    async def stream(self, request: LLMRequest, model: str, execution_ref: str) -> AsyncIterator[LiveStream]:
        """Ask and stream; see `Backend.stream`."""
        request = request if request.stream else request.model_copy(update={"stream": True})
        response, decoder = await self._opened(request, model)
        live = LiveStream(execution_ref, response.aclose)
        body = _body(response)
        live.events = self._events(live, response, body, decoder)
        try:
            yield live
        finally:
            with move_on_after(CLOSE_LIMIT_S, shield=True):
                if decoder.ended and not live.canceled:
                    await _drain(body)
                await live.events.aclose()
                await shut(body, response)

    async def start(self, request: LLMRequest, model: str) -> LLMResult:
        """Ask and wait; see `Backend.start`."""
        response, decoder = await self._opened(request.model_copy(update={"stream": False}), model)
        body = _body(response)
        try:
            found = media_type(response)
            if found != _JSON:
                raise _wrong_type(found, _JSON)
            return decoder.whole(msgspec.json.decode(await read_all(body, MAX_BODY_BYTES)))
        except _UNREADABLE as error:
            raise self._error(malformed(f"the body is no answer: {_shown(error)}")) from None
        except Exception as error:
            raise self._error(error) from None
        finally:
            await shut(body, response)

    async def _opened(self, request: LLMRequest, model: str) -> tuple[Response, AnswerDecoder]:
        try:
            response = await self._ask(request, model)
        except Exception as error:
            raise self._error(error) from None
        return response, self._decoder(request.backend, self._facts(response.headers))

    async def _events(
        self, live: LiveStream, response: Response, body: AsyncGenerator[bytes, None], decoder: AnswerDecoder
    ) -> AsyncGenerator[LLMEvent, None]:
        framer = EventFramer()
        try:
            found = media_type(response)
            if found != _EVENTS:
                raise await _no_stream(found, body)
            yield decoder.started(
                execution_ref=live.execution_ref, request_id=response.headers.get(self.request_id_header)
            )
            try:
                async for chunk in body:
                    for event in _decoded(chunk, framer, decoder):
                        yield event
                    if decoder.complete:
                        break
                settled_at = current_time() + SETTLE_LIMIT_S
                while not decoder.ended and (more := await _before(settled_at, body)):
                    for event in _decoded(more, framer, decoder):
                        yield event
                if decoder.ended:
                    return
            except Exception as error:
                # Of an answer that is whole, a connection that breaks takes nothing away.
                if isinstance(error, LLMError) or live.canceled or not decoder.complete:
                    raise
            for event in decoder.finish():
                yield event
        except Exception as error:
            if live.canceled:
                raise decoder.with_remains(LLMError("canceled", "the stream was canceled")) from None
            raise decoder.with_remains(self._error(error)) from None

    def _facts(self, headers: Mapping[str, str]) -> dict[str, Any]:
        prefix = self.rate_limit_prefix
        limits = {name.removeprefix(prefix): value for name, value in headers.items() if name.startswith(prefix)}
        return {"request_id": headers.get(self.request_id_header), "rate_limits": limits}

    def _effect_header(self, request: LLMRequest) -> dict[str, str]:
        """Tells the simulator, and nobody else, which effect asks, so that it can count attempts."""
        effect_id = request.metadata.get("effect_id")
        return {EFFECT_HEADER: str(effect_id)} if self._loopback and effect_id else {}

    def _error(self, error: BaseException) -> LLMError:
        return sdk_error(error, time.time()).scrubbed(self._secrets)


def _decoded(chunk: bytes, framer: EventFramer, decoder: AnswerDecoder) -> Iterator[LLMEvent]:
    """The events of one chunk of the body, up to the last one of the answer."""
    read = decoder.read
    for data in framer.feed(chunk):
        try:
            events = read(data)
        except _UNREADABLE as error:
            raise malformed(f"an event of the stream cannot be read: {_shown(error)}") from None
        yield from events
        if decoder.ended:
            return


async def _before(deadline: float, body: AsyncIterator[bytes]) -> bytes | None:
    """The next chunk; None when the body ends, or nothing has come at `deadline`, on the loop's clock."""
    with CancelScope(deadline=deadline):
        return await anext(body, None)
    return None


def media_type(response: Response) -> str:
    """The content type without its parameters, in lower case; empty when the response names none."""
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_all(body: AsyncIterator[bytes], limit: int) -> bytes:
    """The whole body.

    Raises:
        LLMError: `transport`; it is longer than `limit` bytes.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in body:
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise malformed(f"the body is larger than {limit} bytes")
    return b"".join(chunks)


async def shut(body: AsyncGenerator[bytes, None], response: Response) -> None:
    """Close both, in bounded time, also when canceled."""
    with move_on_after(CLOSE_LIMIT_S, shield=True):
        try:
            await response.aclose()
        finally:
            # Closing it would leave the generators below it to the garbage collector: neither library closes all of
            # them. Whoever reads on from a closed connection fails, from the innermost to the outermost.
            with suppress(Exception):
                async for _ in body:
                    pass


async def _no_stream(found: str, body: AsyncIterator[bytes]) -> LLMError:
    """The error of an answer that should be a stream: some servers report theirs as JSON with status 200."""
    if found == _JSON:
        try:
            record = msgspec.json.decode(await read_all(body, MAX_ERROR_BYTES))
        except (msgspec.DecodeError, LLMError):
            record = None
        if isinstance(record, dict) and error_in(record):
            return stream_error(record)
    return _wrong_type(found, _EVENTS)


def _wrong_type(found: str, expected: str) -> LLMError:
    return malformed(f"the answer is {found or 'of no type'!r} instead of {expected!r}", content_type=found)


def _body(response: Response) -> AsyncGenerator[bytes, None]:
    # Both libraries promise an iterator and give a generator, which has to be closed.
    return cast("AsyncGenerator[bytes, None]", response.aiter_bytes())


async def _drain(body: AsyncIterator[bytes]) -> None:
    """Read the few bytes after the last event, so that the connection goes back to the pool instead of being closed."""
    with move_on_after(DRAIN_LIMIT_S):
        try:
            async for _ in body:
                pass
        except Exception:  # noqa: S110  the answer is complete; all that is lost is a connection
            pass


def _shown(error: BaseException) -> str:
    return f"{type(error).__name__} {error}"[:200]
