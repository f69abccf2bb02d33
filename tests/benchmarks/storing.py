"""What the log of an answer weighs."""

import tempfile
from pathlib import Path

import jido_nb
from jido_nb.journal.sqlite import SqliteJournal

from .row import Row
from .simulator_process import settings_for, simulator_process

MODELS = {"steady-4": "50 chunks a second, joined every 30 ms", "burst-2000": "as fast as possible"}
TURNS = 20


async def measure(full: bool) -> list[Row]:
    rows = []
    with simulator_process() as url, tempfile.TemporaryDirectory() as folder:
        for model, what in MODELS.items():
            path = Path(folder) / f"{model}.sqlite"
            async with jido_nb.open_runtime(settings_for(url), path) as runtime:
                turns = [await runtime.conversation(model=f"simulated:{model}").send("go") for _ in range(TURNS)]
                texts = [(await turn.result()).text for turn in turns]
            chunks, characters = sum(map(len, texts)) // 5, sum(map(len, texts))
            journal = SqliteJournal(path, read_only=True)
            signals = journal.last_seq()
            journal.close()
            size = path.stat().st_size
            rows.append(
                Row(
                    f"bytes of journal per chunk, {what}",
                    "",
                    f"{size / chunks:,.0f} ({size / characters:.1f} per character, {signals / chunks:.2f} signals)",
                )
            )
    return rows
