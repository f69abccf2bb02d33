"""The named models of the simulator. A row is a model: its name, what it does, and one line that says so."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ..errors import closest
from .scenario import Answer, Echo, Page, Scenario, Shell, Status, Tokens
from .steps import RedactedThinking, Reset, Stall, StreamError, Text, Thinking, ToolUse, Truncate
from .texts import HOSTILE, INTERNATIONAL, STORY, THOUGHTS

SHORT = "It works. The answer took a few tries, and every one of them is in the log."
STORY_ANSWER = Answer.of(STORY, pause_ms=28, words=2)

_ROWS: Mapping[str, Scenario] = {
    "story": Scenario((STORY_ANSWER,), "a short story in markdown, about two seconds long"),
    "thinking": Scenario.answer(
        Thinking.of(THOUGHTS, pause_ms=20, words=2),
        Text.of("There are **4** primes below ten: 2, 3, 5 and 7.", pause_ms=20),
    ).described("thinks in the open, then answers"),
    "redacted": Scenario.answer(
        RedactedThinking("RW1iZWRkZWQtaGlkZGVu"), Text.of("I thought about it, but may not show how.", pause_ms=10)
    ).described("thinks behind a curtain, then answers"),
    "tools": Scenario.rounds(
        Answer(
            (
                Text.of("Let me look up the weather in Lisbon.", pause_ms=10),
                ToolUse.of("get_weather", {"city": "Lisbon", "unit": "celsius"}, pause_ms=10),
            )
        ),
        Answer.of("That is all there is to say about the weather.", pause_ms=10),
    ).described("calls the tool get_weather, then answers in words"),
    "shell": Scenario.always(Shell()).described(
        "has an agent run the `command` in backticks, then says what it printed"
    ),
    "echo": Scenario.always(Echo(pause_ms=3)).described("answers with the conversation it received"),
    "cached": Scenario.text(SHORT, pause_ms=5)
    .answering(tokens=Tokens(input=12, output=20, cache_read=2048, cache_write=512))
    .described("reports tokens read from and written to the prompt cache"),
    "max-tokens": Scenario.text("This sentence stops because the limit of tokens was", pause_ms=5)
    .answering(stop_reason="max_tokens")
    .described("stops in mid-sentence with stop reason max_tokens"),
    "refusal": Scenario.text("I cannot help with that.", pause_ms=5)
    .answering(stop_reason="refusal")
    .described("declines, with stop reason refusal"),
    "empty": Scenario.answer().described("answers with no content at all"),
    "international": Scenario.text(INTERNATIONAL, pause_ms=5).described("many scripts, emoji, and rare white space"),
    "hostile": Scenario.text(HOSTILE, pause_ms=5).described(
        "scripts, bad links and terminal codes that must stay harmless"
    ),
    "burst-200": Scenario.text(("word ",) * 200).described("200 chunks as fast as possible"),
    "burst-2000": Scenario.text(("word ",) * 2000).described("2,000 chunks as fast as possible"),
    "burst-20000": Scenario.text(("word ",) * 20_000).described("20,000 chunks as fast as possible"),
    "slow": Scenario.text(STORY, pause_ms=250).described("the story at four words a second"),
    "late": Scenario.text(SHORT, pause_ms=5)
    .answering(latency_ms=3000)
    .described("silent for three seconds, then answers"),
    "flaky-503": Scenario.text(SHORT, pause_ms=10)
    .after(Status(503), times=2)
    .described("fails twice with 503, then answers"),
    "flaky-429": Scenario.text(SHORT, pause_ms=10)
    .after(Status(429, retry_after_s=1))
    .described("fails once with 429 and Retry-After: 1, then answers"),
    "flaky-reset": Scenario((STORY_ANSWER,))
    .after(STORY_ANSWER.breaking(Reset(), after=20))
    .described("the story; the first connection is reset in the middle"),
    "overloaded": Scenario((STORY_ANSWER,))
    .after(STORY_ANSWER.breaking(StreamError(), after=20))
    .described("the story; the first stream ends with an overloaded_error in the middle"),
    "always-503": Scenario.always(Status(503)).described("fails with 503 every time"),
    "always-529": Scenario.always(Status(529)).described("fails with 529 overloaded_error every time"),
    "always-overloaded": Scenario.text(STORY, pause_ms=5)
    .breaking(StreamError(), after=20)
    .described("every stream ends with an overloaded_error in the middle"),
    "busy-hour": Scenario.always(Status(429, retry_after_s=3600)).described(
        "429 with Retry-After: 3600, more than anyone waits"
    ),
    "unauthorized": Scenario.always(Status(401, "invalid x-api-key")).described("refuses every key with 401"),
    "needs-key": Scenario.text(SHORT, pause_ms=5)
    .needing("open-sesame")
    .described("answers only to the key open-sesame"),
    "forbidden": Scenario.always(Status(403)).described("refuses with 403"),
    "refused-400": Scenario.always(
        Status(400, "messages: the simulator refuses this request, as its name says")
    ).described("refuses with 400 invalid_request_error"),
    "timeout-408": Scenario.always(Status(408)).described("fails with 408 every time"),
    "html": Scenario.always(Page()).described("a web page with status 200 instead of an answer"),
    "html-502": Scenario.always(
        Page("<html><body><h1>502 Bad Gateway</h1></body></html>\n", code=502, content_type="text/html")
    ).described("a proxy's 502 page"),
    "stall": Scenario.text(STORY, pause_ms=10)
    .breaking(Stall(), after=5)
    .described("five chunks, then silence for ever"),
    "stall-first": Scenario.text(STORY).breaking(Stall(), after=0).described("headers, then silence for ever"),
    "stall-headers": Scenario.always(Stall()).described("takes the request and never answers"),
    "stall-pings": Scenario.text(STORY, pause_ms=10)
    .breaking(Stall(ping_ms=100), after=5)
    .described("five chunks, then nothing but pings"),
    "truncated": Scenario.text(STORY, pause_ms=5)
    .breaking(Truncate(), after=20)
    .described("the stream ends cleanly in the middle, without its end marker"),
    "disconnect": Scenario.text(STORY, pause_ms=5)
    .breaking(Truncate(clean=False), after=20)
    .described("the connection ends in the middle of the stream"),
    "reset": Scenario.text(STORY, pause_ms=5)
    .breaking(Reset(), after=20)
    .described("the connection is reset in the middle"),
    "reset-headers": Scenario.always(Reset()).described("the connection is reset before any answer"),
}

CATALOGUE: Mapping[str, Scenario] = MappingProxyType(_ROWS)
"""Scenarios by model name, in the order in which lists show them."""


def unknown_model(name: str, known: Iterable[str]) -> str:
    """What the simulator says about a model that it does not have."""
    return f"model: {name}.{closest(name, known)}"
