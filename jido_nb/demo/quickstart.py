"""`jido-nb demo`: the quickstart notebook in a kernel of its own, told in the terminal as it happens.

The demo knows nothing but what a user knows: it runs a notebook, follows the journal that the notebook writes, and
reads the tables and the replay back from that file when the kernel is gone.
"""

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL, STDOUT
from tempfile import TemporaryFile

from ..errors import ConfigError
from ..journal.open import open_journal
from .tail import Style, Tail, Write

NOTEBOOK = "01_quickstart.ipynb"
JOURNAL = "quickstart.sqlite"
LOOK_EVERY_S = 0.04
END_LIMIT_S = 3.0

_PACKAGE = Path(__file__).parents[1]
PLACES = (_PACKAGE / "demo" / NOTEBOOK, _PACKAGE.parent / "notebooks" / NOTEBOOK)
"""Where the notebook is: in an installed package, in a checkout."""

TABLES = {
    "turns_df": ("conversation_id", "turn", "model", "status", "attempts", "duration_ms", "output_tokens"),
    "attempts_df": ("model", "attempt", "outcome", "http_status", "duration_ms", "wait_ms", "chunks"),
    "cancels_df": ("conversation_id", "reason", "backend_cancel", "cancel_latency_ms", "kept_characters"),
}
"""The tables that are shown at the end, and which of their columns."""


def demo(folder: Path, *, html: bool = True) -> int:
    """Run the quickstart and write what came of it to `folder`: the notebook, a page, the journal.

    Returns:
        The exit status: 0, or 1 when a cell failed or the replay differs.

    Raises:
        ConfigError: what runs notebooks is not installed, or `folder` cannot be written to.
    """
    missing = [name for name in ("nbclient", "nbconvert") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"the demo runs a notebook and needs {' and '.join(missing)}: python3 -m pip install 'jido-nb[lab]'",
            field="demo",
            value=missing,
        )
    write, style = sys.stdout.write, Style(sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    _prepare(folder)
    write(f"{style.bold('jido_nb')}: {NOTEBOOK} in a kernel of its own, on simulated models (no key, no network)\n")
    failure = _run(folder.resolve(), style)
    written = [folder / NOTEBOOK, folder / JOURNAL]
    if html and written[0].exists():
        written.insert(1, _save_page(folder))
    if failure:
        sys.stderr.write(f"\njido-nb demo: a cell failed; {folder / NOTEBOOK} shows where\n{failure}\n")
        return 1
    identical = _tables(folder / JOURNAL, write, style)
    # A reader does not fold the write-ahead log into the file, and the last one to close it must.
    open_journal(folder / JOURNAL).close()
    _farewell(folder, written, write, style)
    return 0 if identical else 1


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{JOURNAL}*"):
            old.unlink()
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror}", field="out", value=str(folder)) from None


def _run(folder: Path, style: Style) -> str | None:
    """Run the notebook and tell its journal as it grows; what went wrong, or None."""
    source = next((place for place in PLACES if place.exists()), None)
    if source is None:
        raise ConfigError(f"{NOTEBOOK} is not where it belongs: {PLACES[0]}", field="notebook", value=NOTEBOOK)
    command = [sys.executable, "-m", "jido_nb.demo.execute", str(source), str(folder / NOTEBOOK)]
    tail = Tail(folder / JOURNAL, _flushing, style)
    with TemporaryFile("w+") as said:
        # A session of its own: Ctrl-C is for us, and we end it in order.
        runner = subprocess.Popen(  # noqa: S603  our own module, with our own Python
            command, env=_environment(), stdin=DEVNULL, stdout=said, stderr=STDOUT, start_new_session=True
        )
        try:
            while runner.poll() is None:
                tail.look()
                time.sleep(LOOK_EVERY_S)
            tail.look()
        finally:
            tail.close()
            _end(runner)
        said.seek(0)
        return said.read().strip() or f"exit status {runner.returncode}" if runner.returncode else None


def _end(runner: "subprocess.Popen[bytes]") -> None:
    if runner.poll() is None:
        runner.terminate()
        try:
            runner.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            runner.kill()
            runner.wait()


def _environment() -> dict[str, str]:
    """Of the kernel: ours, without settings that would let other models answer than the simulated ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JIDO_NB_")}
    return kept | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}  # or its debugger warns about itself


def _save_page(folder: Path) -> Path:
    """One file that needs nothing else: no script and no style from elsewhere."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(require_js_url="", mathjax_url="", mermaid_js_url="", jupyter_widgets_base_url="")  # type: ignore[no-untyped-call]
    page, _ = exporter.from_filename(str(folder / NOTEBOOK))
    path = (folder / NOTEBOOK).with_suffix(".html")
    path.write_text(page, encoding="utf-8")
    return path


def _tables(journal: Path, write: Write, style: Style) -> bool:
    """Show the tables and the replay's verdict; whether the replay is identical."""
    import pandas as pd

    import jido_nb

    write(f"\n{style.bold(f'What {journal} holds')}\n")
    with pd.option_context("display.width", 120, "display.max_columns", None, "display.float_format", "{:.1f}".format):
        for name, columns in TABLES.items():
            frame = getattr(jido_nb, name)(str(journal))[list(columns)]
            write(f"\n{style.faint(f'jido_nb.{name}')}\n{frame.to_string(index=False, na_rep='-')}\n")
    replay = jido_nb.replay(str(journal))
    told = repr(replay)
    write(f"\n{style.faint('jido_nb.replay')}\n{style.ended('completed' if replay.identical else 'failed', told)}\n")
    return replay.identical


def _farewell(folder: Path, written: list[Path], write: Write, style: Style) -> None:
    write(f"\n{style.bold('Written')}\n" + "".join(f"  {path}\n" for path in written))
    # `uv run` tells its children where it is.
    runner = "uv run " if "UV" in os.environ else ""
    lab = "" if find_spec("jupyterlab") else "python3 -m pip install 'jido-nb[lab]' && "
    command = f"{lab}{runner}jupyter lab {folder / NOTEBOOK}"
    root = " --allow-root" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
    write(f"\nOpen it in JupyterLab, and press Cancel while something streams:\n  {command}{root}\n")


def _flushing(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
