"""Canaries: secrets of every kind, and everybody who may say them. Whatever is written must be without them."""

import sys

from jido_nb.simulator.scenario import Scenario, Status
from jido_nb.simulator.steps import StreamError, Text, Thinking, ToolUse

CANARIES = {
    "env": "canary-environment-Zq1",
    "late": "canary-set-later-Zq2",
    "header": "canary-in-header-Zq3",
    "agent": "canary-of-agent-Zq4",
    "named": "canary-named-Zq5",
    "url": "canary-password-Zq6",
    "rule": "CANARY/000123",
    "vendor": "sk-ant-api03-canary7Zq7canary7Zq7",
    "bearer": "canary8Zq8canary8Zq8",
}
PLANTED = "planted-Zq0"
"""No secret: where a search does not find it, the search proves nothing."""
SAID = (
    f"{PLANTED} keys {CANARIES['env']} {CANARIES['late']}, {CANARIES['header']}; {CANARIES['agent']} and "
    f"{CANARIES['named']} at https://me:{CANARIES['url']}@db.invalid {CANARIES['rule']} {CANARIES['vendor']}, "
    f"Authorization: Bearer {CANARIES['bearer']} end"
)
"""What people, models, tools and agents say. A password is known by its place in a URL."""

CATALOGUE = {
    "tells": Scenario.text((SAID,)),
    "splits": Scenario.text(tuple(SAID[at : at + 3] for at in range(0, len(SAID), 3)), pause_ms=1),
    "thinks": Scenario.answer(Thinking.of((SAID[:20], SAID[20:])), Text.of(("ok",))),
    "calls": Scenario.answer(ToolUse.of("look", {"key": SAID, CANARIES["env"]: 1})),
    "refuses": Scenario.always(Status(400, SAID)),
    "overloads": Scenario.always(Status(529, SAID)),
    "breaks": Scenario.text((SAID, "more")).breaking(StreamError(message=SAID), after=1),
}
AGENT = """
import json, os, sys
if "--version" in sys.argv:
    print("1.2+" + os.environ["MY_TOKEN"])
    sys.exit()
said = os.environ["MY_TOKEN"] + " " + {said!r}
print(json.dumps({{"type": "session", "session_id": "s1", "model": "m", "cwd": ".", "version": "1"}}))
print(json.dumps({{"type": "tool", "id": "t1", "name": "shell", "status": "completed", "input": {{"command": said}},
    "output": said}}))
print(json.dumps({{"type": "text", "text": said}}), flush=True)
print(said, file=sys.stderr)
sys.exit(3)
"""


def settings_with(base_url, agent, unlucky, redaction=None):
    """Settings in which canaries stand wherever a secret may, as plain data. `unlucky`: a backend that raises them."""
    providers = {
        "mine": {
            "kind": "anthropic",
            "base_url": base_url,
            "api_key_env": "MY_PROVIDER_KEY",
            "headers": {"x-gate": CANARIES["header"], "x-title": "a notebook"},
        },
        "late": {"kind": "anthropic", "base_url": base_url, "api_key_env": "MY_LATER_KEY"},
        "away": {"kind": "openai", "base_url": f"http://me:{CANARIES['url']}@127.0.0.1:1/v1"},
    }
    agents = {"mine": {"kind": "simulated", "path": str(agent), "env": {"MY_TOKEN": CANARIES["agent"]}}}
    backends = {
        "jido_ai": {"providers": providers},
        "harness": {"agents": agents},
        "unlucky": {"module": unlucky},
    }
    return {
        "llm": {"backends": backends},
        "effects": {"llm": {"max_attempts": 2, "backoff_ms": 1, "join_ms": 0}},
        "redaction": {"patterns": [r"CANARY/\d+"], "env": ["MY_OWN_NAME"], **(redaction or {})},
    }


def write_agent(path):
    """A coding agent that says all of it, in its answer and beside it."""
    path.write_text(f"#!{sys.executable}\n" + AGENT.format(said=SAID))
    path.chmod(0o755)


def leaks(told):
    """Which canary is where, in texts by place."""
    return sorted({(place, name) for place, text in told.items() for name, value in CANARIES.items() if value in text})
