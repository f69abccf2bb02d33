"""Decode recorded transcripts of agents and say what came of each: not a test, it needs a folder of transcripts.

    python tests/backends/harness/play_transcripts.py FOLDER [AGENT ...]

Each `<scenario>.stdout.jsonl` is played to its agent's decoder; the ending and the records that the decoder does not
know are printed. A folder's name says its agent: `codex`, `codex-app-server`, `gemini`, `opencode`, `acp-*`.
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from playing import play, run_of

from jido_nb.backends.harness.agent import SessionPlan
from jido_nb.backends.harness.agents.table import agent_of
from jido_nb.backends.harness.lines import LineFramer
from jido_nb.backends.harness.process import Exit


def main(folder: Path, wanted: list[str]) -> None:
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        name = "acp" if place.name.startswith("acp-") else place.name
        if wanted and place.name not in wanted and name not in wanted:
            continue
        try:
            agent = agent_of(name)
        except KeyError:
            print(f"{place.name}: no agent")
            continue
        for path in sorted(place.glob("*.stdout.jsonl")):
            scenario = path.name.removesuffix(".stdout.jsonl")
            meta = place / f"{scenario}.meta.json"
            told: dict[str, Any] = json.loads(meta.read_text()) if meta.exists() else {}
            stderr = place / f"{scenario}.stderr.txt"
            code = told.get("exit_code", 0)
            exit = Exit(code, "SIGKILL" if told.get("timed_out_by_lab") else "exited", 0, stderr.read_text())
            settings = {"permission_mode": "allow"} if name == "acp" and "reject" not in scenario else {}
            client = place / f"{scenario}.stdin.jsonl"
            said = client.read_text() if client.exists() else ""
            run = run_of(agent, settings=settings, session=session_of(told, said))
            played = play(agent, run, lines_of(path), exit)
            print(place.name, scenario, told.get("exit_code"), *row(played))


def session_of(told: dict[str, Any], said: str) -> SessionPlan:
    words = told.get("argv", [])
    if "session/load" in said:
        return SessionPlan(told["result"]["session_id"], resume=True)
    if {"--resume", "resume", "fork", "--session"} & set(words):
        return SessionPlan("s", resume=True, fork="fork" in words or "--fork" in words)
    return SessionPlan()


def lines_of(path: Path) -> list[bytes]:
    framer = LineFramer()
    return [*framer.feed(path.read_bytes()), *filter(None, [framer.tail()])]


def row(played: Any) -> list[Any]:
    metadata = played.result.metadata if played.result else {}
    unknown = metadata.get("provider_events") or dict(getattr(played.decoder, "_unknown", {}))
    error = [*played.failure, played.error.details.get("status")] if played.error else []
    usage = played.result.usage if played.result else played.error.usage
    return [
        played.outcome,
        *error,
        f"text={played.text[:60]!r}",
        f"retries={len(played.retries)}",
        f"taken_back={len(played.retractions)}",
        f"tools={[(name, status) for name, status, *_ in played.tools]}",
        f"usage={list(usage.to_payload().values()) if usage else None}",
        f"unknown={unknown}" if unknown else "",
        f"message={played.error.message[:90]!r}" if played.error else "",
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
