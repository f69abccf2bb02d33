"""An effect that its process took along goes on where its policy says so, within the bounds that it had."""

import pytest

from jido_nb.core.policy import DEFAULT_POLICIES, merged_policy
from jido_nb.core.projections.spending import Spending
from jido_nb.core.signal import make_signal
from jido_nb.journal.memory import MemoryJournal
from jido_nb.runtime.ids import now_us
from jido_nb.runtime.opening import open_runtime
from jido_nb.runtime.wreckage import wreck_of
from jido_nb.testing.builders import Storyteller, signal
from jido_nb.testing.scripted_backend import Complete, Delta, Started

pytestmark = pytest.mark.anyio

ANSWER = [Started("ref"), Delta("whole"), Complete()]
AGO_US = 60_000_000


def cut_off(*, cut=None, retries=0, policy=None, also=()):
    """A journal in memory of a turn that began a minute ago and broke off, without its markers."""
    told = Storyteller().turn(ending="none", retries=retries)[:cut]
    told = [each for each in told if not each.type.startswith("conv.applied")]
    late = now_us() - AGO_US - told[0].time_us
    journal = MemoryJournal()
    for each in told:
        more = {"effect_policy": policy} if policy and each is told[0] else {}
        parts = {name: getattr(each, name) for name in ("id", "type", "source", "subject", "extensions")}
        journal.append([make_signal(**parts, time_us=each.time_us + late, data={**each.data, **more})])
    journal.append(list(also))
    return journal


def lifecycle(log):
    """`started@1`, `retrying@1`, ... of its one effect, progress with text left out."""
    told = []
    for recorded in log:
        data = recorded.signal.data
        if recorded.signal.type.startswith("conv.effect."):
            name = data.get("status", "progress") if data["lifecycle"] == "progress" else data["lifecycle"]
            if name not in ("streaming", "thinking"):
                told.append(f"{name}@{data['attempt']}")
    return told


async def reopened(journal, scripted, at_rest, **policy):
    async with open_runtime(scripted(ANSWER, effects={"llm": {"backoff_ms": 1, **policy}}), journal) as runtime:
        assert runtime.health().recovered == 1
        return await at_rest(runtime)


async def test_it_goes_on_with_its_next_attempt(scripted, at_rest):
    log = await reopened(cut_off(), scripted, at_rest, on_recovery="retry")
    assert lifecycle(log) == ["started@1", "retrying@1", "retry_attempt_started@2", "completed@2"]
    (retrying,) = (r.signal.data for r in log if r.signal.data.get("status") == "retrying")
    assert (retrying["details"], retrying["discarded"], retrying["error_category"]) == (
        {"recovered": True},
        True,
        "unknown",
    )
    assert retrying["usage"]["estimated"]
    assert 0 <= retrying["duration_ms"] < AGO_US / 1000
    assert [request.request_id for request in scripted.backend.requests] == ["llm-generation-m1:2"]
    assert [r.signal.data["content"] for r in log if r.signal.type == "conv.out.assistant.completed"] == ["whole"]
    ids = [r.signal.id for r in log if r.signal.type.startswith("conv.effect.")]
    assert ids == [f"llm-generation-m1/{number}" for number in range(len(ids))]


async def test_one_that_had_not_begun_begins(scripted, at_rest):
    log = await reopened(cut_off(cut=1), scripted, at_rest, on_recovery="retry")
    assert lifecycle(log) == ["started@1", "completed@1"]


async def test_a_message_may_ask_for_it_and_the_default_is_not_to(scripted, at_rest):
    log = await reopened(cut_off(policy={"on_recovery": "retry"}), scripted, at_rest)
    assert lifecycle(log)[-1] == "completed@2"
    log = await reopened(cut_off(), scripted, at_rest)
    assert lifecycle(log) == ["started@1", "failed@1"]
    assert scripted.backend.requests == []


