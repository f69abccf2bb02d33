"""Gemini CLI over the Agent Client Protocol: `gemini --acp`, with thoughts and with consent asked for."""

from ....llm.backend import Capabilities
from ..agent import Run
from ..settings import AgentSettings
from .acp_decode import AcpDecoder
from .gemini import Gemini, flags


class GeminiAcp(Gemini):
    """See `agent.Agent`."""

    name = "gemini-acp"
    capabilities = Capabilities(provider_selection=False)
    settings: type[AgentSettings] = AgentSettings
    stdin_stays_open = True
    cancels_by = "session/cancel, which keeps the session"

    def new_session_id(self) -> str | None:
        return None

    def argv(self, run: Run) -> list[str]:
        return ["--acp", *flags(run), *run.settings.args]

    def stdin(self, run: Run) -> bytes:
        return b""

    def decoder(self, run: Run) -> "GeminiAcpDecoder":  # type: ignore[override]
        return GeminiAcpDecoder(run)


class GeminiAcpDecoder(AcpDecoder):
    """Its permissions and its model are flags, and what it asks for all the same is refused."""

    model_by_flag = True

    def allows(self, kind: str) -> bool:
        return False
