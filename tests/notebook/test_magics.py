"""`%load_ext` costs nothing, the magics say in one line what is wrong, and unloading leaves nothing behind."""

import os
import re
from pathlib import Path

import pytest

from jido_nb.errors import JournalError
from jido_nb.notebook.lab import Lab

from .comm_front_end import CommFrontEnd

THREADS = "import threading; sorted(t.name for t in threading.enumerate() if t.name.startswith('jido'))"
HEAVY = "import sys; set(sys.modules) & {'pandas', 'matplotlib', 'anthropic', 'httpx', 'pydantic', 'anywidget'}"


def test_loading_prints_nothing_opens_nothing_and_may_be_repeated(fresh_kernel: CommFrontEnd) -> None:
    cell = fresh_kernel.run("%load_ext jido_nb")
    assert (cell.outputs, cell.stdout, cell.stderr, cell.error) == ([], "", "", None)
    # IPython itself remarks on a second %load_ext; ours must not mind being called.
    again = fresh_kernel.run("import jido_nb; old = jido; jido_nb.load_ipython_extension(get_ipython()); jido is old")
    assert again.texts == ["True"]
    assert fresh_kernel.run(HEAVY).texts == ["set()"]
    assert fresh_kernel.run(THREADS).texts == ["[]"]
    assert fresh_kernel.run("jido").texts == ["<Lab memory not opened yet>"]
    assert fresh_kernel.run(THREADS).texts == ["[]"]
    assert fresh_kernel.opened == []


@pytest.mark.parametrize("way", ["%unload_ext jido_nb", "%reload_ext jido_nb"])
def test_unloading_and_reloading_leave_no_thread_hook_or_comm(fresh_kernel: CommFrontEnd, way: str) -> None:
    fresh_kernel.run("ip = get_ipython(); hooks = str(ip.events.callbacks)")
    fresh_kernel.run("%load_ext jido_nb")
    fresh_kernel.run("%%jido --bg -m simulated:slow\nslowly")
    fresh_kernel.run("old = jido")
    assert fresh_kernel.run(way).error is None
    assert fresh_kernel.run(THREADS).texts == ["[]"]
    assert fresh_kernel.run("old").texts == ["<Lab memory closed>"]
    assert fresh_kernel.comms == {}
    if "reload" in way:
        assert fresh_kernel.run("jido is old").texts == ["False"]
        assert fresh_kernel.run("%%jido -m simulated:thinking\nagain").error is None
        assert "closed; %reload_ext" in fresh_kernel.run("jido.close()\n%jido").texts[0]
        fresh_kernel.run("%unload_ext jido_nb")
    assert fresh_kernel.run("'jido' in ip.user_ns, 'JidoMagics' in ip.magics_manager.registry").texts == [
        "(False, False)"
    ]
    left = "[c for c in ip.configurables if type(c).__name__ == 'JidoMagics'], str(ip.events.callbacks) == hooks"
    assert fresh_kernel.run(left).texts == ["([], True)"]
    assert "not found" in fresh_kernel.run("%jido").stderr


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("%%jido --modle x\nhi", "no flag '--modle'. Did you mean '--model'?"),
        ("%%jido hello\nhi", "the prompt goes below the first line"),
        ("%%jido -p nonsense\nhi", "-p takes key=value"),
        ("%%jido -o not-a-name\nhi", "-o takes a Python name"),
        ("%%jido --timeout 0\nhi", "--timeout"),
        ("%%jido --timeout soon\nhi", "--timeout"),
        ("%%jido -m\nhi", "expected one argument"),
        ("%%jido --new -c x\nhi", "exclude each other"),
        ("%%jido --system 'open\nhi", "No closing quotation"),
        ("%%jido\n{{ nowhere }}", "name 'nowhere' is not defined"),
        ("%%jido -b jido_aj\nhi", "jido_ai"),
        ("%%jido -m simulated:stori\nhi", "story"),
        ("%%jido -o class\nhi", "-o takes a Python name"),
        ("%%jido -o\nhi", "expected one argument"),
        ("%%jido --attempts 0\nhi", "--attempts"),
        ("%%jido --budget cost\nhi", "--budget takes key=value"),
        ("%%jido --budget tokenz=3\nhi", "Did you mean 'tokens'?"),
        ("%jido recording reply x.jsonl", "Did you mean 'replay'?"),
        ("%jido recording replay", "takes one path"),
        ("%jido recording off x.jsonl", "takes no path"),
        ("%jido recording replay nowhere.jsonl", "there is no recording at nowhere.jsonl"),
        ("%jido recording record x.jsonl --timing=slow", "recording.timing"),
        ("%jido models antropic", "Did you mean 'anthropic'?"),
        ("%jido hepl", "Did you mean 'help'?"),
        ("%jido use", "takes a model"),
        ("%jido use simulatd:story", "simulated"),
        ("%jido journal /proc/nowhere/x.sqlite", "/proc/nowhere"),
    ],
)
def test_mistakes_are_one_line_and_fail_the_cell(live_kernel: CommFrontEnd, code: str, words: str) -> None:
    cell = live_kernel.run(code)
    assert cell.reply is not None
    assert cell.reply["status"] == "error"
    said = cell.stderr.strip() or "\n".join(cell.error["traceback"] if cell.error else [])
    assert words in said
    assert len(said.splitlines()) == 1, said


