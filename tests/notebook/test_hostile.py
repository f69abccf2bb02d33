"""Whatever anybody says, nothing of it runs, nothing is fetched, nothing breaks, and the log keeps every character."""

import io
import re
import sys
from contextlib import asynccontextmanager, closing
from html.parser import HTMLParser
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import anyio
import pyarrow.parquet as pq
import pytest

import jido_nb
from jido_nb.analysis import plots
from jido_nb.analysis.text_diff import TextDiff
from jido_nb.core.projections.metrics import Metrics
from jido_nb.core.projections.timeline import timeline
from jido_nb.core.projections.turn import TurnView
from jido_nb.core.signal import Recorded, well_formed
from jido_nb.errors import JidoError
from jido_nb.llm.error import LLMError
from jido_nb.llm.result import ToolCall
from jido_nb.notebook.as_text import as_text
from jido_nb.notebook.commands import Line
from jido_nb.notebook.dashboard import _headline, _html
from jido_nb.notebook.display import bundle
from jido_nb.notebook.report import Report, Table
from jido_nb.notebook.terminal import TerminalStory
from jido_nb.runtime.health import Health
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.hostile import HOSTILE, TEN_MEGABYTES, long_line
from jido_nb.testing.scripted_backend import Complete, Delta, Fail, ScriptedBackend, Started, Thinking, Tool

from .test_display import Inspector

OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a terminal would obey; tab and line end excepted."""
FRAMES = [getattr(jido_nb, name) for name in dir(jido_nb) if name.endswith("_df")]


class TableInspector(HTMLParser):
    """Refuses everything that a table of pandas and our own reprs are not made of."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"table", "thead", "tbody", "tr", "th", "td", "div", "p", "style", "strong", "br", "span"}, tag
        assert {name for name, _ in attrs} <= {
            "border",
            "class",
            "style",
            "scope",
            "colspan",
            "rowspan",
            "halign",
            "scoped",
        }, attrs

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is not None:
            assert "url(" not in data


