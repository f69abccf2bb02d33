"""Lines of bytes: wherever chunks end, whatever lines hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido_nb.backends.harness.lines import LineFramer
from jido_nb.llm.error import LLMError

WIRE = '{"a":"x\u2028y\u2029z\x85"}\r\n\n  \n{"b":1}\n{"c":"é"}'.encode()
LINES = ['{"a":"x\u2028y\u2029z\x85"}'.encode(), b'{"b":1}', '{"c":"é"}'.encode()]


@pytest.mark.parametrize("cut", range(len(WIRE) + 1))
def test_it_does_not_matter_where_chunks_end(cut: int) -> None:
    framer = LineFramer()
    lines = [*framer.feed(WIRE[:cut]), *framer.feed(WIRE[cut:]), framer.tail()]
    assert lines == LINES


@given(st.lists(st.binary().filter(lambda line: b"\n" not in line and line.strip(b"\r \t") == line != b"")))
def test_what_goes_in_comes_out(lines: list[bytes]) -> None:
    framer = LineFramer()
    assert framer.feed(b"".join(line + b"\n" for line in lines)) == lines
    assert framer.tail() == b""


def test_a_line_may_be_long_and_come_in_small_pieces() -> None:
    framer = LineFramer()
    for _ in range(5000):
        assert framer.feed(b"x" * 1000) == []
    assert framer.feed(b"\n") == [b"x" * 5_000_000]


@pytest.mark.parametrize("chunks", [[b"x" * 11], [b"x" * 6, b"x" * 5], [b"ok\n" + b"x" * 11]])
def test_a_line_over_the_limit_is_refused(chunks: list[bytes]) -> None:
    framer = LineFramer(max_bytes=10)
    with pytest.raises(LLMError, match="more than 10 bytes") as caught:  # noqa: PT012
        for chunk in chunks:
            framer.feed(chunk)
    assert (caught.value.category, caught.value.retryable) == ("transport", False)
