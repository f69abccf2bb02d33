"""Writes what Python blocks print into the pages that show it.

Use: `python -m tests.notebooks.write_outputs docs/analysis.md`. Read the difference before you commit it: the test only
knows that the page says what the code does.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from .test_docs import run


def write(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    with TemporaryDirectory() as folder:
        for block, output in run(page, Path(folder)):
            if block.printed is not None:
                shown = f"```python\n{block.text}```\n\n```text\n"
                text = text.replace(f"{shown}{block.printed}```", f"{shown}{output}```")
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write(Path(name))