class ViewInspector(HTMLParser):
    """The same for the views that are made of our own HTML."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"table", "tr", "th", "td", "div", "strong", "del", "ins", "span", "pre", "caption"}, tag
        assert {name for name, _ in attrs} <= {"style"}, attrs
        assert "url(" not in str(attrs)


def inspect(html: str, inspector: HTMLParser) -> None:
    inspector.feed(html)
    inspector.close()


class Loudspeaker(ScriptedBackend):
    """Says what it is told to, in every place that a backend has: by the text of the last message, half of the time."""

    @asynccontextmanager
    async def stream(self, request: Any) -> Any:
        said = request.messages[-1].content
        call = ToolCall(id="t1", name=said[:200], arguments={said[:200]: said[:5000]}, status="completed", output=said)
        events = [Started(model=said[:200]), Thinking(said), Delta(said), Tool(call)]
        failing = request.conversation_id.endswith("fails")
        error = LLMError.of("provider", said, retryable=False, error_type=said[:200])
        self._scripts = [[*events, Fail(error) if failing else Complete()]]
        async with ScriptedBackend(self._scripts).stream(request) as live:
            yield live


async def record(path: Any, recording: Any = None, answers: bool = True) -> list[Any]:
    """Have everything said in a runtime; what each turn told. `answers`: whether anybody is there to say it."""

    @asynccontextmanager
    async def opener(_: Any) -> Any:
        assert answers
        yield Loudspeaker([[]])

    settings = {
        "llm": {"default_backend": "loud", "backends": {"loud": {"module": "loud_backend:opener"}}},
        "effects": {"llm": {"join_ms": 0}},
        "recording": recording or {},
    }
    told = []
    sys.modules["loud_backend"] = SimpleNamespace(opener=opener)  # type: ignore[assignment]
    try:
        async with open_runtime(settings, path) as runtime:
            for name, text in HOSTILE.items():
                for ending in ("", "-fails"):
                    chat = runtime.conversation(name + ending, model=well_formed(text)[:100].replace("\0", "") or "m")
                    turn = await chat.send(text)
                    await turn.wait()
                    error = (turn.view.error or {}).get("reason")
                    told.append((turn.status, turn.text, turn.thinking, error, turn.view.tools))
            assert runtime.health().problems == ()
    finally:
        sys.modules.pop("loud_backend", None)
    return told


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("hostile") / "runs.sqlite"
    anyio.run(record, path)
    return path


@pytest.fixture(scope="module")
def signals(log: Any) -> list[Recorded]:
    with closing(jido_nb.open_journal(log, read_only=True)) as journal:
        return list(journal.read())


@pytest.fixture(scope="module")
def views(signals: list[Recorded]) -> list[TurnView]:
    found: dict[str, TurnView] = {}
    for recorded in signals:
        found.setdefault(recorded.signal.subject, TurnView()).apply(recorded.signal)
    return list(found.values())


def test_the_log_keeps_every_character(signals: list[Recorded]) -> None:
    said: dict[str, str] = {}
    for _, signal in signals:
        if "token_delta" in signal.data:
            said[signal.subject] = said.get(signal.subject, "") + signal.data["token_delta"]
    for name, text in HOSTILE.items():
        expected = "[redacted]" if name == "keys" else well_formed(text)
        assert said[name] == said[f"{name}-fails"], name
        if name != "keys":
            assert said[name] == expected, name


def test_it_replays_and_folds(log: Any, signals: list[Recorded]) -> None:
    assert jido_nb.replay(log).identical
    entries = timeline(signals)
    assert {entry.content for entry in entries} >= {well_formed(HOSTILE["markup-0"]), well_formed(HOSTILE["unicode-6"])}


def test_a_turn_at_rest_is_safe(views: list[TurnView]) -> None:
    assert {view.status for view in views} == {"completed", "failed"}
    for view in views:
        shown = bundle(view)
        inspect(shown["text/html"], Inspector())
        assert not OBEYED.search(repr(view) + shown["text/plain"])


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_a_magic_answers_is_text(text: str) -> None:
    for shown in (Report([(text, text)]), Table(["a", text], [[text, 1]]), Table(["a"], [], empty=text)):
        told = shown._repr_mimebundle_()
        inspect(told.get("text/html", ""), TableInspector())
        assert not OBEYED.search(repr(shown) + told["text/plain"])
    assert not OBEYED.search(repr(Line(text)))


def test_a_terminal_obeys_nothing(views: list[TurnView], signals: list[Recorded]) -> None:
    out = io.StringIO()
    for subject in {recorded.signal.subject for recorded in signals}:
        view = TurnView()
        story = TerminalStory(view, out)
        for _, signal in (recorded for recorded in signals if recorded.signal.subject == subject):
            for event in view.apply(signal):
                story.tell(event)
    assert len(out.getvalue()) > 10_000
    assert not OBEYED.search(out.getvalue())


@pytest.mark.parametrize("make", FRAMES, ids=lambda make: make.__name__)
def test_frames_show_it_as_text(log: Any, make: Any) -> None:
    frame = make(log)
    inspect(frame.to_html(), TableInspector())
    inspect(frame._repr_html_() or "", TableInspector())
    assert not OBEYED.search(as_text(frame))


@pytest.mark.parametrize(
    "draw", [plots.waterfall, plots.token_rate, plots.latency, plots.timeline, plots.cost], ids=lambda d: d.__name__
)
@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")
def test_plots_draw_it_as_text(log: Any, draw: Any) -> None:
    picture = draw(log)._repr_mimebundle_()["image/png"]
    assert picture.startswith(b"\x89PNG")


def test_it_goes_out_and_in_again_unchanged(log: Any, signals: list[Recorded], tmp_path: Any) -> None:
    jido_nb.export_jsonl(log, tmp_path / "out.jsonl")
    jido_nb.import_jsonl(tmp_path / "out.jsonl", tmp_path / "back.sqlite")
    with closing(jido_nb.open_journal(tmp_path / "back.sqlite", read_only=True)) as journal:
        assert [r.signal.body for r in journal.read()] == [r.signal.body for r in signals]
    jido_nb.to_parquet(jido_nb.messages_df(log), tmp_path / "m.parquet")
    kept = pq.read_table(tmp_path / "m.parquet").to_pylist()
    assert [row["content"] for row in kept] == jido_nb.messages_df(log)["content"].tolist()


def test_what_was_said_as_of_an_earlier_moment_is_the_same_text(log: Any, signals: list[Recorded]) -> None:
    replayed = jido_nb.replay(log)
    ends = {signal.subject: seq for seq, signal in signals}
    # The conversations come one after the other, so each moment has one that has just ended.
    for name in list(HOSTILE)[::7]:
        at = replayed.at(ends[name])
        expected = "[redacted]" if name == "keys" else well_formed(HOSTILE[name])
        asked, *_, answered = at.context(name)
        assert (asked.content, answered.content) == (expected, expected)
        whole = [entry for entry in at.timeline(name) if entry.kind == "message"]
        assert {entry.content for entry in whole} >= {expected}
        inspect(at._repr_mimebundle_()["text/html"], ViewInspector())
        assert not OBEYED.search(repr(at))
    for shown in (replayed._repr_mimebundle_(), replayed.at(1)._repr_mimebundle_()):
        inspect(shown["text/html"], ViewInspector())


def test_a_comparison_shows_it_as_text(signals: list[Recorded]) -> None:
    sides: tuple[list[Recorded], list[Recorded]] = ([], [])
    for recorded in signals:
        sides[recorded.signal.subject.endswith("-fails")].append(recorded)
    names = HOSTILE["markup-1"], HOSTILE["terminal-0"]
    comparison = jido_nb.compare(*sides, names=names)
    texts = list(HOSTILE.values())
    diffs = [TextDiff(well_formed(a), well_formed(b), names) for a, b in pairwise(texts)]
    for shown in (comparison, *diffs):
        inspect(shown._repr_mimebundle_()["text/html"], ViewInspector())
        assert not OBEYED.search(repr(shown))


def test_the_dashboard_shows_it_as_text(signals: list[Recorded]) -> None:
    metrics = Metrics()
    for recorded in signals:
        metrics.apply(recorded.signal)
    snapshot = metrics.snapshot()
    for text in HOSTILE.values():
        health = Health("degraded", (text,), journal=text)
        inspect(_html(snapshot, health), ViewInspector())
        inspect(health._repr_mimebundle_()["text/html"], ViewInspector())
        assert not OBEYED.search(_headline(health) + repr(health))
    inspect(snapshot._repr_mimebundle_()["text/html"], ViewInspector())
    assert not OBEYED.search(repr(snapshot))


@pytest.mark.parametrize("suffix", ["jsonl", "sqlite"])
def test_a_recording_plays_it_back_to_the_character(tmp_path: Any, suffix: str) -> None:
    tape = str(tmp_path / f"tape.{suffix}")
    said = [anyio.run(record, None, {"mode": mode, "path": tape}, mode == "record") for mode in ("record", "replay")]
    assert len(said[0]) == 2 * len(HOSTILE)
    assert said[0] == said[1]


def test_an_error_says_it_in_one_line_that_nothing_obeys() -> None:
    for text in HOSTILE.values():
        for line in JidoError(text)._render_traceback_():
            assert not OBEYED.search(line)


def test_a_line_of_ten_megabytes_is_only_long(tmp_path: Any) -> None:
    async def ask() -> None:
        @asynccontextmanager
        async def opener(_: Any) -> Any:
            yield ScriptedBackend([[Started(), Delta(long_line()), Complete()]])

        sys.modules["long_backend"] = SimpleNamespace(opener=opener)  # type: ignore[assignment]
        settings = {"llm": {"default_backend": "long", "backends": {"long": {"module": "long_backend:opener"}}}}
        async with open_runtime(settings, tmp_path / "long.sqlite") as runtime:
            turn = await runtime.conversation("c", model="m").send("go")
            assert len((await turn.result()).text) == TEN_MEGABYTES
            assert len(turn.text) == TEN_MEGABYTES
            assert len(repr(turn)) < 1000

    try:
        anyio.run(ask)
    finally:
        sys.modules.pop("long_backend", None)
    assert jido_nb.turns_df(tmp_path / "long.sqlite")["text"].str.len().tolist() == [TEN_MEGABYTES]
