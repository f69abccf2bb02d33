"""Kill a process at every commit point of every scenario, and hold the journal against what it had promised.

```python
with open_nursery() as nursery:
    for crash in crashes(nursery, "streaming", new_location):
        check(crash)
```
It works for every journal that `open_journal` opens by its location, and that outlives the process. What is checked:

* whatever was published, or told to a caller, is in the journal, byte for byte, at the same place;
* what reopens it ends every effect, or drives it again where its policy says so, and changes no ending that was told;
* no attempt calls its backend or tool twice, and no signal is applied twice;
* the log replays to the state that was lived, and opening it once more changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from signal import SIGKILL

import anyio

from ..core.catalogue import TERMINAL_LIFECYCLES, stream_of
from ..core.reducer import effect_id_of
from ..core.replay import replay
from ..core.signal import Recorded
from ..journal.commit_points import POINTS
from ..runtime.opening import open_runtime
from .crash_nursery import Life, Nursery, Order
from .crash_scenarios import ANSWER, SCENARIOS, TOOLS, settings_for, telling

Effect = tuple[str, str]
"""Conversation and effect id."""


@dataclass(frozen=True, slots=True)
class Crash:
    """A process that died as it was ordered to, and those that lived over the same journal before it."""

    order: Order
    lives: tuple[Life, ...]

    def __str__(self) -> str:
        order = self.order
        return f"{order.scenario}, killed at {order.point} #{order.nth}, on_recovery={order.on_recovery}"


def crashes(
    nursery: Nursery,
    scenario: str,
    new_location: Callable[[], str],
    on_recovery: str = "fail",
    points: Collection[str] = POINTS,
) -> Iterator[Crash]:
    """A crash at each commit point that the scenario passes: the first time that it passes it, and the last.

    Whoever reopens the journal and drives effects again gets an answer to each request.

    Args:
        scenario: A key of `SCENARIOS`.
        new_location: The place of a journal that does not exist yet, as `open_journal` takes it.
        points: Where to kill it, of `commit_points.POINTS`.
    """
    place = new_location()
    before = _wreck(nursery, scenario, place, on_recovery)
    whole = nursery.live(Order(scenario, place, on_recovery))
    assert whole.code == 0, f"{scenario} does not even live through without a crash: {whole}"
    yield Crash(Order(scenario, place, on_recovery), (*before, whole))
    for point, times in whole.passed.items():
        if point not in points:
            continue
        for nth in sorted({1, times}):
            place = new_location()
            order = Order(scenario, place, on_recovery, point, nth)
            lives = (*_wreck(nursery, scenario, place, on_recovery), nursery.live(order))
            # How signals fall into batches is up to the clock, so the last time may not come; the first one does.
            assert lives[-1].code == -SIGKILL or (nth > 1 and lives[-1].code == 0), f"{order}: {lives[-1]}"
            yield Crash(order, lives)


def check(crash: Crash) -> list[Recorded]:
    """Reopen the journal of a crash and hold it to what was promised; gives the log at rest.

    Raises:
        AssertionError: a promise is broken; the message names the crash.
    """
    try:
        log, calls = anyio.run(_reopened, crash.order)
        _nothing_is_lost(crash, log)
        _every_effect_ended(crash, log)
        _nothing_happened_twice(crash, log, calls)
        _it_replays(log)
        again, calls = anyio.run(_reopened, crash.order)
        assert again == log, "opening it once more changed the log"
        assert calls == [], "opening it once more called somebody"
    except AssertionError as broken:
        raise AssertionError(f"{crash}: {broken}") from broken
    return log


def _wreck(nursery: Nursery, scenario: str, place: str, on_recovery: str) -> tuple[Life, ...]:
    """What has to happen before the scenario: for the one that recovers, a crash."""
    if scenario != "recovering":
        return ()
    life = nursery.live(Order("streaming", place, on_recovery, "effect.progressed", 2))
    assert life.code == -SIGKILL, f"the wreck to recover from did not come about: {life}"
    return (life,)


async def _reopened(order: Order) -> tuple[list[Recorded], list[str]]:
    """The log when everything has come to rest, and the calls that were made for it."""
    calls: list[str] = []

    def tell(kind: str, *facts: object) -> None:
        calls.extend(str(fact) for fact in facts if kind == "call")

    with telling([ANSWER], tell):
        async with open_runtime(settings_for(order.on_recovery), order.location, tools=TOOLS) as runtime:
            with anyio.fail_after(30):
                await runtime.idle()
            health = runtime.health()
            assert health.problems == (), health.problems
            return await runtime.events(), calls


def _nothing_is_lost(crash: Crash, log: list[Recorded]) -> None:
    kept = {(recorded.seq, recorded.signal.subject, recorded.signal.id): recorded for recorded in log}
    assert [recorded.seq for recorded in log] == list(range(1, len(log) + 1)), "seq has gaps"
    for life in crash.lives:
        for seq, subject, id, digest in life.facts("heard"):
            found = kept.get((seq, subject, id))
            assert found is not None, f"seq {seq} ({id}) was published and is lost"
            assert sha256(found.signal.body).hexdigest() == digest, f"seq {seq} ({id}) has changed"


def _every_effect_ended(crash: Crash, log: list[Recorded]) -> None:
    asked = {(recorded.signal.subject, id) for recorded in log if (id := effect_id_of(recorded.signal)) is not None}
    endings: dict[Effect, list[Recorded]] = {effect: [] for effect in asked}
    for recorded in _of_effects(log):
        if recorded.signal.data["lifecycle"] in TERMINAL_LIFECYCLES:
            endings[recorded.signal.subject, recorded.signal.data["effect_id"]].append(recorded)
    for effect, ends in endings.items():
        assert len(ends) == 1, f"{effect} has {len(ends)} endings"
    for life in crash.lives:
        for subject, effect_id, status in life.facts("ended"):
            (ended,) = endings[subject, effect_id]
            found = ended.signal.data["lifecycle"]
            assert found == status, f"{effect_id} was told to be {status} and is {found}"
    if crash.order.on_recovery == "retry":
        for (ended,) in endings.values():
            data = ended.signal.data
            lost = data["lifecycle"] == "failed" and data["details"].get("recovered")
            assert not lost, f"{data['effect_id']} failed with its process, though it has attempts left"


def _nothing_happened_twice(crash: Crash, log: list[Recorded], calls: list[str]) -> None:
    made = [call for life in crash.lives for (call,) in life.facts("call")] + calls
    requests = [call for call in made if ":" in call]
    assert len(set(requests)) == len(requests), f"an attempt was made twice: {Counter(requests).most_common(1)}"
    if crash.order.on_recovery == "fail":
        assert calls == [], f"recovery called {calls}"
        assert len(set(made)) == len(made), f"called twice: {Counter(made).most_common(1)}"
    applied = [
        (recorded.signal.subject, id)
        for recorded in log
        for id in recorded.signal.data.get("applied_event_ids", ())
        if recorded.signal.type.startswith("conv.applied.")
    ]
    assert len(set(applied)) == len(applied), f"applied twice: {Counter(applied).most_common(1)}"
    attempts: dict[Effect, list[int]] = {}
    for recorded in _of_effects(log):
        data = recorded.signal.data
        if data["lifecycle"] == "started" or data.get("status") == "retry_attempt_started":
            attempts.setdefault((recorded.signal.subject, data["effect_id"]), []).append(data["attempt"])
    for effect, numbers in attempts.items():
        assert numbers == list(range(1, len(numbers) + 1)), f"{effect} made the attempts {numbers}"


def _of_effects(log: list[Recorded]) -> list[Recorded]:
    return [recorded for recorded in log if stream_of(recorded.signal.type) == "effect"]


def _it_replays(log: list[Recorded]) -> None:
    found = replay(log)
    assert not found.divergences, f"the log does not replay: {found.divergences}"
    assert not found.unapplied, f"never applied: {found.unapplied}"
    assert not any(state.in_flight for state in found.states.values()), "something is in flight for ever"


__all__ = ["SCENARIOS", "Crash", "check", "crashes"]
