"""Notebooks as tests: what nbval must be told to leave out of account when it compares outputs.

    pytest --nbval --nbval-sanitize-with="$(python -m jido_nb.testing.notebooks)" notebooks

Outputs of jido_nb hold no ids; times and counts of signals differ from run to run, and this file names them.
"""

import sys
from pathlib import Path

SANITIZE = Path(__file__).with_name("sanitize.cfg")
"""Patterns in the form that nbval reads."""

if __name__ == "__main__":
    sys.stdout.write(f"{SANITIZE}\n")
