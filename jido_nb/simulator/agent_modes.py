"""What the stand-in coding agent does, by model name. A row is a mode: its name, a function, and one line that says so.

A mode writes records with `agent.say`, a JSON object a line; the dialect is in `agent_cli.py`. Some modes misbehave the
way real agents were seen to. Standard library only, since a process that starts in 30 ms has no time for more.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from .agent_script import FOR_EVER_S, play_script
from .texts import STORY, THOUGHTS

SHORT = "It works, and the log has all of it."


class AgentOutput(Protocol):
    """What a mode may do and look at."""

    prompt: str
    session_id: str
    resumed: bool
    attempt: int

    @property
    def text(self) -> str: ...

    def say(self, type: str, **fields: Any) -> None: ...
    def write(self, text: str) -> None: ...
    def tool(self, id: str, name: str, status: str, **fields: Any) -> None: ...
    def done(self, text: str, **fields: Any) -> None: ...
    def fail(self, status: int | None, message: str, **fields: Any) -> None: ...


Mode = Callable[[AgentOutput], None]


def say_text(agent: AgentOutput, text: str, pause_s: float = 0.0) -> None:
    """Stream `text` word by word."""
    for word in text.splitlines(keepends=True) if pause_s == 0 else _words(text):
        agent.say("text", text=word)
        time.sleep(pause_s)


def _words(text: str) -> list[str]:
    return [word + " " for word in text.split(" ")[:-1]] + [text.split(" ")[-1]]


def answer(text: str, pause_s: float = 0.0) -> Mode:
    def play(agent: AgentOutput) -> None:
        say_text(agent, text, pause_s)
        agent.done(text)

    return play


def thinking(agent: AgentOutput) -> None:
    for word in _words(THOUGHTS):
        agent.say("thinking", text=word)
        time.sleep(0.002)
    answer("There are **4** primes below ten: 2, 3, 5 and 7.")(agent)


def tools(agent: AgentOutput) -> None:
    say_text(agent, "Let me count the files. ")
    agent.tool("call-1", "Bash", "pending")
    agent.tool("call-1", "Bash", "running", input={"command": "ls | wc -l"})
    agent.tool("call-1", "Bash", "completed", output="3\n")
    agent.tool("call-2", "Read", "running", input={"path": "missing.txt"})
    agent.tool("call-2", "Read", "failed", output="no such file")
    say_text(agent, "There are three.")
    agent.done("There are three.")


def tools_then_failure(agent: AgentOutput) -> None:
    agent.tool("call-1", "Bash", "completed", input={"command": "touch done"})
    agent.fail(503, "API Error: 503")


def tool_denied(agent: AgentOutput) -> None:
    agent.tool("call-1", "Bash", "running", input={"command": "rm -r /"})
    agent.tool("call-1", "Bash", "denied", output="this needs approval")
    answer("I may not do that.")(agent)


def _child(*, own_session: bool) -> "subprocess.Popen[bytes]":
    # It shares standard output, as the shells of real agents do: the pipe stays open when the agent is gone.
    program = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(3600)"
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", program], start_new_session=own_session)  # noqa: S603


def tool_wait(agent: AgentOutput) -> None:
    """An interrupt ends the tool first, as it should be."""
    say_text(agent, "This takes a while.")
    child = _child(own_session=True)
    try:
        agent.tool("call-1", "Bash", "running", input={"command": "sleep 3600"}, pid=child.pid)
        child.wait()
    finally:
        child.kill()
        child.wait()


def own_session(agent: AgentOutput) -> None:
    child = _child(own_session=True)
    agent.tool("call-1", "Bash", "running", input={"command": "sleep 3600"}, pid=child.pid)
    try:
        time.sleep(FOR_EVER_S)
    except KeyboardInterrupt:
        os._exit(0)


def leaves_child(agent: AgentOutput) -> None:
    child = _child(own_session=True)
    agent.tool("call-1", "Bash", "completed", input={"command": "server &"}, pid=child.pid)
    answer(SHORT)(agent)


def leaves_child_without_result(agent: AgentOutput) -> None:
    _child(own_session=True)
    say_text(agent, "half of")


def ignores(*numbers: signal.Signals) -> Mode:
    def play(agent: AgentOutput) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        say_text(agent, "Nothing stops me.")
        until = time.monotonic() + FOR_EVER_S
        while time.monotonic() < until:
            time.sleep(1)

    return play


def stall(agent: AgentOutput) -> None:
    say_text(agent, "And then")
    time.sleep(FOR_EVER_S)


def slow_start(agent: AgentOutput) -> None:
    answer(SHORT)(agent)


def huge_line(agent: AgentOutput) -> None:
    answer("x" * 3_000_000)(agent)


def no_newline(agent: AgentOutput) -> None:
    say_text(agent, SHORT)
    agent.write('{"type": "done", "stop_reason": "end_turn", "usage": {"output_tokens": 9}, "text": "' + SHORT + '"}')


def garbage(agent: AgentOutput) -> None:
    agent.write('warning: this is no record\n\n[1, 2]\n{"type": \n')
    agent.write("\x00\xff nor is this\n")
    agent.say("text")
    agent.say("tool", id=7)
    agent.say("weather", degrees=21)
    answer(SHORT)(agent)


def truncated(agent: AgentOutput) -> None:
    say_text(agent, "half of")
    agent.write('{"type": "done", "text": "half of the ans')


def exits(code: int, stderr: str = "", text: str = "") -> Mode:
    def play(agent: AgentOutput) -> None:
        if text:
            say_text(agent, text)
        sys.stderr.write(stderr)
        sys.exit(code)

    return play


def stderr_flood(agent: AgentOutput) -> None:
    line = "debug: " + "noise " * 20 + "\n"
    for _ in range(4000):
        sys.stderr.write(line)
    answer(SHORT)(agent)


def retries(agent: AgentOutput) -> None:
    for attempt in (1, 2):
        agent.say("retrying", attempt=attempt, max=2, delay_ms=5, status=529, reason="overloaded")
    answer(SHORT)(agent)


def retracts(agent: AgentOutput) -> None:
    say_text(agent, "Kept. ")
    say_text(agent, "This will be taken")
    agent.say("retract", keep=len("Kept. "))
    agent.say("retrying", attempt=1, max=2, delay_ms=5, reason="stream broke")
    say_text(agent, "This stays.")
    agent.done("Kept. This stays.")


def echo(agent: AgentOutput) -> None:
    how = "resumed" if agent.resumed else "new"
    answer(f"session {agent.session_id} {how}\n{agent.prompt}")(agent)


def lingers(agent: AgentOutput) -> None:
    answer(SHORT)(agent)
    time.sleep(FOR_EVER_S)


def fails(status: int, *, times: int | None = None, **fields: Any) -> Mode:
    """Fails with an HTTP status of its model's API: always, or in the first `times` attempts."""

    def play(agent: AgentOutput) -> None:
        if times is not None and agent.attempt > times:
            answer(SHORT)(agent)
        else:
            agent.fail(status, f"API Error: {status}", **fields)

    return play