def test_a_failed_answer_fails_the_cell_in_one_line_and_keeps_its_output(live_kernel: CommFrontEnd) -> None:
    cell = live_kernel.run("%%jido -o turn -m simulated:always-503\ngo")
    assert cell.error is not None
    assert cell.error["ename"] == "GenerationFailed"
    assert len(cell.error["traceback"]) == 1
    assert len(cell.outputs) == 1
    assert "[failed] provider:" in cell.texts[0]
    assert live_kernel.run("turn.status").texts == ["'failed'"]


@pytest.mark.parametrize(
    "command",
    [
        *("", "models", "models anthropic", "models simulated", "backends", "history", "journal", "recording"),
        *("events", "retries", "telemetry", "replay", "doctor", "help"),
    ],
)
def test_each_command_shows_something(live_kernel: CommFrontEnd, command: str) -> None:
    live_kernel.run("%%jido -m simulated:thinking\nhello")
    cell = live_kernel.run(f"%jido {command}")
    assert cell.error is None, cell.error["traceback"]
    assert len(cell.outputs) == 1
    assert cell.texts[0].strip()


MADE_BY_PEOPLE = [
    ("jido_nb.Lab('/nowhere/x.sqlite')", "JournalError: cannot keep a journal at"),
    ("jido_nb.Lab(settings={'journl': 'x'})", "ConfigError: no setting 'journl'. Did you mean 'journal'?"),
    ("closed = jido_nb.Lab(); closed.close(); closed.conversation()", "ClosedError: this Lab is closed"),
    (
        "labs = [jido_nb.Lab('held.sqlite') for _ in range(2)]\n"
        "for lab in labs: lab.conversation('c1').ask('hi', model='simulated:echo')",
        "the conversation 'c1' of ",
    ),
    ("jido.conversation().send('hi', model='simulated:stori').result()", "Did you mean 'story'?"),
    ("await jido.conversation().send('hi', model='simulated:unauthorized')", "GenerationFailed: the generation"),
    ("jido_nb.turns_df('nowhere.sqlite')", "JournalError: there is no journal at"),
    ("jido_nb.turns_df(jido, columns=['promt'])", "Did you mean 'prompt'?"),
    ("jido.recording('replay', 'nowhere.jsonl')", "there is no recording at nowhere.jsonl"),
    ("from jido_nb.errors import JidoError; raise JidoError('\\x1b[2Jgone')", "JidoError: ␛[2Jgone"),
]


@pytest.mark.parametrize(("code", "words"), MADE_BY_PEOPLE)
def test_what_people_get_wrong_is_one_line_outside_of_magics_too(
    live_kernel: CommFrontEnd, code: str, words: str
) -> None:
    cell = live_kernel.run(f"import jido_nb\n{code}")
    assert cell.error is not None
    (line,) = cell.error["traceback"]
    assert words in line
    assert len(line.splitlines()) == 1


