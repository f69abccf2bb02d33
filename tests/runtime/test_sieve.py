"""A secret that comes in pieces is taken out as if it had come whole."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jido_nb.llm.secrets import CERTAIN, REDACTED, scrub
from jido_nb.runtime.sieve import Sieve, Sought

KNOWN = ("hunter2hunter2", "correct horse battery", "zzz-zz-zzzz")
SOUGHT = Sought(KNOWN, CERTAIN)
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
FOUND = [
    *KNOWN,
    *(
        "sk-ant-api03-0123456789abcdef",
        "gsk_0123456789abcdefghij",
        "ghp_0123456789abcdefghij",
        "xai-abcdefghij0123456789",
    ),
    *(
        "github_pat_0123456789abcdefghij",
        "AIzaSyA0123456789abcdefghij",
        "AKIA0123456789ABCDEF",
        "xoxb-0123456789-abc",
        JWT,
    ),
    *("Authorization: Bearer abcdef0123456789", "authorization: abcdef", "Bearer abcdefghij0123456789+/=="),
    *("https://user:pa55word@host/path", "postgresql://me:secret@db:5432/x"),
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
]
NEARLY = [
    *(
        "task-oriented-programming-2024",
        "sk-",
        "risk-free",
        "hunter",
        "correct horse",
        "http://127.0.0.1:8080",
        "BEGIN ",
    ),
    *(
        "eyJ",
        "AKIA01",
        "Bearer of bad news",
        "authorization: ",
        "xox",
        "://",
        "@",
        "zzz-zz",
        "-----END",
        "-----",
        "BEG",
    ),
    *(" ", "\n", ".", "-", "_", "s", "k", "hello ", "é", "🙂", "\0", '"', ",", "0", "A"),
]
texts = st.lists(st.sampled_from(FOUND + NEARLY) | st.text(max_size=4), max_size=8).map("".join)


def sifted(pieces, sought=SOUGHT, **how):
    sieve = Sieve(sought)
    return [*map(sieve.feed, pieces), sieve.end(**how)]


@st.composite
def in_pieces(draw):
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@settings(max_examples=400, deadline=None)
@given(in_pieces())
@example(["ta", "sk-abcdefghijkl0123456789"])
@example(["Bearer ", "abcdefghij0123456789"])
def test_the_pieces_add_up_to_the_whole_without_secrets(pieces):
    assert "".join(sifted(pieces)) == scrub("".join(pieces), KNOWN, CERTAIN)


@pytest.mark.parametrize("text", FOUND)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_no_piece_shows_any_of_a_secret(text, size):
    whole = f"It is {text} and no more"
    hidden = scrub(whole, KNOWN, CERTAIN)
    assert REDACTED in hidden
    shown = sifted([whole[at : at + size] for at in range(0, len(whole), size)])
    for so_far in range(1, len(shown)):
        assert hidden.startswith("".join(shown[:so_far]))


@pytest.mark.parametrize("word", ["Hello", " world", "\n\n", " 3.5", " naïve", " a-b", "| --- |", " {", "}"])
def test_what_is_no_beginning_of_a_secret_waits_for_nothing(word):
    assert sifted([word])[0] == word


@pytest.mark.parametrize(("cut", "shown"), [(3, "I say hun"), (9, f"I say {REDACTED}"), (13, f"I say {REDACTED}")])
def test_what_is_cut_off_within_a_known_secret_keeps_nothing_that_helps(cut, shown):
    assert "".join(sifted(["I say ", KNOWN[0][:cut]], cut_off=True)) == shown


@settings(max_examples=200, deadline=None)
@given(in_pieces(), st.data())
def test_what_is_taken_back_is_counted_as_it_was_shown(pieces, data):
    sieve, came = Sieve(SOUGHT), "".join(pieces)
    shown = "".join(map(sieve.feed, pieces))
    kept = sieve.keep(data.draw(st.integers(0, len(came))))
    assert 0 <= kept <= len(shown)
    sieve.keep(10**9)
    after = shown[:kept] + sieve.feed(" and hunter2hun") + sieve.feed("ter2 ends.") + sieve.end()
    assert "hunter2hunter2" not in after
    assert after.endswith(f" and {REDACTED} ends.")


def test_a_rule_of_ones_own_is_looked_for_word_by_word():
    from jido_nb.llm.secrets import Rule, re

    sought = Sought((), (*CERTAIN, Rule((), re.compile(r"PROJECT-\d{3,}"))))
    assert sifted(["see PRO", "JECT-12", "3456", " now"], sought) == ["see ", "", "", f"{REDACTED} ", "now"]


def test_a_token_without_an_end_costs_no_more_than_its_length():
    sieve, looks = Sieve(SOUGHT), 0
    release = sieve._release

    def counted(text, settled):
        nonlocal looks
        looks += len(text)
        return release(text, settled)

    sieve._release = counted
    pieces = ["sk-0", *["abcd"] * 20_000]
    assert "".join([*map(sieve.feed, pieces), sieve.end()]) == REDACTED
    assert looks < 20 * 80_004
