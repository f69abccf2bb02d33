"""Where the log of a notebook is kept when nobody says: beside the notebook, under its name.

A log that is lost with the kernel would be no log, so the Lab of `%load_ext` writes a file as soon as it is used. Where
no front end tells the notebook's name (nbclient, papermill, a terminal), nothing is written that nobody asked for.
"""

import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "JPY_SESSION_NAME"
"""Set by Jupyter Server for each kernel: the path of the notebook that it belongs to."""

SUFFIX = ".jido.sqlite"


def journal_place(environ: Mapping[str, str] = os.environ) -> str | None:
    """The path of the journal, for example `study.jido.sqlite` for `study.ipynb`; None: keep it in memory."""
    notebook = Path(environ.get(VARIABLE, ""))
    if notebook.suffix != ".ipynb":
        return None
    # Some servers give the path from their own root: what counts is where this kernel can write.
    folder = notebook.parent if notebook.is_absolute() else Path.cwd()
    return str(folder / (notebook.stem + SUFFIX)) if os.access(folder, os.W_OK) else None
