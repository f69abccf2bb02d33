"""What `%jido` can do: a table of commands. To add one, write a method and a row."""

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from ..errors import ConfigError, closest, printable
from .doctor import examine
from .frontend import find_frontend
from .report import Report, Table, shorten

if TYPE_CHECKING:
    from .magics import JidoMagics


CANCEL_LIMIT_S = 5.0
MODES = ("off", "record", "replay", "auto")


class Command(NamedTuple):
    run: Callable[["Commands", str], Any]
    usage: str
    help: str


class Commands:
    """Carries out `%jido` lines for one set of magics. Each command returns something that displays itself, or None."""

    def __init__(self, magics: "JidoMagics") -> None:
        self._magics = magics

    def run(self, line: str) -> Any:
        """Carry out one line.

        Raises:
            ConfigError: there is no such command, or what follows it does not fit.
        """
        name, _, rest = line.strip().partition(" ")
        command = COMMANDS.get(name or "status")
        if command is None:
            raise ConfigError(
                f"%jido has no command {name!r}.{closest(name, COMMANDS)} %jido help lists them.",
                field="command",
                value=name,
            )
        return command.run(self, rest.strip())

    def status(self, _rest: str) -> Report:
        magics, lab = self._magics, self._magics.lab
        if not lab.is_open:
            ways = "closed; %reload_ext jido_nb makes a new one", "not started; the first %%jido cell starts it"
            return Report([("journal", lab.journal_location), ("runtime", ways[not lab.closed])])
        health = lab.health()
        last = magics.turns[0] if magics.turns else None
        return Report(
            [
                ("journal", f"{lab.journal_location} ({health.signals} signals)"),
                ("runtime", health.status + "".join(f"; {problem}" for problem in health.problems)),
                ("effects", f"{health.in_flight} running, {health.queued} queued"),
                ("model", self._default_model()),
                ("conversation", _name(magics.conversation_id) if magics.conversation_id else "none yet"),
                ("recording", lab.recording()),
                ("last turn", f"{last.status}, {len(last.text)} characters" if last is not None else "none yet"),
            ]
        )

    def use(self, rest: str) -> Report:
        words = rest.split()
        if len(words) == 1:
            self._magics.used = self._magics.lab.use(words[0])
        elif len(words) == 2 and words[0] in self._magics.lab.backends():
            self._magics.used = self._magics.lab.use(words[1], backend=words[0])
        else:
            raise ConfigError(
                "%jido use takes a model such as simulated:story, or a backend and a model. %jido models lists some.",
                field="use",
                value=rest,
            )
        return Report([("model", self._default_model())])

    def cancel(self, _rest: str) -> "Line":
        canceled = [turn for turn in self._magics.turns if turn.cancel(requested_by="%jido cancel")]
        for turn in canceled:
            turn.wait(CANCEL_LIMIT_S)
        if not canceled:
            return Line("nothing is running")
        return Line("\n".join(f"{turn.status}; {len(turn.text)} characters are kept" for turn in canceled))

    def history(self, rest: str) -> Table:
        conversation_id = rest or self._magics.conversation_id
        columns = ("", "role", "what", "text")
        if conversation_id is None:
            return Table(columns, [], empty="no conversation yet")
        entries = self._magics.lab.conversation(conversation_id).timeline()
        # A finished answer stands beside the deltas it came in; people want it once.
        kept = [entry for entry in entries if entry.kind != "delta"]
        rows = [(number, entry.role, entry.kind, shorten(entry.content, 200)) for number, entry in enumerate(kept, 1)]
        return Table(columns, rows, empty=f"nothing was said in this conversation ({_name(conversation_id)}) yet")

    def new(self, _rest: str) -> Report:
        return Report([("conversation", f"a new one, {_name(self._magics.begin().id)}")])

    def models(self, rest: str) -> Table:
        from .model_list import models_of, usual_models

        settings = self._magics.lab.settings.llm
        columns = ("model", "what it is", "input $/M", "output $/M")
        return Table(columns, models_of(rest, settings) if rest else usual_models(settings))

    def backends(self, _rest: str) -> Table:
        llm = self._magics.lab.settings.llm
        rows = [
            (name, "default" if name == llm.default_backend else "", ", ".join(table.providers) or "")
            for name, table in llm.backends.items()
        ]
        return Table(("backend", "", "providers"), rows)

    def journal(self, rest: str) -> Report:
        lab = self._magics.replace_lab(rest) if rest else self._magics.lab
        facts: list[tuple[str, object]] = [("journal", lab.journal_location)]
        if lab.is_open:
            facts += [(name.replace("_", " "), value) for name, value in lab.journal.statistics().items()]
        return Report(facts)

    def recording(self, rest: str) -> Report:
        words = shlex.split(rest)
        timing = words.pop().removeprefix("--timing=") if words and words[-1].startswith("--timing=") else "none"
        lab = self._magics.lab
        if not words:
            return Report([("recording", lab.recording() if lab.is_open else "off")])
        mode, *path = words
        if mode not in MODES:
            raise ConfigError(
                f"%jido recording has no mode {mode!r}.{closest(mode, MODES)} It takes record, replay or auto with a "
                "path, or off.",
                field="recording.mode",
                value=mode,
            )
        if len(path) != (mode != "off"):
            takes = "no path" if mode == "off" else "one path"
            raise ConfigError(f"%jido recording {mode} takes {takes}", field="recording.path", value=rest)
        factor: float | str = float(timing) if timing.replace(".", "", 1).isdigit() else timing
        return Report([("recording", lab.recording(mode, *path, timing=factor))])

    def retries(self, rest: str) -> Any:
        from ..analysis.frames.attempts import attempts_df

        columns = ["conversation_id", "attempt", "outcome", "model", "error_category", "http_status", "reason"]
        attempts = attempts_df(self._magics.lab, subject=rest or None, columns=[*columns, "wait_ms", "duration_ms"])
        # An effect that needed one attempt has nothing to tell here.
        return attempts[(attempts["attempt"] > 1) | (attempts["outcome"] != "completed")]

    def events(self, rest: str) -> Any:
        from ..analysis.frames.events import events_df

        return events_df(self._magics.lab, types=rest or None)

    def telemetry(self, _rest: str) -> Any:
        return self._magics.lab.telemetry()

    def replay(self, rest: str) -> Any:
        from ..analysis.replay import replay

        self._magics.lab.idle(10)
        return replay(self._magics.lab, rest or None)

    def doctor(self, _rest: str) -> Report:
        return Report(examine(self._magics.lab, find_frontend(self._magics.shell), self._magics.shell))

    def help(self, _rest: str) -> Table:
        rows = [(f"%jido {command.usage}".strip(), command.help) for command in COMMANDS.values()]
        return Table(("command", "what it does"), [("%%jido", "send the cell's text; %%jido? shows the flags"), *rows])

    def _default_model(self) -> str:
        from ..llm.overrides import Overrides
        from ..llm.resolver import resolve

        resolved = resolve(Overrides(), self._magics.used or Overrides(), self._magics.lab.settings.llm)
        model = resolved.model or "the backend's own"
        spec = f"{resolved.provider}:{model}" if resolved.provider and ":" not in model else model
        return f"{spec} on {resolved.backend}"


