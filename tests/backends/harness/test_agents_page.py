"""docs/coding-agents.md lists the agents and settings that there are, and says of each what the code says."""

import re
from pathlib import Path

import pytest

from jido_nb.backends.harness.agents.acp_decode import MODES as ACP_MODES
from jido_nb.backends.harness.agents.codex import SANDBOXES
from jido_nb.backends.harness.agents.gemini import MODES as GEMINI_MODES
from jido_nb.backends.harness.agents.opencode import MODES as OPENCODE_MODES
from jido_nb.backends.harness.agents.table import AGENTS, agent_of
from jido_nb.backends.harness.settings import AgentSettings, RunOptions
from jido_nb.llm.settings import DEFAULT_AGENTS
from jido_nb.settings import load_settings

PAGE = (Path(__file__).parents[3] / "docs" / "coding-agents.md").read_text(encoding="utf-8")
MODES = {
    **dict.fromkeys(("codex", "codex-app-server"), SANDBOXES),
    **dict.fromkeys(("gemini", "gemini-acp"), GEMINI_MODES),
    **dict.fromkeys(("opencode", "opencode-acp"), OPENCODE_MODES),
    "acp": ACP_MODES,
}


def rows_under(heading: str) -> dict[str, list[str]]:
    """The rows of the first table under a heading, by the names in their first cells."""
    table = PAGE.partition(f"\n## {heading}\n")[2].partition("\n| ---")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]
    return {name: cells for cells in rows for name in re.findall(r"`([^`]+)`", cells[0])}


def test_every_agent_has_its_row() -> None:
    assert list(rows_under("Which agents")) == list(AGENTS)


def test_every_agent_can_be_asked_by_its_name_and_found_by_its_variable() -> None:
    assert tuple(AGENTS) == DEFAULT_AGENTS
    environ = {f"JIDO_NB_{name.upper().replace('-', '_')}_PATH": "/usr/bin/true" for name in AGENTS}
    assert load_settings(environ=environ).llm.backends["harness"].agents.keys() == AGENTS.keys()


@pytest.mark.parametrize("name", AGENTS)
def test_a_row_says_what_the_agent_says(name: str) -> None:
    _, install, _, modes, cancel = rows_under("Which agents")[name]
    agent = agent_of(name)
    assert agent.executable.install.startswith(install.strip("`"))
    assert tuple(re.findall(r"`([^`]+)`", modes)) == tuple(MODES.get(name, ()))
    assert cancel == agent.cancels_by


def test_every_setting_has_its_row_and_says_whether_a_message_may_say_it() -> None:
    rows = rows_under("Settings")
    assert set(rows) == set(AgentSettings.model_fields)
    assert {name for name, cells in rows.items() if cells[-1] == "yes"} == set(RunOptions.model_fields) & set(rows)
