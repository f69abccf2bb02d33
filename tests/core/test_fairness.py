"""Who goes next among classes of urgency."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido_nb.core.fairness import CLASSES, NO_COUNTS, Counts, after_choice, choose, longest_wait

THRESHOLD = 5


def picks(readiness: Iterable[Iterable[int]], threshold: int = THRESHOLD) -> list[int]:
    """The classes that go, when at each pick the given classes have something ready."""
    counts: Counts = NO_COUNTS
    chosen = []
    for classes in readiness:
        ready = [number in set(classes) for number in range(CLASSES)]
        chosen.append(choose(ready, counts, threshold))
        counts = after_choice(ready, counts, chosen[-1])
    return chosen


@pytest.mark.parametrize(("urgent", "other"), [(0, 1), (0, 3), (1, 2), (1, 3), (2, 3)])
def test_between_two_classes_every_sixth_turn_goes_to_the_other(urgent: int, other: int) -> None:
    assert picks([[urgent, other]] * 18) == ([urgent] * 5 + [other]) * 3


@pytest.mark.parametrize("alone", range(CLASSES))
def test_a_class_that_is_alone_always_goes(alone: int) -> None:
    assert picks([[alone]] * 20) == [alone] * 20


@pytest.mark.parametrize("classes", [[0, 1, 2, 3], [0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]], ids=str)
def test_nobody_starves_when_many_are_always_ready(classes: list[int]) -> None:
    """Rule 2; in the original the third class never got a turn (W-4)."""
    went = picks([classes] * 300)
    for number in classes:
        turns = [-1, *(at for at, chosen in enumerate(went) if chosen == number)]
        assert max(later - earlier for earlier, later in itertools.pairwise(turns)) <= longest_wait(THRESHOLD)


SETS = st.lists(st.sets(st.integers(0, CLASSES - 1), min_size=1), min_size=1, max_size=120)


@given(SETS, st.integers(0, CLASSES - 1), st.integers(1, 6))
def test_a_class_that_stays_ready_waits_only_so_long_whatever_the_others_do(
    others: list[set[int]], patient: int, threshold: int
) -> None:
    went = picks([classes | {patient} for classes in others], threshold)
    turns = [-1, *(at for at, chosen in enumerate(went) if chosen == patient), len(went)]
    assert max(later - earlier for earlier, later in itertools.pairwise(turns)) <= longest_wait(threshold)


@pytest.mark.parametrize("before", range(40))
@pytest.mark.parametrize("others", [[1, 2, 3], [1, 2], [2, 3]], ids=str)
def test_a_control_signal_goes_at_once_however_long_others_have_waited(others: list[int], before: int) -> None:
    """Rule 2; in the original an abort came last (W-2)."""
    assert picks([others] * before + [[0, *others]])[-1] == 0


@given(SETS)
def test_only_a_ready_class_goes(readiness: list[set[int]]) -> None:
    assert all(chosen in classes for chosen, classes in zip(picks(readiness), readiness, strict=True))