async def test_one_that_waited_to_retry_says_so_once(scripted, at_rest):
    # Signals of a turn with one retry: message, started, delta, retrying.
    log = await reopened(cut_off(cut=4, retries=1), scripted, at_rest, on_recovery="retry")
    assert lifecycle(log) == ["started@1", "retrying@1", "retry_attempt_started@2", "completed@2"]


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({"max_attempts": 1}, {"recovered": True}),
        ({"deadline_ms": 30_000}, {"recovered": True, "gave_up": "deadline"}),
        ({"budget": {"attempts": 1}}, {"budget": "attempts"}),
        ({"budget": {"wall_ms": 30_000}}, {"budget": "wall_ms"}),
        ({"budget": {"tokens": 1}}, {"budget": "tokens"}),
    ],
    ids=lambda value: "-".join(value),
)
async def test_what_was_spent_before_stays_spent(policy, told, scripted, at_rest):
    log = await reopened(cut_off(), scripted, at_rest, on_recovery="retry", **policy)
    ending = log[next(i for i, r in enumerate(log) if r.signal.type.endswith("generation.failed"))].signal.data
    assert told.items() <= ending["details"].items()
    assert ending["partial_text"] == "Once upon a time."
    assert scripted.backend.requests == []


async def test_the_attempts_of_both_processes_count_once_in_what_the_conversation_spent(scripted, at_rest):
    log = await reopened(cut_off(retries=1), scripted, at_rest, on_recovery="retry")
    spending = Spending()
    for recorded in log:
        spending.apply(recorded)
    assert spending.spent.attempts == 3


@pytest.mark.parametrize("on_recovery", ["fail", "retry"])
@pytest.mark.parametrize(
    "wish",
    [
        signal("conv.in.control.abort_requested", id="stop", reason="enough", requested_by="ada"),
        signal("conv.in.control.cancel_requested", id="stop", reason="enough", effect_id="llm-generation-m1"),
    ],
    ids=["abort", "cancel"],
)
async def test_a_wish_to_end_it_that_was_durable_is_kept(wish, on_recovery, scripted, at_rest):
    log = await reopened(cut_off(also=[wish]), scripted, at_rest, on_recovery=on_recovery)
    assert lifecycle(log) == ["started@1", "canceled@1"]
    (ending,) = (r.signal for r in log if r.signal.type.endswith("generation.canceled"))
    assert (ending.data["reason"], ending.cause_id) == ("enough", "stop")
    assert ending.data["details"] == {"recovered": True}
    assert ending.data["partial_text"] == "Once upon a time."
    assert scripted.backend.requests == []


async def test_a_wish_to_end_something_else_is_not_meant(scripted, at_rest):
    wish = signal("conv.in.control.cancel_requested", id="stop", effect_id="llm-generation-other")
    log = await reopened(cut_off(also=[wish]), scripted, at_rest, on_recovery="retry")
    assert lifecycle(log)[-1] == "completed@2"


async def test_one_that_never_said_who_would_answer_fails_under_the_names_that_were_asked_for(scripted, at_rest):
    log = await reopened(cut_off(cut=1), scripted, at_rest)
    (ending,) = (r.signal.data for r in log if r.signal.type.endswith("generation.failed"))
    assert (ending["backend"], ending["stream"]) == ("scripted", True)
    assert (ending["attempt"], ending["duration_ms"]) == (0, None)


async def test_what_nobody_asked_for_in_this_journal_is_failed():
    stray = signal("conv.effect.llm.generation.started", effect_id="llm-generation-elsewhere", attempt=1)
    journal = MemoryJournal()
    journal.append([stray])
    policy = merged_policy(DEFAULT_POLICIES["llm"], {"on_recovery": "retry"})
    wreck = wreck_of(journal, lambda start: policy, now_us())
    assert [(lost.cut.effect_id, lost.lifecycle) for lost in wreck.lost] == [("llm-generation-elsewhere", "failed")]
    assert wreck.resumed == []
