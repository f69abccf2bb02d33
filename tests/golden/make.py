"""Make the golden journals of a version: `python -m tests.golden.make v1`, once, when its format is settled."""

import gzip
import json
import sys
import tempfile
from pathlib import Path

import anyio

from .reading import read
from .traffic import TRAFFIC, run

HERE = Path(__file__).parent


def main(version: str) -> None:
    folder = HERE / version
    folder.mkdir()
    for name in TRAFFIC:
        with tempfile.TemporaryDirectory() as place:
            path = Path(place, f"{name}.sqlite")
            anyio.run(run, name, path)
            (folder / f"{name}.sqlite.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
            kept = gzip.compress(json.dumps(read(path), sort_keys=True).encode(), mtime=0)
            (folder / f"{name}.json.gz").write_bytes(kept)


if __name__ == "__main__":
    main(*sys.argv[1:])
