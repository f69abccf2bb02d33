import json
from typing import Any

import anyio
import httpx2
import pytest
from anyio.abc import SocketStream

from jido_nb.simulator import server as module
from jido_nb.simulator.catalogue import CATALOGUE
from jido_nb.simulator.exchange import Exchange
from jido_nb.simulator.scenario import Answer, Page, Scenario, Status
from jido_nb.simulator.server import serve
from jido_nb.simulator.steps import Block, Hold, Reset, Stall, StreamError, Truncate

pytestmark = pytest.mark.anyio
LIMIT_S = 10


async def dial(url: str) -> SocketStream:
    host, port = url.removeprefix("http://").split(":")
    return await anyio.connect_tcp(host, int(port))


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")


@pytest.mark.parametrize("name", ["thinking", "tools", "echo", "international", "hostile", "burst-2000", "empty"])
async def test_models_answer_over_a_socket(name: str, ask: Any, client: Any, events: Any) -> None:
    async with serve() as server, client(server.url) as http:
        async with events(http, ask(name)) as stream:
            got = [event async for event in stream]
        assert got[-1] == {"type": "message_stop"}
        (attempt,) = CATALOGUE[name].attempts
        if isinstance(attempt, Answer):
            assert text_of(got) == attempt.text
        whole = (await http.post("/v1/messages", json=ask(name))).json()
        assert "".join(block.get("text", "") for block in whole["content"]) == text_of(got)
        assert server.statistics()["connections"] == {"open": 1, "accepted": 1}


async def test_flaky_models_count_each_effect_on_its_own(ask: Any, client: Any) -> None:
    async with serve() as server, client(server.url) as http:

        async def statuses(effect: str | None, text: str = "hi") -> list[int]:
            headers = {"x-jido-effect": effect} if effect else {}
            posts = [await http.post("/v1/messages", json=ask("flaky-503", text), headers=headers) for _ in range(4)]
            return [post.status_code for post in posts]

        assert await statuses("e1") == [503, 503, 200, 200]
        assert await statuses("e2") == [503, 503, 200, 200]
        assert [request.attempt for request in server.requests] == [1, 2, 3, 4] * 2
        assert {request.effect for request in server.requests} == {"e1", "e2"}
        # Who names no effect is known by its words, and after an answer the same words are a new question.
        assert await statuses(None) == [503, 503, 200, 503]


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (Status(429, retry_after_s=2), {"retry-after": "2"}),
        (Status(429, retry_after_s=0.5), {"retry-after": "0.5"}),
        (Status(429, retry_after_ms=150), {"retry-after-ms": "150"}),
        (Status(529, headers=(("x-should-retry", "true"),)), {"x-should-retry": "true"}),
    ],
)
async def test_a_status_tells_when_to_come_back(status: Status, headers: dict[str, str], ask: Any, client: Any) -> None:
    async with serve() as server, client(server.url) as http:
        server.add("m", Scenario.always(status))
        response = await http.post("/v1/messages", json=ask("m", stream=True))
        assert response.status_code == status.code
        assert headers.items() <= dict(response.headers).items()
        assert response.headers["request-id"] == response.json()["request_id"]


async def test_a_retry_date_is_a_date_in_the_future(ask: Any, client: Any) -> None:
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    async with serve() as server, client(server.url) as http:
        server.add("m", Scenario.always(Status(503, retry_after_date_s=60)))
        before = datetime.now(UTC)
        response = await http.post("/v1/messages", json=ask("m"))
        wait = (parsedate_to_datetime(response.headers["retry-after"]) - before).total_seconds()
        assert 60 <= wait < 65


