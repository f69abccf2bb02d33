"""Whoever changes one byte of what was lived, in a real file, is found out, and the place is named."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jido_nb.analysis.catalogue import FRAMES
from jido_nb.analysis.frames.turns import turns_df
from jido_nb.analysis.replay import replay
from jido_nb.errors import JournalError
from jido_nb.runtime.opening import open_runtime

MODELS = ("tools", "flaky-reset", "unauthorized", "echo")
SETTINGS = {"effects": {"llm": {"backoff_ms": 1}}}


class Victim:
    """A journal file in which bytes can be changed, and changed back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = sqlite3.connect(path, isolation_level=None)
        rows = self._connection.execute("SELECT seq, id, CAST(body AS BLOB) FROM signals ORDER BY seq")
        self.signals: list[tuple[int, str, bytes]] = rows.fetchall()

    def write(self, seq: int, body: bytes) -> None:
        self._connection.execute("UPDATE signals SET body = CAST(? AS TEXT) WHERE seq = ?", (body, seq))

    def extend(self, seq: int, extensions: str | None) -> str | None:
        """Give a signal other extensions; returns what they were."""
        ((before,),) = self._connection.execute("SELECT extensions FROM signals WHERE seq = ?", (seq,))
        self._connection.execute("UPDATE signals SET extensions = ? WHERE seq = ?", (extensions, seq))
        return before  # type: ignore[no-any-return]

    def close(self) -> None:
        self._connection.close()


async def live(path: Path) -> None:
    async with open_runtime(SETTINGS, path) as runtime:
        for model in MODELS:
            chat = runtime.conversation(model)
            await (await chat.send("What became of it?", model=f"simulated:{model}")).wait()


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    path = tmp_path_factory.mktemp("tampering") / "lived.sqlite"
    anyio.run(live, path)
    with closing(Victim(path)) as victim:
        yield victim


def test_what_was_lived_here_is_whole_and_holds_usage_retries_and_failures(victim: Victim) -> None:
    verdict = replay(victim.path)
    assert verdict.identical
    assert verdict.unapplied == 0
    turns = turns_df(victim.path)
    assert set(turns["status"]) == {"completed", "failed"}
    assert turns["attempts"].max() == 2
    assert turns["output_tokens"].max() > 0


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_any_changed_byte_of_any_payload_is_found_and_its_signal_named(victim: Victim, data: st.DataObject) -> None:
    seq, id, body = data.draw(st.sampled_from(victim.signals))
    place = data.draw(st.integers(0, len(body) - 1))
    other = body[place] ^ data.draw(st.integers(1, 255))
    victim.write(seq, body[:place] + bytes([other]) + body[place + 1 :])
    try:
        verdict = replay(victim.path)
        frame = verdict.divergence_df()
    finally:
        victim.write(seq, body)
    assert not verdict.identical
    assert frame[["seq", "signal_id"]].to_numpy().tolist() == [[seq, id]]


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a number of tokens": lambda body: body.replace(b'"output_tokens":', b'"output_tokens":1', 1),
    "what is no JSON any more": lambda body: body[1:],
    "everything but two braces": lambda body: b"{}",
    "nothing but a space": lambda body: body.replace(b",", b", ", 1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_longer_changes_are_found_too(victim: Victim, change: Callable[[bytes], bytes]) -> None:
    """Usage moves no state of the reducer, and is vouched for all the same."""
    for seq, id, body in victim.signals:
        if (other := change(body)) == body:
            continue
        victim.write(seq, other)
        try:
            [divergence] = replay(victim.path).divergences
        finally:
            victim.write(seq, body)
        assert divergence.seq == seq, id


@pytest.mark.parametrize("damage", ["{", "[1]", "no JSON", ""])
def test_a_payload_that_cannot_be_read_is_named_by_every_frame_that_needs_it(victim: Victim, damage: str) -> None:
    seq, _, body = next(each for each in victim.signals if b'"token_delta"' in each[2])
    needing = [FRAMES[name] for name in ("effects", "attempts", "turns", "messages", "chunks", "tools", "telemetry")]
    victim.write(seq, damage.encode())
    try:
        for frame in needing:
            with pytest.raises(JournalError, match=f"is damaged: the payload of seq {seq} is no JSON object") as told:
                frame(victim.path)
            assert told.value.path == str(victim.path)
        assert replay(victim.path).divergences[0].seq == seq
    finally:
        victim.write(seq, body)
    assert replay(victim.path).identical


def test_extensions_that_cannot_be_read_are_a_difference(victim: Victim) -> None:
    seq = next(seq for seq, _, body in victim.signals if b'"token_delta"' in body)
    before = victim.extend(seq, "no JSON")
    try:
        assert replay(victim.path).divergences[0].seq == seq
    finally:
        victim.extend(seq, before)
    assert replay(victim.path).identical