def test_two_kernels_share_a_journal_and_each_conversation_has_one_of_them(
    fresh_kernel: CommFrontEnd, tmp_path: Path
) -> None:
    fresh_kernel.run("%load_ext jido_nb")
    with Lab(tmp_path / "shared.sqlite") as lab:
        lab.conversation("mine", model="simulated:echo").ask("hi")
        assert fresh_kernel.run("%jido journal shared.sqlite").error is None
        cell = fresh_kernel.run("%%jido -c mine -m simulated:echo\nhi")
        assert cell.error is not None
        (line,) = cell.error["traceback"]
        assert f"in use by process {os.getpid()}" in line
        assert "go on in another conversation or journal" in line
        assert fresh_kernel.run("%%jido -c yours -m simulated:echo\nhi").error is None
        with pytest.raises(JournalError, match="in use by process"):
            lab.conversation("yours").ask("hi")
    fresh_kernel.run("%unload_ext jido_nb")


def test_no_made_up_id_is_in_what_a_command_says(live_kernel: CommFrontEnd) -> None:
    for command in ("%jido new", "%jido", "%jido history"):
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", live_kernel.run(command).texts[0])
    live_kernel.run("%%jido -c cooking -m simulated:echo\nhi")
    assert re.search("conversation +cooking", live_kernel.run("%jido").texts[0])


def test_what_we_get_wrong_keeps_its_traceback(live_kernel: CommFrontEnd) -> None:
    cell = live_kernel.run("import jido_nb\njido_nb.turns_df()")
    assert cell.error is not None
    assert len(cell.error["traceback"]) > 1


def test_the_prompt_that_is_sent_can_be_shown(live_kernel: CommFrontEnd) -> None:
    live_kernel.run("import pandas as pd; frame = pd.DataFrame({'a': [1, 2]})")
    prompt, answer = live_kernel.run("%%jido --show-prompt -m simulated:echo --new\n<b>{{ frame }}").outputs
    assert prompt["data"]["text/plain"].startswith("<b>A table of 2 rows and 1 columns")
    assert "&lt;b&gt;A table" in prompt["data"]["text/html"]
    assert "A table of 2 rows" in answer["data"]["text/plain"]


def test_attempts_and_budgets_bound_an_answer(live_kernel: CommFrontEnd) -> None:
    cell = live_kernel.run("%%jido -o turn --attempts 1 -m simulated:always-503 --new\nhi")
    assert "after 1 attempt" in cell.error["traceback"][0]
    cell = live_kernel.run("%%jido -o turn --budget attempts=1 -m simulated:always-503 --new\nhi")
    assert "budget" in cell.error["traceback"][0]
    cell = live_kernel.run("%jido retries")
    assert "always-503" in cell.texts[0]


def test_a_recording_is_made_and_replayed_by_line(fresh_kernel: CommFrontEnd) -> None:
    def asked() -> str:
        (text,) = fresh_kernel.run("%%jido --new -m simulated:flaky-503\nhello").texts
        return text

    fresh_kernel.run("%load_ext jido_nb")
    assert fresh_kernel.run("%jido recording").texts == ["recording  off"]
    assert "record r.jsonl: holds 0 requests" in fresh_kernel.run("%jido recording record r.jsonl").texts[0]
    text = asked()
    assert "holds 3 requests; 0 replayed, 3 called" in fresh_kernel.run("%jido recording").texts[0]
    fresh_kernel.run("%jido recording replay r.jsonl")
    # The log may go elsewhere meanwhile: who replays goes on replaying.
    fresh_kernel.run("%jido journal other.sqlite")
    assert asked() == text
    assert "3 replayed, 0 called" in fresh_kernel.run("jido.recording()").texts[0]
    again = fresh_kernel.run("%%jido --new -m simulated:flaky-503\nhello")
    assert "holds one answer to this request" in again.error["traceback"][0]
    assert fresh_kernel.run("%jido recording off").texts == ["recording  off"]
    assert asked() == text
    fresh_kernel.run("%unload_ext jido_nb")


