"""Gemini CLI over the Agent Client Protocol: `gemini --acp`, with thoughts and with consent asked for."""

from ..agent import Run
from ..settings import AgentSettings
from .acp_decode import AcpDecoder
from .gemini import Gemini, flags
from .over_acp import OverAcp


class GeminiAcp(OverAcp, Gemini):
    """See `agent.Agent`."""

    name = "gemini-acp"
    settings: type[AgentSettings] = AgentSettings

    def argv(self, run: Run) -> list[str]:
        return ["--acp", *flags(run), *run.settings.args]

    def decoder(self, run: Run) -> "GeminiAcpDecoder":  # type: ignore[override]
        return GeminiAcpDecoder(run)


class GeminiAcpDecoder(AcpDecoder):
    """Its permissions and its model are flags, and what it asks for all the same is refused."""

    model_by_flag = True

    def allows(self, kind: str) -> bool:
        return False