@pytest.mark.parametrize("stream", [False, True])
async def test_an_unknown_model_is_not_found_and_the_closest_is_named(stream: bool, ask: Any, client: Any) -> None:
    async with serve() as server, client(server.url) as http:
        response = await http.post("/v1/messages", json=ask("storry", stream=stream))
        assert response.status_code == 404
        error = {"type": "not_found_error", "message": "model: storry. Did you mean 'story'?"}
        assert response.json()["error"] == error


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x-api-key": "wrong"}, 401),
        ({"x-api-key": "open-sesame"}, 200),
        ({"authorization": "Bearer open-sesame"}, 200),
    ],
)
async def test_only_scenarios_that_say_so_ask_for_a_key(
    headers: dict[str, str], status: int, ask: Any, client: Any
) -> None:
    async with serve() as server, client(server.url) as http:
        assert (await http.post("/v1/messages", json=ask("needs-key"), headers=headers)).status_code == status
        assert (await http.post("/v1/messages", json=ask("empty"), headers=headers)).status_code == 200
        assert "sesame" not in repr(server.requests)
        assert all(server.requests[0].headers[name] == "<hidden>" for name in headers)


FAULTS: list[tuple[Any, type[Exception] | None, str]] = [
    (Reset(), httpx2.ReadError, "scenario"),
    (Truncate(clean=False), httpx2.RemoteProtocolError, "scenario"),
    (Truncate(), None, "eof"),
    (StreamError("api_error", "oops"), None, "eof"),
]


@pytest.mark.parametrize(("fault", "error", "reason"), FAULTS)
async def test_a_stream_breaks_as_its_scenario_says(
    fault: Any, error: type[Exception] | None, reason: str, ask: Any, client: Any, events: Any
) -> None:
    async with serve() as server:
        server.add("m", Scenario.text("a b c d", pause_ms=1).breaking(fault, after=3))
        got: list[dict[str, Any]] = []
        raised: Exception | None = None
        async with client(server.url) as http:
            try:
                async with events(http, ask("m")) as stream:
                    async for event in stream:
                        got += [event]
            except httpx2.HTTPError as caught:
                raised = caught
        assert text_of(got) == "a b c"
        assert type(raised) is (error or type(None))
        assert got[-1]["type"] == ("error" if isinstance(fault, StreamError) else "content_block_delta")
        exchange = server.requests[0]
        with anyio.fail_after(LIMIT_S):
            await exchange.closed.wait()
        assert (exchange.outcome, exchange.close_reason) == ("broken", reason)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("attempt", "error"),
    [(Reset(), httpx2.ReadError), (Truncate(clean=False), httpx2.RemoteProtocolError), (Stall(), httpx2.ReadTimeout)],
)
async def test_a_connection_breaks_before_any_header(
    attempt: Any, error: type[Exception], stream: bool, ask: Any, client: Any
) -> None:
    async with serve() as server, client(server.url, timeout=0.1 if isinstance(attempt, Stall) else 10) as http:
        server.add("m", Scenario.always(attempt))
        with pytest.raises(error):
            await http.post("/v1/messages", json=ask("m", stream=stream))
        assert server.requests[0].status is None


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Reset(), httpx2.ReadError),
        (Truncate(clean=False), httpx2.RemoteProtocolError),
        (Stall(), httpx2.ReadTimeout),
        (StreamError(), 529),
        (StreamError("rate_limit_error"), 429),
        (Truncate(), 200),
    ],
)
async def test_a_fault_spoils_a_body_that_is_not_streamed(fault: Any, outcome: Any, ask: Any, client: Any) -> None:
    async with serve() as server, client(server.url, timeout=0.2 if isinstance(fault, Stall) else 10) as http:
        server.add("m", Scenario.text("a b").breaking(fault, after=1))
        if isinstance(outcome, type):
            with pytest.raises(outcome):
                await http.post("/v1/messages", json=ask("m"))
            return
        response = await http.post("/v1/messages", json=ask("m"))
        assert response.status_code == outcome
        if outcome == 200:
            with pytest.raises(json.JSONDecodeError):
                response.json()


