"""The output of a turn says in its metadata where it came from, and says none of it in its text."""

from pathlib import Path
from typing import Any

import pytest

import jido_nb
from jido_nb.notebook.lab import Lab
from jido_nb.notebook.provenance import provenance

from .comm_front_end import CommFrontEnd


def facts(turn: Any) -> dict[str, Any]:
    (found,) = provenance(turn).values()
    return dict(found)


def test_an_answer_leads_to_its_signals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Lab("runs.sqlite") as lab:
        turn = lab.conversation("c", model="simulated:thinking").send("hi").wait()
        found = facts(turn)
        lab.idle()
        first, last = found["seq"]
        log = [r for r in lab.events("conv.effect.**") if first <= r.seq <= last]
        assert log == lab.events("conv.effect.**")
    assert {key: found[key] for key in ("backend", "provider", "model", "status", "journal", "conversation")} == {
        "backend": "jido_ai",
        "provider": "simulated",
        "model": "thinking",
        "status": "completed",
        "journal": "runs.sqlite",
        "conversation": "c",
    }
    assert found["versions"]["jido_nb"] == jido_nb.__version__
    assert "replayed" not in found


def test_a_journal_elsewhere_is_named_without_its_folders(tmp_path: Path) -> None:
    with Lab(tmp_path / "runs.sqlite") as lab:
        turn = lab.conversation(model="simulated:always-503").send("hi", effect_policy={"max_attempts": 1}).wait()
        assert facts(turn)["journal"] == "runs.sqlite"
        assert facts(turn)["status"] == "failed"
    # What can no longer be looked up is left out.
    assert "seq" not in facts(turn)


@pytest.mark.parametrize("live", [True, False])
def test_the_output_at_rest_carries_it(live: bool, live_kernel: CommFrontEnd, headless_kernel: CommFrontEnd) -> None:
    kernel = live_kernel if live else headless_kernel
    (output,) = kernel.run("%%jido -o turn -m simulated:thinking --new\nhello").outputs
    found = output["metadata"]["jido_nb"]
    assert found["model"] == "thinking"
    (conversation,) = kernel.run("turn.conversation_id").texts
    assert found["conversation"] == conversation.strip("'")
    assert conversation.strip("'") not in output["data"]["text/plain"]
