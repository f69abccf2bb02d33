"""`%load_ext jido_nb`: the `%%jido` cell, the `%jido` line, and `jido` (a Lab) in the namespace."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from traitlets import Bool, Int, Unicode

from .completion import add_completion
from .door import state
from .flags import parse, with_flags
from .frontend import find_frontend
from .lazy_lab import LazyLab, become_lab
from .oneline import interrupted
from .template import interpolate

# What costs time to import is imported where it is used: `%load_ext` is part of everybody's first cell.
if TYPE_CHECKING:
    from ..llm.overrides import Overrides
    from .lab import Lab
    from .lab_conversation import LabConversation
    from .lab_turn import LabTurn

NAME = "jido"


@magics_class
class JidoMagics(Magics):
    """Settings of the magics; everything else is a setting of the Lab."""

    interpolate = Bool(True, help="Put the value of {{ expression }} into prompts.").tag(config=True)
    stream = Bool(True, help="Ask for answers piece by piece, unless --no-stream says otherwise.").tag(config=True)
    timeout_ms = Int(0, min=0, help="Limit of one attempt in milliseconds; 0: as the Lab's settings say.").tag(
        config=True
    )
    journal = Unicode("", help="Path of the journal; empty: as the Lab's settings say.").tag(config=True)

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._shell = shell
        self.namesake: Any = LazyLab(self.journal or None)
        """What `jido` is: a Lab, or the promise of one."""
        self.conversation_id: str | None = None
        self.system_prompts: dict[str, str] = {}
        self.used: Overrides | None = None
        self.turns: list[LabTurn] = []
        """The last turn, then older ones that still run."""
        self.completing: Callable[[], None] = lambda: None
        """Takes tab completion away again."""

    @property
    def lab(self) -> "Lab":
        return become_lab(self.namesake)

    @property
    def open_lab(self) -> "Lab | None":
        """The Lab, if it is open; asking opens nothing."""
        lab = self.namesake
        return lab if not isinstance(lab, LazyLab) and lab.is_open else None

    @with_flags(NAME, cell_magic)  # type: ignore[untyped-decorator]
    def ask(self, line: str, cell: str) -> "LabTurn":
        """Send the cell's text to a model, show the answer as it comes, and return the turn.

        The text may hold {{ expressions }} of the notebook. Interrupting the cell cancels the answer.
        """
        from .presentation import show, show_prompt, wait

        method: Any = type(self).ask
        flags = parse(method.parser, line)
        with interrupted():
            names = self._shell.user_ns
            text = interpolate(cell, names) if self.interpolate and not flags.no_interpolate else cell
            chat = self._conversation(flags)
            stream = False if flags.no_stream or not self.stream else None
            turn = chat.send(text.strip("\n"), stream=stream, effect_policy=flags.policy or None)
            self.turns = [turn, *(old for old in self.turns if not old.done)]
            if flags.output:
                names[flags.output] = turn
            if flags.show_prompt:
                show_prompt(self._shell, turn.view.prompt)
            show(turn, self._shell)
            if flags.bg and find_frontend(self._shell).kind == "live":
                return turn
            wait(turn)
            if turn.view.status == "failed":
                turn.result()
        return turn

    @line_magic(NAME)  # type: ignore[arg-type]
    def run(self, line: str) -> Any:
        """Look at the Lab and steer it: `%jido help` says what each command does.

        status, use MODEL, models [PROVIDER], backends, cancel, new, history [CONVERSATION], journal [PATH],
        recording [record|replay|auto|off] [PATH], events [PATTERN], retries, telemetry, replay [CONVERSATION],
        doctor, help
        """
        from .commands import Commands

        with interrupted():
            return Commands(self).run(line)

    def begin(self) -> "LabConversation":
        """Begin a new conversation; it is the current one from now on."""
        chat = self.lab.conversation()
        self.conversation_id = chat.id
        return chat

    def replace_lab(self, journal: str) -> "Lab":
        """Go on with a Lab over `journal`, and close the one before; the namespace's `jido` follows.

        Raises:
            JournalError: it cannot be opened; nothing has changed.
        """
        from .lab import Lab
        from .presentation import close_hub

        old, names = become_lab(self.namesake), self._shell.user_ns
        new = Lab(journal)
        try:
            # Who replays, in particular, must not find itself calling models because the log is kept elsewhere.
            recording = old.runtime.recordings.settings if old.is_open else None
            close_hub()
            old.close()
            if recording is not None:
                new.recording(recording.mode, recording.path, timing=recording.timing)
        except BaseException:
            new.close()
            raise
        if names.get(NAME) is self.namesake:
            names[NAME] = new
        self.namesake = new
        self.conversation_id, self.turns, self.used = None, [], None
        return new

    def _conversation(self, flags: Any) -> "LabConversation":
        """The conversation that the flags name, with what they say for this one message."""
        wanted = flags.conversation or (None if flags.new else self.conversation_id)
        if wanted is not None and flags.system is not None:
            self.system_prompts[wanted] = flags.system
        asked = {"backend": flags.backend, "model": flags.model, "timeout_ms": flags.timeout or self.timeout_ms or None}
        system_prompt = flags.system if wanted is None else self.system_prompts.get(wanted)
        chat = self.lab.conversation(wanted, system_prompt=system_prompt, options=flags.options, **asked)
        self.conversation_id = chat.id
        if flags.system is not None:
            self.system_prompts[chat.id] = flags.system
        return chat


def load_ipython_extension(shell: Any) -> None:
    """Register the magics and put `jido` into the namespace. Opens nothing; a second call changes nothing."""
    kept = state()
    magics: Any = getattr(kept, "magics", None)
    if magics is None or magics.shell is not shell:
        magics = kept.magics = JidoMagics(shell=shell)
        shell.register_magics(magics)
        magics.completing = add_completion(shell, magics)
    shell.user_ns.setdefault(NAME, magics.namesake)


def unload_ipython_extension(shell: Any) -> None:
    """Close the Lab and take everything away that loading put in place."""
    kept = state()
    magics: Any = getattr(kept, "magics", None)
    if magics is None:
        return
    kept.magics = None
    if not isinstance(magics.namesake, LazyLab):
        from .presentation import close_hub

        close_hub()
        magics.namesake.close()
    magics.completing()
    manager = shell.magics_manager
    for kind in ("line", "cell"):
        manager.magics[kind].pop(NAME, None)
    manager.registry.pop(type(magics).__name__, None)
    if magics in shell.configurables:
        shell.configurables.remove(magics)
    if shell.user_ns.get(NAME) is magics.namesake:
        del shell.user_ns[NAME]
