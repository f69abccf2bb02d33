"""Tab completes what may follow `%jido` and `%%jido`, in a real kernel, and opens nothing for it."""

import pytest

from .comm_front_end import LIMIT_S, CommFrontEnd


@pytest.fixture(scope="module")
def kernel(headless_kernel: CommFrontEnd) -> CommFrontEnd:
    # A conversation to go on with, in the log of an open Lab.
    headless_kernel.run("%%jido -c cooking -m simulated:thinking\nhello")
    return headless_kernel


def completed(kernel: CommFrontEnd, code: str) -> tuple[str, list[str]]:
    """The text that is replaced, and what it may become. `|` is the cursor."""
    at = code.index("|")
    whole = code.replace("|", "", 1)
    asked = kernel.client.complete(whole, at)
    while True:
        reply = kernel.client.get_shell_msg(timeout=LIMIT_S)
        if reply["parent_header"].get("msg_id") == asked:
            content = reply["content"]
            return whole[content["cursor_start"] : content["cursor_end"]], content["matches"]


@pytest.mark.parametrize(
    ("code", "fragment", "words"),
    [
        ("%jido re|", "re", ["recording", "replay", "retries"]),
        ("n = 1\n%jido his|", "his", ["history"]),
        ("turns = %jido hi|", "hi", ["history"]),
        ("%jido recording re|", "re", ["record", "replay"]),
        ("%jido use simulated:st|", "simulated:st", None),
        ("%jido history coo|", "coo", ["cooking"]),
        ("%jido models anth|", "anth", ["anthropic"]),
        ("%%jido --mo|", "--mo", ["--model"]),
        ("%%jido --bg --no|\nhello", "--no", ["--no-interpolate", "--no-stream"]),
        ("%%jido -b har|", "har", ["harness"]),
        ("%%jido -c coo|", "coo", ["cooking"]),
        (
            "%%jido -m simulated:fl|\nhello",
            "simulated:fl",
            [f"simulated:flaky-{way}" for way in ("429", "503", "reset")],
        ),
        ("%%jido --budget to|", "to", ["tokens="]),
    ],
)
def test_what_fits_is_offered(kernel: CommFrontEnd, code: str, fragment: str, words: list[str] | None) -> None:
    replaced, offered = completed(kernel, code)
    assert replaced == fragment
    assert all(word.startswith(fragment) for word in offered)
    if words is None:
        assert "simulated:story" in offered
    else:
        assert offered == words


@pytest.mark.parametrize("code", ["%%jido --system he|", "%%jido -o tu|", "%%jido -p max_to|", "%jido doctor no|"])
def test_what_is_free_text_is_left_alone(kernel: CommFrontEnd, code: str) -> None:
    _, offered = completed(kernel, code)
    assert not any(word.startswith("-") or ":" in word for word in offered)


def test_the_prompt_itself_is_python_no_more_than_it_is_ours(kernel: CommFrontEnd) -> None:
    kernel.run("cooking_time = 3")
    assert "cooking_time" in completed(kernel, "%%jido\n{{ cooking_ti|")[1]
    assert "--model" not in completed(kernel, "%%jido\n--mo|")[1]


def test_before_anything_is_open_names_come_from_the_settings(fresh_kernel: CommFrontEnd) -> None:
    before = fresh_kernel.run("len(get_ipython().Completer.custom_matchers)").texts
    fresh_kernel.run("%load_ext jido_nb")
    assert "simulated:story" in completed(fresh_kernel, "%%jido -m simulated:sto|")[1]
    assert completed(fresh_kernel, "%%jido -c coo|")[1] == []
    assert fresh_kernel.run("jido").texts == ["<Lab memory not opened yet>"]
    fresh_kernel.run("%unload_ext jido_nb")
    assert fresh_kernel.run("len(get_ipython().Completer.custom_matchers)").texts == before
