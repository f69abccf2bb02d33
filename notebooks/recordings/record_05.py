"""Make `05_reproduce.jsonl` anew: run the cells of `05_reproduce.ipynb` that ask, against a server that answers.

    python notebooks/recordings/record_05.py

The server is a simulator that knows an answer to each question; the notebook has only its recording.
"""

import sys
from pathlib import Path
from typing import Any

import nbformat
from anyio.from_thread import start_blocking_portal

import jido_nb
from jido_nb.simulator.scenario import Scenario, Status, Tokens
from jido_nb.simulator.server import Server, serve

HERE = Path(__file__).parent
NOTEBOOK = HERE.parent / "05_reproduce.ipynb"
RECORDING = HERE / "05_reproduce.jsonl"


def says(text: str, pause_ms: float, tokens: int) -> Scenario:
    return Scenario.text(text, pause_ms=pause_ms, words=2).answering(tokens=Tokens(input=40, output=tokens))


SMALL, LARGE = "tern-small", "tern-large"
BUSY = Status(529, "Overloaded")
ANSWERS = {
    (SMALL, "far"): says("They fly from the Arctic to the Antarctic and back, every year.", 15, 14),
    (SMALL, "why"): says("Because it is always summer where they are.", 15, 9),
    (SMALL, "old"): says("About as old as a horse, some 30 years.", 15, 11),
    (LARGE, "far"): says(
        "**About 70,000 km a year.** Birds that carried light loggers from Greenland took an S-shaped way along the "
        "winds of the Atlantic, and came home 80,000 km later.",
        30,
        38,
    ),
    (LARGE, "why"): says(
        "Two summers a year mean more daylight than any other animal sees, and light is what they hunt by.", 30, 21
    ).after(BUSY, times=2),
    (LARGE, "old"): Scenario.always(BUSY),
    (LARGE, "everything"): says(
        "Where shall I begin? " + "There is so much to say about terns, and then some more. " * 40, 40, 500
    ),
}


class Stage:
    """The Lab of the notebook; before each question the server learns the answer to it."""

    def __init__(self, lab: jido_nb.Lab, server: Server) -> None:
        self.lab, self.server = lab, server

    def conversation(self, name: str, model: str, **more: Any) -> Any:
        chat, stage = self.lab.conversation(name, model=model, **more), self

        class Prompted:
            def send(self, text: str, **overrides: Any) -> Any:
                name = model.removeprefix("campus:")
                (answer,) = [found for (who, word), found in ANSWERS.items() if who == name and word in text]
                stage.server.add(name, answer)
                return chat.send(text, **overrides)

            def ask(self, text: str, **overrides: Any) -> Any:
                return self.send(text, **overrides).result()

        return Prompted()


def main() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    asking = ["".join(cell.source) for cell in cells if "asks" in cell.metadata.get("tags", ())]
    RECORDING.unlink(missing_ok=True)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serve()) as server:
        campus = {"kind": "anthropic", "base_url": server.url}
        settings = {
            "llm": {"backends": {"jido_ai": {"providers": {"campus": campus}}}},
            "recording": {"mode": "record", "path": str(RECORDING)},
        }
        with jido_nb.Lab(settings=settings) as lab:
            names: dict[str, Any] = {"lab": Stage(lab, server), "jido_nb": jido_nb}
            for source in asking:
                exec(source, names)
            lab.idle()
            sys.stdout.write(f"{lab.recording()}\n")
    (HERE / f"{RECORDING.name}-owner").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
