"""The stand-in agent (`jido_nb.simulator.agent_cli`): always there, and the model of how to add an agent."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from ....errors import closest
from ....llm.backend import Capabilities
from ....llm.error import Category, LLMError, from_status
from ....llm.usage import Cost, Usage
from ....simulator.agent_cli import ATTEMPT_VARIABLE
from ....simulator.agent_modes import MODES
from ..agent import Run
from ..decoder import BaseDecoder
from ..executable import Executable
from ..settings import AgentSettings

DEFAULT_MODEL = "story"
_PACKAGE_PARENT = Path(__file__).resolve().parents[4]


class Simulated:
    """See `agent.Agent`."""

    name = "simulated"
    capabilities = Capabilities(provider_selection=False)
    executable = Executable(
        names=(), install="pip install jido-nb", fixed=(sys.executable, "-m", "jido_nb.simulator.agent_cli")
    )
    settings = AgentSettings
    variables: tuple[str, ...] = ()
    stdin_stays_open = False
    cancels_by = "SIGINT"

    def new_session_id(self) -> str | None:
        return str(uuid4())

    def argv(self, run: Run) -> list[str]:
        model = run.model or DEFAULT_MODEL
        if model not in MODES:
            raise LLMError.of(
                "config", f"the stand-in agent has no model {model!r}.{closest(model, MODES)}", field="model"
            )
        session = run.session
        resume = ["--resume", str(session.id)] if session.resume else []
        fork = ["--fork"] if session.fork else []
        chosen = ["--session-id", session.id] if session.id and not session.resume else []
        return ["--model", model, *resume, *fork, *chosen, *run.settings.args]

    def environment(self, run: Run) -> dict[str, str]:
        # Where jido_nb was found may be known to this process alone.
        return {
            "PYTHONPATH": str(_PACKAGE_PARENT),
            "PYTHONDONTWRITEBYTECODE": "1",
            ATTEMPT_VARIABLE: str(run.request.metadata.get("attempt", 1)),
        }

    def stdin(self, run: Run) -> bytes:
        parts = [run.system_prompt, run.prompt] if run.system_prompt else [run.prompt]
        return "\n\n".join(parts).encode("utf-8", "replace")

    def decoder(self, run: Run) -> "SimulatedDecoder":
        return SimulatedDecoder(run)

    def logged_in(self, environ: Mapping[str, str]) -> bool | None:
        return True


class SimulatedDecoder(BaseDecoder):
    """See the table in `jido_nb/simulator/agent_cli.py`."""

    def read(self, record: Mapping[str, Any]) -> None:
        match record.get("type"):
            case "session":
                self.told(**{key: record.get(key) for key in ("session_id", "model", "cwd", "version")})
            case "text":
                self.delta(record["text"])
            case "thinking":
                self.think(record["text"])
            case "tool":
                id, name = str(record["id"]), str(record["name"])
                self.tool(id, name, record["status"], record.get("input"), record.get("output"))
            case "retrying":
                self._retrying(record)
            case "retract":
                self.take_back((int(record["keep"]), self.mark[1]))
            case "done":
                self._done(record)
            case "failed":
                self.failed(_error(record))
            case "canceled":
                self._spent(record)
                self.canceled()
            case _:
                self.unknown(record)

    def _retrying(self, record: Mapping[str, Any]) -> None:
        status = record.get("status")
        error = from_status(status) if status else LLMError("transport", "")
        self.retrying(
            record["attempt"],
            max_attempts=record.get("max"),
            wait_ms=record.get("delay_ms"),
            reason=str(record.get("reason") or ""),
            category=error.category,
            status=status,
        )

    def _spent(self, record: Mapping[str, Any]) -> None:
        self.usage = Usage.from_payload(record.get("usage"))
        cost = record.get("cost_usd")
        self.cost = None if cost is None else Cost(float(cost), price_table="agent")

    def _done(self, record: Mapping[str, Any]) -> None:
        self._spent(record)
        self.finish_reason = record.get("stop_reason")
        self.completed(record["text"])


def _error(record: Mapping[str, Any]) -> LLMError:
    status, message = record.get("status"), str(record.get("message") or "")
    details = {key: record[key] for key in ("retry_after_ms", "reason") if record.get(key) is not None}
    if status is not None:
        return from_status(status, message, details=details)
    match record.get("kind"):
        case "connection":
            category: Category = "transport"
        case "timeout":
            category = "timeout"
        case "model":
            category = "config"
        case _:
            category = "unknown"
    return LLMError(category, message, details=details)
