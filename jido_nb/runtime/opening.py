"""Opens a runtime over a journal and closes what it opened, in order."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread
from anyio.abc import TaskStatus
from anyio.lowlevel import checkpoint

from ..journal.open import open_journal
from ..journal.protocol import Journal
from ..llm.settings import Settings
from ..settings import load_settings
from .clock import SYSTEM_CLOCK, Clock
from .owners import Owners
from .reading import Reading
from .runtime import Runtime, Tools
from .tracing import traced


@asynccontextmanager
async def open_runtime(
    settings: Settings | Mapping[str, Any] | None = None,
    journal: str | Path | Journal | None = None,
    *,
    tools: Tools | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> AsyncIterator[Runtime]:
    """Open a journal and run conversations over it; leaving the block ends what runs and closes everything.

    Args:
        settings: None: from files and the environment (see `jido_nb.settings`).
        journal: Path, URL, a Journal (which stays open), or None: the settings' journal, else in memory.
        tools: Python functions that tool effects may run, by name.
        clock: What limits, waits and timers go by. A test may hold it still (`jido_nb.testing.manual_clock`).

    Raises:
        ConfigError: a setting is wrong.
        JournalError: the journal cannot be opened.
    """
    loaded = load_settings(settings)
    source = journal if journal is not None else loaded.journal
    opened = source if isinstance(source, Journal) else await to_thread.run_sync(open_journal, source)
    reading = Reading(opened)
    owners: Owners | None = None
    try:
        owners = await reading(partial(Owners, reading))
        failure: BaseException | None = None
        async with anyio.create_task_group() as tasks:
            try:
                runtime = await tasks.start(_live, loaded, owners, tools, clock, name="jido runtime")
                with traced(runtime.bus, loaded):
                    try:
                        yield runtime
                    finally:
                        await runtime.close()
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as error:
                # Raised again below: a group would wrap what the caller's own block raised.
                failure = error
        if failure is not None:
            raise failure
    finally:
        with anyio.CancelScope(shield=True):
            if owners is not None:
                await to_thread.run_sync(owners.close) if opened.blocking else owners.close()
            reading.close()
            if opened is not source:
                await to_thread.run_sync(opened.close)


async def _live(
    settings: Settings, owners: Owners, tools: Tools | None, clock: Clock, *, task_status: TaskStatus[Runtime]
) -> None:
    """Run a runtime until it is closed.

    A task of its own, shielded: whatever cancels the caller's block must not cancel the writer, the partitions and the
    effects with it, because it is they who write down how everything ended.
    """
    failure: BaseException | None = None
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            try:
                runtime = Runtime(tasks, settings, owners, tools, clock)
                await runtime.recordings.use(settings.recording)
                await runtime.open()
                task_status.started(runtime)
                await checkpoint()  # where a caller that was canceled while it waited for `started` ends this task
                scope.shield = True
                await runtime.over.wait()
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as error:
                failure = error
            finally:
                tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
