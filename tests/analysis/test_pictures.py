"""How the plots look: each held against a picture that a person has looked at.

After a change that is meant, write the pictures anew and look at each: `python -m tests.analysis.test_pictures`.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib.axes import Axes
from matplotlib.testing.compare import compare_images
from matplotlib.testing.exceptions import ImageComparisonFailure

from jido_nb.analysis import plots
from jido_nb.analysis.compare import compare
from jido_nb.core.signal import Recorded

from .gallery import gallery

BASELINE = Path(__file__).with_name("baseline")
TOLERANCE = 6.0
"""Root mean square over all pixels, 0 to 255. Other versions of the font renderer differ by about 2."""
DPI = 64


def _compared(log: list[Recorded], value: str) -> Axes:
    return compare(log, by="backend").plot(value)


PICTURES: Mapping[str, Callable[[Any], Axes]] = {
    "waterfall": plots.waterfall,
    "lifecycle-retried": partial(plots.lifecycle, subject="weather", effect_id="llm-generation-m1"),
    "lifecycle-thinking": partial(plots.lifecycle, subject="weather", effect_id="llm-generation-m2"),
    "lifecycle-canceled": partial(plots.lifecycle, subject="weather", effect_id="llm-generation-m3"),
    "latency": plots.latency,
    "latency-duration": partial(plots.latency, value="duration_ms", by="model"),
    "token-rate": plots.token_rate,
    "token-rate-one": partial(plots.token_rate, subject="primes"),
    "gaps": plots.gaps,
    "gaps-by-kind": partial(plots.gaps, by="kind", subject="weather"),
    "retry-heatmap": plots.retry_heatmap,
    "retry-heatmap-wait": partial(plots.retry_heatmap, values="wait_ms", index="http_status"),
    "timeline": plots.timeline,
    "cost": plots.cost,
    "cost-tokens": partial(plots.cost, value="tokens", by="backend"),
    "comparison": partial(_compared, value="duration_ms"),
    "nothing": lambda _: plots.timeline([]),
}
"""What is looked at, by the name of its file."""


@cache
def log() -> list[Recorded]:
    return gallery()


def draw(name: str, source: list[Recorded], path: Path) -> str:
    with mpl.rc_context():
        mpl.rcdefaults()
        figure = PICTURES[name](source).get_figure(root=True)
        assert figure is not None
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
    return str(path)


@pytest.mark.parametrize("name", PICTURES)
def test_a_plot_looks_as_it_was_looked_at(name: str, tmp_path: Path) -> None:
    drawn = draw(name, log(), tmp_path / f"{name}.png")
    assert compare_images(str(BASELINE / f"{name}.png"), drawn, TOLERANCE) is None


@pytest.mark.parametrize("name", ["waterfall", "timeline", "gaps", "cost", "latency", "token-rate"])
def test_a_picture_of_another_log_is_told_from_it(name: str, tmp_path: Path) -> None:
    half = [recorded for recorded in log() if recorded.signal.subject != "weather"]
    drawn = draw(name, half, tmp_path / f"{name}.png")
    try:
        difference = compare_images(str(BASELINE / f"{name}.png"), drawn, TOLERANCE)
    except ImageComparisonFailure:  # not even the size is the same
        return
    assert difference is not None


def test_every_picture_is_looked_at() -> None:
    kept = {path.stem for path in BASELINE.glob("*.png") if not path.stem.endswith("-failed-diff")}
    assert kept == PICTURES.keys()


if __name__ == "__main__":
    BASELINE.mkdir(exist_ok=True)
    for each in PICTURES:
        draw(each, log(), BASELINE / f"{each}.png")
