"""Every frame, by name. To add one, write its room in `frames/` and add a row."""

from collections.abc import Mapping

from .frame import AnyFrame
from .frames.applied import applied_df
from .frames.attempts import attempts_df
from .frames.cancels import cancels_df
from .frames.chunks import chunks_df
from .frames.effects import effects_df
from .frames.events import events_df
from .frames.messages import messages_df
from .frames.telemetry import telemetry_df
from .frames.tools import tools_df
from .frames.turns import turns_df

FRAMES: Mapping[str, AnyFrame] = {
    "events": events_df,
    "effects": effects_df,
    "attempts": attempts_df,
    "turns": turns_df,
    "messages": messages_df,
    "chunks": chunks_df,
    "tools": tools_df,
    "cancels": cancels_df,
    "applied": applied_df,
    "telemetry": telemetry_df,
}
