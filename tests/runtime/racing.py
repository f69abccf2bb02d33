"""What races with what, in the suites of races: an effect alone, and a whole runtime.

Each schedule runs on a loop whose order and time are drawn, so that each can be run again
(`jido_nb.testing.chosen_loop`). Times are few and round on purpose: most races are at the same instant.
"""

from hypothesis import strategies as st

from jido_nb.llm.error import LLMError
from jido_nb.testing.scripted_backend import Complete, Delta, Fail, Pause, Started, Wait

BUSY = Fail(LLMError("provider", "busy"))
ANSWERS = [Started("ref"), Delta("a"), Pause(2), Delta("b"), Complete()]
AGAINST = {
    "completion": [ANSWERS],
    "failure": [[Started("ref"), Delta("a"), Pause(2), Fail(LLMError("auth", "no"))]],
    "timeout": [[Started("ref"), Delta("a"), Wait()]],
    "retry wait": [[Started("ref"), Delta("a"), Pause(1), BUSY], [Started(None), BUSY], ANSWERS],
    "a stream cut off": [[Started(None), Delta("a"), Pause(2)], ANSWERS],
}
"""What the cancels race with, and what the backend does meanwhile. Attempts time out after 3 ms."""

MOMENTS = st.sampled_from([0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8])
"""In milliseconds after the message was sent."""
ACTS = st.lists(st.tuples(MOMENTS, st.sampled_from(["cancel", "cancel", "abort", "send"])), min_size=1, max_size=4)
CLOSES = st.none() | MOMENTS
OBEYS = st.sampled_from([[], [Pause(1)], [Pause(5)], [Fail(LLMError("transport", "gone"))]])
"""How the backend takes it when it is told of a cancel."""
