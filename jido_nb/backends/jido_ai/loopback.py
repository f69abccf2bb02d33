"""The simulator that newcomers talk to: it starts with the first request that needs it."""

import anyio
from anyio.abc import TaskGroup, TaskStatus

LOG = 100
"""Requests that its page of requests tells of."""


class Loopback:
    """Starts one simulator in `tasks`, which also ends it."""

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self._url: str | None = None

    async def url(self) -> str:
        """Its base URL, such as `http://127.0.0.1:41234`. Not to be called twice at once."""
        if self._url is None:
            self._url = await self._tasks.start(self._serve)
        return self._url

    async def _serve(self, *, task_status: TaskStatus[str]) -> None:
        from ...simulator.server import serve  # a web server that nobody needs who talks to real models

        async with serve(keep=LOG, body_limit=0) as simulator:
            task_status.started(simulator.url)
            await anyio.sleep_forever()