def test_doctor_says_which_ways_to_cancel_exist(live_kernel: CommFrontEnd, headless_kernel: CommFrontEnd) -> None:
    for kernel, words in ((live_kernel, "at any time"), (headless_kernel, "nobody is there to press it")):
        (text,) = kernel.run("%jido doctor").texts
        (button,) = [line for line in text.splitlines() if line.startswith("cancel: button")]
        assert words in button


def test_doctor_lists_the_agents_before_anything_is_open_and_opens_nothing(fresh_kernel: CommFrontEnd) -> None:
    fresh_kernel.run("%load_ext jido_nb")
    (text,) = fresh_kernel.run("%jido doctor").texts
    (stand_in,) = [line for line in text.splitlines() if line.startswith("agent simulated")]
    assert stand_in.endswith("logged in; cancel: SIGINT")
    fresh_kernel.run("%env JIDO_NB_LLM__DEFAULT_MODLE=x")
    try:
        (text,) = fresh_kernel.run("%jido doctor").texts
        assert "settings" in text
        assert "Did you mean" in text
    finally:
        fresh_kernel.run("import os; os.environ.pop('JIDO_NB_LLM__DEFAULT_MODLE', None)")
    assert fresh_kernel.run(THREADS).texts == ["[]"]
    fresh_kernel.run("%unload_ext jido_nb")


def test_conversations_go_on_begin_anew_and_have_names(live_kernel: CommFrontEnd) -> None:
    def asked(code: str) -> tuple[str, str]:
        live_kernel.run(code)
        return live_kernel.run("turn.conversation_id").texts[0], live_kernel.run("turn.text").texts[0]

    first, _ = asked("%%jido -o turn --new -m simulated:echo\nmy name is Ada")
    same, text = asked("%%jido -o turn -m simulated:echo\nwho am I?")
    assert same == first
    assert "Ada" in text
    other, text = asked("%%jido -o turn -c 'named one' -m simulated:echo\nwho am I?")
    assert other == "'named one'"
    assert "Ada" not in text
    assert asked("%%jido -o turn -m simulated:echo\nstill here")[0] == other
    live_kernel.run("%jido new")
    assert asked("%%jido -o turn -m simulated:echo\nfresh")[0] not in (first, other)


def test_flags_reach_the_request(live_kernel: CommFrontEnd) -> None:
    live_kernel.run("n = 6")
    live_kernel.run(
        "%%jido -o turn --new -m simulated:echo --system 'Be brief.' -p temperature=0.5 --no-stream --timeout 9000\n"
        "what is {{ n * 7 }}, {n}?"
    )
    message = live_kernel.run(
        "r = jido.events('conv.in.message.received', subject=turn.conversation_id)[-1].signal.data; r['content']"
    )
    assert message.texts == ["'what is 42, {n}?'"]
    started = "jido.events('conv.effect.**.started', subject=turn.conversation_id)[-1].signal.data"
    assert live_kernel.run(f"d = {started}; d['stream'], d['timeout_ms']").texts == ["(False, 9000)"]
    assert live_kernel.run("r['llm'] if 'llm' in r else r").texts != [""]
    assert "Be brief." in live_kernel.run("str(r)").texts[0]
    assert "0.5" in live_kernel.run("str(r)").texts[0]


def test_use_sets_who_answers(live_kernel: CommFrontEnd) -> None:
    live_kernel.run("%jido use simulated:thinking")
    try:
        live_kernel.run("%%jido -o turn --new\nhello")
        assert live_kernel.run("turn.view.model").texts == ["'thinking'"]
    finally:
        live_kernel.run("%jido use simulated:story")


def test_help_lists_the_flags_and_config_the_settings(live_kernel: CommFrontEnd) -> None:
    cell = live_kernel.run("%config JidoMagics")
    assert "JidoMagics.stream" in cell.stdout
    assert (
        "--no-interpolate"
        in live_kernel.run("print(get_ipython().magics_manager.magics['cell']['jido'].__doc__)").stdout
    )
