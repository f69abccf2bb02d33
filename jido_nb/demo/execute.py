"""Run a notebook and keep it with its outputs: `python -m jido_nb.demo.execute FROM TO`, in the folder of TO.

A process of its own, because whoever interrupts a runner of notebooks meets the clean-up of three libraries at once.
Exit status 1 and one line on standard output: a cell failed, or the kernel died.
"""

import sys
from pathlib import Path
from typing import Any

CELL_LIMIT_S = 120


def execute(source: Path, target: Path) -> str | None:
    """Run `source`, write it to `target` whatever happens, and give what went wrong, in one line."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    notebook: Any = nbformat.read(source, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook,
        timeout=CELL_LIMIT_S,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(target.parent)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    except (DeadKernelError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        nbformat.write(notebook, target)  # type: ignore[no-untyped-call]
    return None


if __name__ == "__main__":
    failure = execute(Path(sys.argv[1]), Path(sys.argv[2]))
    if failure:
        sys.stdout.write(f"{failure}\n")
        sys.exit(1)
