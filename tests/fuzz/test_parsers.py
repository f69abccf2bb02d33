"""Whatever is typed, set, sent or stored: it is understood, or refused by the error that is named for it."""

import math
from email.utils import format_datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from IPython.core.error import UsageError

from jido_nb.core.contract import normalize
from jido_nb.core.signal import Signal
from jido_nb.errors import ConfigError, ContractError
from jido_nb.journal.codec import COLUMNS, READ_COLUMNS, from_row, to_row
from jido_nb.llm.model_spec import parse_model_spec
from jido_nb.llm.overrides import parse_overrides
from jido_nb.llm.retry_after import retry_after_ms
from jido_nb.llm.settings import Settings
from jido_nb.notebook.flags import parse
from jido_nb.notebook.magics import JidoMagics
from jido_nb.notebook.template import interpolate
from jido_nb.settings import load_settings

from .broken_json import tried, values, words_of

quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
CONTRACT = [*words_of("core/contract.py", "core/catalogue.py"), "conv.in.message.received", "message_id", "content"]
SETTINGS = [*words_of("llm/settings.py", "core/policy.py", "core/budget.py"), *Settings.model_fields]


def checked(raw):
    return normalize(raw, new_id=lambda: "new", now_us=lambda: 1)


odd = st.sampled_from([math.nan, math.inf, b"bytes", {1: 2}, object(), ("a", 1), {"a"}, "x" * 1000])
raws = st.fixed_dictionaries(
    {},
    optional={
        "id": values(CONTRACT) | st.just("s1"),
        "type": st.sampled_from(["conv.in.message.received", "conv.effect.llm.generation.progress"]) | values(CONTRACT),
        "source": values() | st.just("/x"),
        "subject": values() | st.just("c1"),
        "conversation_id": values(),
        "project_id": values(),
        "contract_major": st.just(1) | values(),
        "specversion": values(),
        "time": values() | st.just("2026-01-01T00:00:00Z") | st.datetimes(),
        "data": values(CONTRACT)
        | odd
        | st.just({"message_id": "m", "content": "x", "effect_id": "e", "lifecycle": "y"}),
        "extensions": values(CONTRACT) | odd,
        "traceparent": values() | odd,
    },
)


@given(raws | values(CONTRACT) | odd)
@settings(quick, max_examples=300)
def test_what_comes_from_outside_is_a_signal_or_refused(raw):
    before = repr(raw)
    signal, refusal = tried(ContractError, lambda: checked(raw))
    if refusal is not None:
        assert refusal.field
        assert refusal.reason
    else:
        assert isinstance(signal, Signal)
        assert checked(signal) == signal
    assert repr(raw) == before


@given(values(), values(), st.text(max_size=8))
@quick
def test_a_row_gives_back_the_signal(content, more, text):
    raw = {
        "type": "conv.effect.llm.generation.progress",
        "subject": "c1",
        "contract_major": 1,
        "extensions": {"more": more},
        "data": {
            "effect_id": "e",
            "lifecycle": "progress",
            "content": content,
            "backend": content,
            "attempt": more,
            text: 1,
        },
    }
    signal, refusal = tried(ContractError, lambda: checked(raw))
    if refusal is not None:
        return
    row = dict(zip(COLUMNS, to_row(7, signal), strict=True))
    seq, back = from_row(tuple(row[name] for name in READ_COLUMNS))
    assert (seq, back, back.body) == (7, signal, signal.body)


@given(st.text(max_size=30) | st.lists(st.sampled_from(
    ["-m", "--model", "x:y", "-p", "a=1", "a=", "=", "--new", "-c", "--budget", "tokens=9", "--timeout", "-1", "1e9",
     "'", "--", "-o", "class", "--attempts", "0", "--nw", "\\", "{{", "9" * 20, "-pa={}", "--help", "%%", "$x"]
), max_size=6).map(" ".join))  # fmt: skip
@settings(quick, max_examples=400)
def test_flags_are_understood_or_refused(line):
    flags, refusal = tried(UsageError, lambda: parse(JidoMagics.ask.parser, line))
    assert str(refusal) if refusal is not None else isinstance(flags.options, dict)


@given(
    st.text("{} x+'\"[]()\n\\#:=,", max_size=40),
    st.sampled_from(["", "{{ x }}", "{{", "}}", "(" * 300, "\0", "\ud800"]),
)
@settings(quick, max_examples=400)
def test_a_template_is_filled_or_refused(text, more):
    filled, refusal = tried(ConfigError, lambda: interpolate(text + more + text, {"x": 1}))
    assert refusal.field == "prompt" if refusal is not None else isinstance(filled, str)


@given(values(SETTINGS) | st.dictionaries(st.sampled_from(SETTINGS), values(SETTINGS), max_size=4))
@quick
def test_settings_are_taken_or_refused(raw):
    taken, refusal = tried(ConfigError, lambda: repr(Settings.model_validate(raw)))
    assert taken or str(refusal)


@given(st.dictionaries(
    st.lists(st.sampled_from([word.upper() for word in SETTINGS if word.isidentifier()]), min_size=1, max_size=4).map(
        lambda parts: "JIDO_NB_" + "__".join(parts)
    ),
    st.text(max_size=10) | st.sampled_from(["{}", "[]", "1", "null", "[" * 2000, "1e999", '{"a": {"b": 1}}']),
    max_size=3,
))  # fmt: skip
@quick
def test_the_environment_is_taken_or_refused(tmp_path_factory, environ):
    folder = tmp_path_factory.getbasetemp()
    taken, refusal = tried(ConfigError, lambda: load_settings(cwd=folder, environ=environ))
    assert taken or str(refusal)


@given(st.text(max_size=20) | st.text("abc:/ -_.", max_size=20), values())
@quick
def test_a_model_is_found_or_refused(text, raw):
    known, named = Settings().llm, (ConfigError, ContractError)
    providers = known.backends["jido_ai"].providers
    found, refusal = tried(named, lambda: parse_model_spec(text, providers=providers, aliases=known.aliases))
    assert found or refusal.field
    said, refusal = tried(named, lambda: parse_overrides(raw))
    assert refusal is None or refusal.field
    assert refusal is not None or said.to_payload() is not None


@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms"]),
        st.text(max_size=12)
        | st.floats().map(str)
        | st.integers().map(str)
        | st.datetimes().map(format_datetime)
        | st.sampled_from(["1e308", "1e400", "-0", "nan", "inf", "Wed, 99 Foo 2026", "1_0", "٣"]),
    ),
    st.floats(0, 1e11),
)
@settings(quick, max_examples=400)
def test_a_wait_is_read_or_ignored(headers, now_s):
    wait = retry_after_ms(headers, now_s)
    assert wait is None or (isinstance(wait, int) and wait >= 0)


@pytest.mark.parametrize("deep", ["(" * 100_000, "[" * 100_000, "-" * 100_000 + "1", "x." * 50_000 + "x"])
def test_an_expression_of_great_depth_is_refused(deep):
    with pytest.raises(ConfigError):
        interpolate("{{ " + deep + " }}", {"x": 1})