def fails_without_status(kind: str, message: str) -> Mode:
    return lambda agent: agent.fail(None, message, kind=kind)


STATUSES = (400, 401, 403, 404, 408, 422, 429, 500, 503, 529)

MODES: dict[str, tuple[Mode, str]] = {
    "story": (answer(STORY, 0.012), "a short story in markdown, about two seconds long"),
    "short": (answer(SHORT), "one sentence, at once"),
    "slow": (answer(STORY, 0.25), "the story at four words a second"),
    "thinking": (thinking, "thinks in the open, then answers"),
    "tools": (tools, "uses two tools, one of which fails, then answers"),
    "tools-503": (tools_then_failure, "uses a tool, then fails with 503"),
    "tool-denied": (tool_denied, "asks for a tool that is denied, then answers"),
    "tool-wait": (tool_wait, "runs a tool that never ends"),
    "echo": (echo, "answers with what it was told, and in which session"),
    "script": (play_script, "does what its prompt says, see `agent_script.py`"),
    "retries": (retries, "repeats a request twice by itself, then answers"),
    "retracts": (retracts, "takes back half of what it said"),
    "huge-line": (huge_line, "a record of three megabytes"),
    "u2028": (answer("one\u2028two\u2029three\x85four"), "line separators that end no line"),
    "no-newline": (no_newline, "the last record has no line end"),
    "garbage": (garbage, "lines that are no records, and records of strange shapes"),
    "silent": (exits(0), "ends at once, with exit code 0 and without a word"),
    "no-result": (exits(0, text="half of"), "ends in the middle with exit code 0"),
    "truncated": (truncated, "the last record is cut off"),
    "exit-3": (exits(3, "Error: the disk is full\n", "half of"), "ends with exit code 3"),
    "bad-flag": (exits(1, "error: unknown option '--no-such-flag'\n"), "complains about its arguments"),
    "not-logged-in": (exits(1, "Not logged in. Please run /login\n"), "asks to log in"),
    "ignores-sigint": (ignores(signal.SIGINT), "goes on after an interrupt"),
    "ignores-signals": (ignores(signal.SIGINT, signal.SIGTERM), "can only be killed"),
    "own-session": (own_session, "leaves a tool running in a session of its own"),
    "leaves-child": (leaves_child, "answers, and leaves a server running"),
    "leaves-child-no-result": (leaves_child_without_result, "ends without a result, and leaves a server running"),
    "stall": (stall, "two words, then silence for ever"),
    "lingers": (lingers, "answers, and does not end"),
    "stderr-flood": (stderr_flood, "writes half a megabyte of noise beside its answer"),
    "slow-start": (slow_start, "says nothing for a second, then answers"),
    "never-starts": (stall, "never says anything"),
    "flaky-503": (fails(503, times=2), "fails twice with 503, then answers"),
    "flaky-429": (fails(429, times=1, retry_after_ms=100), "fails once with 429, then answers"),
    "refused": (fails_without_status("connection", "connection refused"), "does not reach its model"),
    "timed-out": (fails_without_status("timeout", "the model took too long"), "its own patience ends"),
    "odd-failure": (fails_without_status("odd", "something happened"), "fails in a way that nobody knows"),
    **{f"status-{code}": (fails(code), f"fails with {code} every time") for code in STATUSES},
}
"""In the order in which lists show them."""

START_DELAYS_S = {"slow-start": 1.0, "never-starts": FOR_EVER_S}
"""Silence before the first record, by mode."""
