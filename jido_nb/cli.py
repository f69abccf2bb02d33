"""`jido-nb`: the commands of this package, for a terminal."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from .errors import JidoError, closest
from .version import __version__

INTERRUPTED = 130
NOT_READ = 141
WRONG_USE = 2


class Command(NamedTuple):
    run: Callable[[Sequence[str]], int]
    help: str


class Parser(argparse.ArgumentParser):
    """As argparse, and a mistyped option gets the closest one that exists."""

    def error(self, message: str) -> NoReturn:
        _, unknown, words = message.partition("unrecognized arguments: ")
        if unknown:
            options = [option for action in self._actions for option in action.option_strings]
            word = words.split()[0]
            message = f"no argument {word!r}.{closest(word.partition('=')[0], options)}"
        super().error(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status.

    0 done, 1 it failed, 2 it was asked for wrongly, 130 interrupted, 141 nobody read what it wrote.
    """
    argv = sys.argv[1:] if argv is None else argv
    name = argv[0] if argv else "--help"
    if name in ("-h", "--help", "help"):
        sys.stdout.write(_help())
        return 0
    if name in ("-V", "--version"):
        sys.stdout.write(f"jido-nb {__version__}\n")
        return 0
    command = COMMANDS.get(name)
    if command is None:
        what = "option" if name.startswith("-") else "command"
        offered = closest(name, [*COMMANDS, "--version", "--help"])
        sys.stderr.write(f"jido-nb: no {what} {name!r}.{offered} jido-nb --help lists them.\n")
        return WRONG_USE
    try:
        return command.run(argv[1:])
    except JidoError as error:
        sys.stderr.write(f"jido-nb {name}: {error}\n")
        return WRONG_USE
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read has seen enough, as `head` does. What is still to be flushed at exit must not fail for it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOT_READ


def _demo(argv: Sequence[str]) -> int:
    parser = Parser(
        prog="jido-nb demo",
        description="Run the quickstart notebook in a kernel of its own, on simulated models: no key, no network.",
    )
    parser.add_argument("--out", type=Path, default=Path("jido-demo"), help="folder to write to (default: jido-demo)")
    parser.add_argument("--no-html", action="store_true", help="do not write the page")
    options = parser.parse_args(argv)

    from .demo.quickstart import demo

    return demo(options.out, html=not options.no_html)


def _simulate(argv: Sequence[str]) -> int:
    from .simulator.command import simulate

    return simulate(argv, Parser)


def _doctor(argv: Sequence[str]) -> int:
    description = "Say what is installed here, which keys are set, and which coding agents can be asked. Opens nothing."
    Parser(prog="jido-nb doctor", description=description).parse_args(argv)

    from .notebook.doctor import examine_machine
    from .notebook.report import Report
    from .settings import load_settings

    sys.stdout.write(f"{Report(examine_machine(load_settings()))!r}\n")
    return 0


def _export(argv: Sequence[str]) -> int:
    description = "Write every signal of a journal as one line of JSON, in order. Nothing is lost on the way."
    parser = Parser(prog="jido-nb export", description=description)
    parser.add_argument("journal", help="path or URL of the journal; it may be in use")
    parser.add_argument("out", nargs="?", default="-", help="file to write to (default: -, the standard output)")
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it is there")
    options = parser.parse_args(argv)

    from .analysis.transfer import export_jsonl

    out = sys.stdout.buffer if options.out == "-" else options.out
    count = export_jsonl(options.journal, out, overwrite=options.overwrite)
    sys.stdout.flush()
    sys.stderr.write(f"{count:,} signals\n")
    return 0


def _import(argv: Sequence[str]) -> int:
    description = "Make a journal of the lines that jido-nb export wrote. A bad line changes nothing and is named."
    parser = Parser(prog="jido-nb import", description=description)
    parser.add_argument("lines", help="file of exported lines")
    parser.add_argument("journal", help="path or URL of the new journal")
    options = parser.parse_args(argv)

    from .analysis.transfer import import_jsonl

    sys.stderr.write(f"{import_jsonl(options.lines, options.journal):,} signals\n")
    return 0


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = "".join(f"  jido-nb {name:<{width}}  {command.help}\n" for name, command in COMMANDS.items())
    return (
        f"jido_nb {__version__}: a lab bench for LLM conversations inside Jupyter.\n\n{lines}\n"
        f"  jido-nb COMMAND --help  tells more about a command\n"
        f"  jido-nb --version       the version\n\n"
        f"In a notebook: %load_ext jido_nb\n"
    )


COMMANDS = {
    "demo": Command(_demo, "run the quickstart notebook and show what happened"),
    "doctor": Command(_doctor, "say what is here: versions, keys, coding agents"),
    "export": Command(_export, "write a journal as lines of JSON"),
    "import": Command(_import, "make a journal of such lines"),
    "simulate": Command(_simulate, "serve the simulated models over HTTP, for curl and SDKs"),
}

if __name__ == "__main__":
    sys.exit(main())