def _name(conversation_id: str) -> str:
    """What people called it. An id that was made up would make every run of a notebook look different."""
    try:
        UUID(conversation_id)
    except ValueError:
        return conversation_id
    return "unnamed"


class Line(str):
    """A sentence that displays without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return printable(self)


COMMANDS: dict[str, Command] = {
    "status": Command(Commands.status, "", "what is open, what runs, who answers"),
    "use": Command(Commands.use, "use MODEL", "who answers from now on, for instance simulated:story"),
    "models": Command(
        Commands.models, "models [PROVIDER]", "models that need no key, aliases, prices; those of a provider"
    ),
    "backends": Command(Commands.backends, "backends", "what can answer"),
    "cancel": Command(Commands.cancel, "cancel", "end the answers that run; their text so far stays"),
    "new": Command(Commands.new, "new", "begin a new conversation"),
    "history": Command(Commands.history, "history [CONVERSATION]", "what was said"),
    "journal": Command(Commands.journal, "journal [PATH]", "where the log is kept; with a path: go on in that one"),
    "recording": Command(
        Commands.recording,
        "recording [record|replay|auto PATH, off]",
        "keep answers in a file, or take them from it; --timing=real plays them as they came",
    ),
    "retries": Command(Commands.retries, "retries [CONVERSATION]", "attempts that failed or were repeated, and why"),
    "events": Command(Commands.events, "events [PATTERN]", "the log as a DataFrame, for instance conv.effect.**"),
    "telemetry": Command(Commands.telemetry, "telemetry", "counts and times so far"),
    "replay": Command(Commands.replay, "replay [CONVERSATION]", "prove that the log replays to what happened"),
    "doctor": Command(Commands.doctor, "doctor", "versions, front end, keys, coding agents, how cancel will work here"),
    "help": Command(Commands.help, "help", "this list"),
}
