"""Plots of a log: each takes a source or a frame and returns a matplotlib Axes that a notebook shows as its picture."""

from .plotting.cost import cost
from .plotting.gaps import gaps
from .plotting.latency import latency
from .plotting.lifecycle import lifecycle
from .plotting.retry_heatmap import retry_heatmap
from .plotting.timeline import timeline
from .plotting.token_rate import token_rate
from .plotting.waterfall import waterfall

__all__ = ["cost", "gaps", "latency", "lifecycle", "retry_heatmap", "timeline", "token_rate", "waterfall"]
