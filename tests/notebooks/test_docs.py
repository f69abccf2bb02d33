"""The pages are true: what they show runs, what they name exists, where they point there is something."""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from nbclient import NotebookClient

import jido_nb
from jido_nb import cli
from jido_nb.otel.names import ATTRIBUTES, METRICS

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
NOT_RUN = "<!-- not run:"
OUTPUT = re.compile(r"(?ms)\n\n```text\n(.*?)^```$")
LANGUAGES = {"python", "toml", "sh", "json", "text"}


class Block(NamedTuple):
    """One fenced block: its language, its text, the line it begins at, whether it is said not to run, what it prints.

    What a Python block prints stands right below it, in a block of plain text; None: the page does not say.
    """

    language: str
    text: str
    line: int
    not_run: bool
    printed: str | None


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in re.finditer(r"(?ms)^```([^\n]*)\n(.*?)^```$", text):
        before = text[: match.start()].rstrip("\n").rpartition("\n")[2]
        line = text.count("\n", 0, match.start()) + 1
        output = OUTPUT.match(text, match.end()) if match[1].strip() == "python" else None
        found.append(Block(match[1].strip(), match[2], line, before.startswith(NOT_RUN), output and output[1]))
    return found


def run(page: Path, folder: Path) -> list[tuple[Block, str]]:
    """The Python blocks of a page, run as the cells of one notebook, each with what it printed."""
    parts = [block for block in blocks(page) if block.language == "python" and not block.not_run]
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(block.text.rstrip("\n"), metadata={"line": block.line}) for block in parts
    ]
    NotebookClient(
        notebook,
        timeout=60,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    streams = [[output.text for output in cell.outputs if output.output_type == "stream"] for cell in notebook.cells]
    return [(block, trimmed("".join(texts))) for block, texts in zip(parts, streams, strict=True)]


def trimmed(text: str) -> str:
    """`text` without the white space at the end of its lines, which tables are full of and nobody sees."""
    return "\n".join(line.rstrip() for line in text.split("\n"))


def blocks_in(language: str) -> list[object]:
    return [
        pytest.param(block, id=f"{page.relative_to(ROOT)}:{block.line}")
        for page in PAGES
        for block in blocks(page)
        if block.language == language
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_its_language(page: Path) -> None:
    assert {block.language for block in blocks(page)} <= LANGUAGES


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(block.language == "python" for block in blocks(page))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_the_python_of_a_page_runs_as_the_cells_of_one_notebook(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JIDO_NB_JOURNAL", "JIDO_NB_CONFIG", "JIDO_NB_REQUIRE"):
        monkeypatch.delenv(name, raising=False)
    for block, output in run(page, tmp_path):
        assert block.printed is None or block.printed == output, f"line {block.line}"


@pytest.mark.parametrize("block", blocks_in("toml"))
def test_settings_files_are_settings(block: Block) -> None:
    jido_nb.Settings.model_validate(tomllib.loads(block.text))


@pytest.mark.parametrize("block", blocks_in("sh"))
def test_commands_exist(block: Block) -> None:
    for name in re.findall(r"jido-nb (\S+)", block.text):
        assert name in cli.COMMANDS


def test_the_readme_says_the_two_commands() -> None:
    commands = [block.text.strip() for block in blocks(ROOT / "README.md") if block.language == "sh"]
    assert commands == [
        "python3 -m pip install uv && uv run jido-nb demo",
        "python3 -m pip install uv && uv run pytest",
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if target.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


def anchors(page: Path) -> set[str]:
    """What headings of a page can be linked to, by GitHub's rule."""
    headings = re.findall(r"(?m)^#+ (.*)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_that_pages_give_are_public(page: Path) -> None:
    named = set(re.findall(r"jido_nb\.([A-Za-z_]\w*)", page.read_text(encoding="utf-8")))
    rooms = {
        "analysis",
        "backends",
        "experiments",
        "llm",
        "testing",
        "toml",
    }  # rooms, and the settings file of that name
    told = {row.latest.split(".")[1] for row in (*ATTRIBUTES, *METRICS) if row.latest.startswith("jido_nb.")}
    assert named - rooms - told <= {*jido_nb.__all__}