@pytest.mark.parametrize("page", [Page(), Page("<h1>Bad Gateway</h1>", code=502)])
async def test_a_page_is_not_of_the_protocol(page: Page, ask: Any, client: Any) -> None:
    async with serve() as server, client(server.url) as http:
        server.add("m", Scenario.always(page))
        response = await http.post("/v1/messages", json=ask("m", stream=True))
        assert (response.status_code, response.text) == (page.code, page.body)
        assert response.headers["content-type"] == page.content_type


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario.text("a b c", pause_ms=1).breaking(Stall(), after=2),
        Scenario.text("a b c", pause_ms=1).breaking(Stall(ping_ms=5), after=2),
        Scenario.text(["a ", "b ", *["word "] * 100_000], pause_ms=1),
        Scenario.text(["a ", "b ", *["word " * 1000] * 20_000]).answering(split=True),
    ],
    ids=["stalled", "pinging", "pausing", "full"],
)
async def test_a_client_that_leaves_is_noticed_at_once(scenario: Scenario, ask: Any) -> None:
    """Also while the server waits, pings, or cannot send because nobody reads."""
    body = json.dumps(ask("m", stream=True)).encode()
    async with serve() as server:
        server.add("m", scenario)
        async with await dial(server.url) as stream:
            await stream.send(b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\n")
            await stream.send(f"content-length: {len(body)}\r\n\r\n".encode() + body)
            seen = b""
            while b"b" not in b"".join(seen.split(b'"text":"')[2:]):
                seen += await stream.receive()
        exchange = await server.arrived(1)
        with anyio.fail_after(LIMIT_S):
            await exchange.closed.wait()
        assert (exchange.outcome, exchange.closed_by) == ("client_closed", "client")
        assert exchange.ended_s is not None
        assert exchange.ended_s >= exchange.arrived_s
        assert server.statistics()["streaming"] == 0


async def test_what_is_held_comes_when_it_is_released(ask: Any, client: Any, events: Any) -> None:
    async with serve() as server, client(server.url) as http:
        release = anyio.Event()
        server.add("m", Scenario.text(["a ", Hold(release), "b"]))
        async with events(http, ask("m")) as stream:
            got = [await anext(stream)]
            while not text_of(got):
                got.append(await anext(stream))
            with anyio.move_on_after(0.05):
                got.append(await anext(stream))
            assert text_of(got) == "a "
        async with events(http, ask("m")) as stream:
            got = []
            async for event in stream:
                got.append(event)
                if text_of(got):
                    release.set()
        assert text_of(got) == "a b"
        assert got[-1] == {"type": "message_stop"}


async def test_a_client_that_leaves_before_the_headers_is_noticed(ask: Any, client: Any) -> None:
    async with serve() as server, client(server.url) as http, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: http.post("/v1/messages", json=ask("stall-headers")))
        exchange = await server.arrived(1)
        assert not exchange.closed.is_set()
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True), anyio.fail_after(LIMIT_S):
            await exchange.closed.wait()
        assert exchange.outcome == "client_closed"


async def test_a_kept_connection_carries_many_requests(ask: Any, client: Any) -> None:
    async with serve(keep=3) as server:
        async with client(server.url) as http:
            for _ in range(5):
                assert (await http.post("/v1/messages", json=ask("empty"))).status_code == 200
        assert [request.number for request in server.requests] == [3, 4, 5]
        with anyio.fail_after(LIMIT_S):
            await server.requests[-1].closed.wait()
        assert server.requests[-1].close_reason == "eof"
        assert server.statistics()["connections"] == {"open": 0, "accepted": 1}
        with pytest.raises(LookupError, match="keeps 3"):
            await server.arrived(1)


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/v1/messages", b"{", 400),
        ("POST", "/v1/messages", b"{}", 400),
        ("GET", "/v1/messages", b"", 405),
        ("POST", "/v2/messages", b"{}", 404),
        ("GET", "/", b"", 200),
        ("GET", "/v1/models", b"", 200),
        ("GET", "/simulator/statistics", b"", 200),
        ("GET", "/simulator/requests?x=1", b"", 200),
    ],
)
async def test_other_requests_get_a_json_answer(
    method: str, path: str, content: bytes, status: int, client: Any
) -> None:
    async with serve() as server, client(server.url) as http:
        response = await http.request(method, path, content=content)
        assert response.status_code == status
        assert response.json()
        assert (await http.get("/")).status_code == 200


