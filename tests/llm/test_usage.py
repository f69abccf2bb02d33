"""What an answer that broke off is taken to have consumed."""

import pytest

from jido_nb.llm.usage import Usage, estimated

IN = Usage(input_tokens=9)


@pytest.mark.parametrize(
    ("told", "characters", "usage"),
    [
        (None, 0, None),
        (IN, 0, IN),
        (None, 8, Usage(output_tokens=2)),
        (IN, 9, Usage(input_tokens=9, output_tokens=3)),
        (Usage(9, 1, cache_read_tokens=5), 400, Usage(9, 100, cache_read_tokens=5)),
        (Usage(9, 100), 400, Usage(9, 100)),
        (Usage(9, 250), 400, Usage(9, 250)),
    ],
)
def test_the_output_is_what_was_told_but_at_least_a_quarter_of_the_characters(
    told: Usage | None, characters: int, usage: Usage | None
) -> None:
    assert estimated(told, characters) == usage
    if usage == told:
        assert estimated(told, characters) is told
