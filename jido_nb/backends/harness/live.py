"""One run of an agent while it is read: its process, its decoder, and the one ending that counts.

Rule 1: a cancel that was asked for wins over whatever the agent says or how it exits after that.
Rule 2: else the agent's terminal record counts, and only together with a process that ends well: a success record
        before a non-zero exit code is no success. An exit code alone is never one.
Rule 3: a process that does not end after its success record is ended, and that takes nothing from the answer.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import anyio
import msgspec

from ...llm.error import LLMError
from ...llm.event import TERMINAL, LLMEvent
from .agent import Decoder, Run
from .lines import LineFramer
from .process import AgentProcess, Exit
from .sessions import Session, told

LAST_WORDS_S = 0.5
"""How long a cancel waits until what the agent said while it ended has been read."""
_parse = msgspec.json.Decoder().decode


@dataclass
class LiveRun:
    """`events` is what the reader iterates over; `cancel` and `close` end the process."""

    run: Run
    decoder: Decoder
    process: AgentProcess
    secrets: tuple[str, ...] = field(default=(), repr=False)
    completed: LLMEvent | None = None
    canceled: bool = False
    error: LLMError | None = None
    """Why it failed."""
    _read: anyio.Event | None = None
    """While it is being read; set when that is over."""

    async def cancel(self) -> Exit:
        """End it the agent's own way first; the reader gets an `LLMError` of category `canceled`.

        Returns when the reader has been told what the run has cost, or does not read on.
        """
        self.canceled = True
        exit = await self.process.stop(self._interrupt)
        if self._read is not None:
            with anyio.move_on_after(LAST_WORDS_S):
                await self._read.wait()
        return exit

    async def close(self) -> Exit:
        """End what is still there; nothing of it is alive afterwards."""
        if self.process.exit is None and self.completed is None:
            self.canceled = True
        return await self.process.stop(self._interrupt)

    async def _interrupt(self) -> bool:
        words = self.decoder.interrupt()
        if words is None:
            return False
        await self.process.send(words)
        # All has been said: what a protocol with two directions answers to it is not waited for.
        await self.process.hang_up()
        return True

    async def events(self) -> AsyncGenerator[LLMEvent, None]:
        """`started`, ..., `completed`.

        Raises:
            LLMError: any other ending; an event before it says what the run has cost.
        """
        self._read = anyio.Event()
        try:
            async with aclosing(self._until_completed()) as events:
                async for event in events:
                    yield event
        except LLMError:
            for event in self.decoder.last_words():
                yield self._noted(event)
            raise
        finally:
            self._read.set()

    async def _until_completed(self) -> AsyncGenerator[LLMEvent, None]:
        yield self._noted(self.decoder.begin())
        for words in self.decoder.opening():
            await self.process.send(words)
        ending: LLMEvent | None = None
        async with aclosing(self._records()) as records:
            async for event in records:
                if event.lifecycle in TERMINAL:
                    ending = event
                    break
                yield event
        if ending is not None:
            await self._drain_until_exit()
        exit = await self.process.finish()
        if self.canceled:
            raise self._error(LLMError.of("canceled", "the run was canceled", rung=exit.rung))
        if ending is None:
            raise self._error(self.decoder.failure(exit))
        if ending.lifecycle != "completed" or ending.result is None:
            raise self._error(ending.error or LLMError("unknown", "the agent failed without a reason"))
        if exit.returncode != 0 and exit.rung == "exited":
            raise self._error(self.decoder.failure(exit))
        known = {**ending.result.metadata, **self._note(ending.result.text)}
        result = ending.result.model_copy(update={"metadata": known})
        self.completed = msgspec.structs.replace(ending, result=result)
        yield self.completed

    async def _records(self) -> AsyncGenerator[LLMEvent, None]:
        framer = LineFramer(self.run.settings.max_line_bytes)
        started = False
        limit_s = self.run.settings.start_timeout_ms / 1000
        while True:
            resting = self.decoder.at_rest
            with anyio.move_on_after(self.process.grace.exit_s if resting else None if started else limit_s) as clock:
                chunk = await self.process.receive()
            if clock.cancelled_caught and resting:
                for event in self.decoder.rest():
                    yield event
                return
            if clock.cancelled_caught:
                message = f"the agent {self.run.agent!r} said nothing within {limit_s:g} s"
                raise self._error(LLMError.of("timeout", message, which="start", limit_ms=limit_s * 1000))
            try:
                lines = framer.feed(chunk) if chunk else [framer.tail()]
            except LLMError as error:
                raise self._error(error) from None
            for line in lines:
                if not line:
                    continue
                started = True
                for event in self._decode(line):
                    yield event
                for words in self.decoder.replies():
                    await self.process.send(words)
            if not chunk:
                if self.decoder.at_rest:
                    for event in self.decoder.rest():
                        yield event
                return

    def _decode(self, line: bytes) -> list[LLMEvent]:
        try:
            record = parse_line(line)
        except ValueError:
            record = None
        events = self.decoder.decode(record) if isinstance(record, dict) else self.decoder.unreadable(line)
        # An agent that has booted says more about itself; a stream has one beginning, and that was told.
        return [
            self._noted(msgspec.structs.replace(event, lifecycle="delta")) if event.lifecycle == "started" else event
            for event in events
        ]

    def _noted(self, event: LLMEvent) -> LLMEvent:
        return msgspec.structs.replace(event, metadata={**event.metadata, **self._note()})

    def _note(self, answer: str | None = None) -> dict[str, Any]:
        """What the journal is to keep of the session, as `session`; nothing while it has no name."""
        if self.decoder.session_id is None:
            return {}
        run, known = self.run, told(self.run.request.messages, answer)
        session = Session(self.decoder.session_id, known, self.decoder.session_totals)
        return {"session": session.note((run.agent, run.cwd))}

    async def _drain_until_exit(self) -> None:
        """What comes after the last record is not read, but a process with a full pipe could not end."""
        with anyio.move_on_after(self.process.grace.exit_s):
            await self.process.hang_up()
            while await self.process.receive():
                pass

    def _error(self, error: LLMError) -> LLMError:
        remains = getattr(self.decoder, "with_remains", None)
        if remains is not None:
            error = remains(error)
        self.error = error.scrubbed(self.secrets)
        return self.error


def parse_line(line: bytes) -> Any:
    """The JSON value of a line; lone surrogates, which some agents write, are let through by the slower parser.

    Raises:
        ValueError: it holds none.
    """
    try:
        return _parse(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(line.decode("utf-8", "replace"))