async def raw(url: str, data: bytes) -> bytes:
    """What a server says to these bytes, up to its end of the connection."""
    received = b""
    async with await dial(url) as stream:
        await stream.send(data)
        with anyio.fail_after(LIMIT_S):
            async for chunk in stream:
                received += chunk
    return received


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00 not http at all\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 100_000, 431),
        (b"GET / HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n", 403),
        (b"GET / HTTP/1.1\r\nhost: localhost:1\r\nconnection: close\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\nhost: [::1]:1\r\nconnection: close\r\n\r\n", 200),
        (b"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 99999999\r\n\r\n" + b"x" * 33_600_000, 413),
    ],
    ids=["garbage", "long", "foreign", "localhost", "six", "large"],
)
async def test_bad_and_foreign_requests_end_in_an_error_and_not_in_a_hang(data: bytes, status: int) -> None:
    async with serve() as server:
        assert (await raw(server.url, data)).startswith(f"HTTP/1.1 {status} ".encode())


async def test_a_client_may_wait_for_100_continue() -> None:
    body = json.dumps({"model": "empty", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}).encode()
    head = b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nexpect: 100-continue\r\n"
    async with serve() as server, await dial(server.url) as stream:
        await stream.send(head + f"content-length: {len(body)}\r\n\r\n".encode())
        with anyio.fail_after(LIMIT_S):
            assert (await stream.receive()).startswith(b"HTTP/1.1 100 ")
            await stream.send(body)
            assert (await stream.receive()).startswith(b"HTTP/1.1 200 ")


async def test_the_log_tells_what_was_asked(ask: Any, client: Any) -> None:
    ended: list[Exchange] = []
    async with serve(on_end=ended.append) as server, client(server.url) as http:
        await http.post("/v1/messages", json=ask("empty", temperature=0.25))
        exchange = await server.arrived(1)
        await exchange.ended.wait()
        assert ended == [exchange]
        assert exchange.body is not None
        assert exchange.body["temperature"] == 0.25
        assert (exchange.model, exchange.stream, exchange.attempt, exchange.status) == ("empty", False, 1, 200)
        assert exchange.outcome == "completed"
        assert exchange.bytes_sent > 100
        await http.post("/v1/messages", json=ask("empty", "long " * 20_000))
        assert (await server.arrived(2)).body is None
        assert server.statistics()["models"] == {"empty": 2}


async def test_chunks_come_one_by_one_at_their_rate(ask: Any, client: Any, events: Any) -> None:
    async with serve() as server, client(server.url) as http:
        server.add("m", Scenario.text(["x"] * 20, pause_ms=10))
        begin = anyio.current_time()
        async with events(http, ask("m")) as stream:
            kinds = [(event["type"], anyio.current_time() - begin) async for event in stream]
        times = [at for kind, at in kinds if kind == "content_block_delta"]
        assert len(times) == 20
        # Never early; how late depends on the machine.
        assert all(at > 0.009 * (number + 1) for number, at in enumerate(times))


async def test_a_fault_of_the_simulator_shows_in_the_log_and_ends_nothing_else(
    ask: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as server, client(server.url) as http:
        server.add("bad", Scenario.answer(Block("this is not JSON")))
        with pytest.raises(httpx2.HTTPError):
            await http.post("/v1/messages", json=ask("bad"))
        await server.requests[0].closed.wait()
        assert server.requests[0].outcome == "failed"
        assert isinstance(server.requests[0].error, json.JSONDecodeError)
        assert (await http.post("/v1/messages", json=ask("empty"))).status_code == 200
    assert "the simulator failed" in caplog.text


def test_the_server_speaks_on_the_path_of_each_protocol() -> None:
    paths = [wire.path for wire in module.WIRES]
    assert len(paths) == len(set(paths))


async def test_to_head_there_are_headers_alone_and_the_connection_stays_good(ask: Any, client: Any) -> None:
    async with serve() as server, client(server.url) as http:
        for path, status in (("/", 200), ("/api/hello", 404), ("/v1/messages", 405)):
            response = await http.head(path)
            assert (response.status_code, response.content) == (status, b"")
            assert int(response.headers["content-length"]) > 0
        assert (await http.post("/v1/messages", json=ask("empty"))).status_code == 200
        assert server.statistics()["connections"] == {"open": 1, "accepted": 1}
