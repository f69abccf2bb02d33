"""Plots of a log: each takes a source or a frame and returns a matplotlib Axes that a notebook shows as its picture."""

from .plotting.latency import latency
from .plotting.lifecycle import lifecycle
from .plotting.retry_heatmap import retry_heatmap
from .plotting.token_rate import token_rate
from .plotting.waterfall import waterfall

__all__ = ["latency", "lifecycle", "retry_heatmap", "token_rate", "waterfall"]
