"""A stream of chat completions through the backend beside a bare `httpx` loop over the same stream, in one run."""

import json
import statistics
import time

import httpx

from jido_nb.backends.registry import open_backend
from jido_nb.llm.backend import Backend
from jido_nb.llm.request import LLMRequest
from jido_nb.llm.settings import Settings

from .row import Row
from .simulator_process import simulator_process

ROUNDS = 9
MODELS = {"burst-200": 200, "burst-2000": 2000}
HELLO = [{"role": "user", "content": "hello"}]


async def measure(full: bool) -> list[Row]:
    with simulator_process() as url:
        providers = {"simulated_openai": {"base_url": f"{url}/v1"}}
        settings = Settings.model_validate({"llm": {"backends": {"jido_ai": {"providers": providers}}}})
        async with open_backend("jido_ai", settings) as backend, httpx.AsyncClient(base_url=url) as http:
            return [await _cpu(http, backend, model, chunks) for model, chunks in MODELS.items()]


async def _cpu(http: httpx.AsyncClient, backend: Backend, model: str, chunks: int) -> Row:
    request = LLMRequest.model_validate(
        {
            "request_id": "r",
            "conversation_id": "c",
            "backend": "jido_ai",
            "messages": HELLO,
            "model": f"simulated_openai:{model}",
        }
    )

    async def bare() -> None:
        count = 0
        body = {"model": model, "messages": HELLO, "stream": True}
        async with http.stream("POST", "/v1/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    count += bool(json.loads(line[6:])["choices"][0]["delta"].get("content"))
        assert count == chunks

    async def ours() -> None:
        count = 0
        async with backend.stream(request) as events:
            async for event in events:
                count += bool(event.delta)
        assert count == chunks

    cpu: dict[str, list[float]] = {"bare": [], "ours": []}
    for _ in range(ROUNDS):
        for name, way in (("bare", bare), ("ours", ours)):
            before = time.process_time()
            await way()
            cpu[name].append((time.process_time() - before) / chunks * 1e6)
    base, own = statistics.median(cpu["bare"][1:]), statistics.median(cpu["ours"][1:])
    return Row(
        f"CPU per chunk of the openai backend over a bare httpx loop ({model})",
        "<= 1.3x",
        f"{own / base:.2f}x ({own:.1f} µs against {base:.1f} µs, median of {ROUNDS - 1})",
    )
