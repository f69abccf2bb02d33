"""Where the log of a notebook goes when nobody says."""

from pathlib import Path

import pytest

from jido_nb.notebook.journal_place import VARIABLE, journal_place
from jido_nb.notebook.lazy_lab import LazyLab


def test_the_log_lies_beside_the_notebook_under_its_name(tmp_path: Path) -> None:
    environ = {VARIABLE: str(tmp_path / "a study.ipynb")}
    assert journal_place(environ) == str(tmp_path / "a study.jido.sqlite")


def test_a_path_from_the_servers_own_root_counts_from_where_the_kernel_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert journal_place({VARIABLE: "notebooks/study.ipynb"}) == str(tmp_path / "study.jido.sqlite")


@pytest.mark.parametrize(
    "environ",
    [{}, {VARIABLE: ""}, {VARIABLE: "Console 1"}, {VARIABLE: "/no/such/folder/study.ipynb"}],
    ids=["no server", "no name", "a console", "a folder that is not there"],
)
def test_without_a_notebook_or_a_place_to_write_nothing_is_written(environ: dict[str, str]) -> None:
    assert journal_place(environ) is None


def test_the_lab_of_the_extension_opens_that_file_on_first_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "study.ipynb"))
    monkeypatch.chdir(tmp_path)
    lab = LazyLab()
    assert repr(lab) == f"<Lab {tmp_path / 'study.jido.sqlite'} not opened yet>"
    assert list(tmp_path.iterdir()) == []
    try:
        assert lab.health().status == "ok"
        assert (tmp_path / "study.jido.sqlite").is_file()
    finally:
        lab.close()


def test_a_journal_in_the_settings_goes_before_the_notebooks_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "study.ipynb"))
    monkeypatch.setenv("JIDO_NB_JOURNAL", str(tmp_path / "chosen.sqlite"))
    monkeypatch.chdir(tmp_path)
    lab = LazyLab()
    try:
        assert lab.health().journal == str(tmp_path / "chosen.sqlite")
    finally:
        lab.close()
