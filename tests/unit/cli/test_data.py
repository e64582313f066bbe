"""`cytosurf data`: what the commands print, and their exit codes."""

import shutil

import pytest
from typer.testing import CliRunner

from cytosurf import data
from cytosurf.cli.data import MOST_SHOWN, app
from cytosurf.errors import InputError, MissingDataError


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """Name an empty data directory, without internet."""
    monkeypatch.setenv("CYTOSURF_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("CYTOSURF_OFFLINE", "1")
    return tmp_path / "cache"


def run(*arguments):
    """Run a command; return the result."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def rows(result):
    """Return the tab-separated lines of the output as lists."""
    return [line.split("\t") for line in result.stdout.splitlines() if "\t" in line]


def test_list_shows_every_source_once_in_lines_for_scripts(cache):
    """Without a terminal, `list` prints one tab-separated line for each source."""
    result = run("list")
    assert result.exit_code == 0
    header, *lines = rows(result)
    assert header == ["source", "here", "size", "commercial", "title"]
    assert [line[0] for line in lines] == list(data.sources())
    by_name = {line[0]: line for line in lines}
    assert by_name["yeo"][1:4] == ["0/4", "37.6 kB", "unknown"]
    assert by_name["bigbrainwarp"][3] == "no"
    assert by_name["brainspace"][1:4] == ["package", "", "unknown"]
    assert by_name["cytonet-model-zoo"][1] == "project page"


def test_list_of_a_source_shows_terms_and_files(cache):
    """With a name, `list` prints the notice of that source and all its files."""
    result = run("list", "julich-brain")
    assert "Licence: CC BY-NC-SA 4.0" in result.stdout
    assert "Commercial use: not allowed" in result.stdout
    names = [line[-1] for line in rows(result)[1:]]
    assert names == [file.name for file in data.sources()["julich-brain"].files]


def test_list_of_a_source_of_unknown_formats_points_to_its_page(cache):
    """What is not known is said, with the project page, in the place of an empty table."""
    result = run("list", "cytonet-model-zoo")
    assert "formats of its files are not known" in " ".join(result.stdout.split())
    assert result.stdout.rstrip().endswith(
        "see https://jugit.fz-juelich.de/inm-1/bda/software/analysis/cytonet_model_zoo"
    )
    assert rows(result) == []


def test_list_draws_a_table_on_a_terminal(cache, monkeypatch):
    """Where the output is a terminal, the table has no tabs and every name in full."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = run("list")
    assert "\t" not in result.stdout
    assert all(name in result.stdout for name in data.sources())


def test_fetch_offline_is_missing_data(cache):
    """Without internet, `fetch` ends with the error that names both ways out."""
    result = run("fetch", "yeo")
    assert isinstance(result.exception, MissingDataError)


def test_fetch_several(cache):
    """Several sources are fetched in turn; those with a package need nothing."""
    result = run("fetch", "brainspace", "brainspace")
    assert result.exit_code == 0
    assert (
        result.stdout.splitlines() == ["brainspace: 0 files in the data directory are needed"] * 2
    )


@pytest.mark.parametrize("command", [("fetch", "yoe"), ("list", "yoe")])
def test_unknown_source(cache, command):
    """A misspelt source is bad input with a suggestion."""
    result = run(*command)
    assert isinstance(result.exception, InputError)
    assert "Did you mean 'yeo'" in str(result.exception)


def test_import_lists_what_was_left_alone_but_not_without_end(cache, tmp_path):
    """Unknown files are listed with the reason, and counted when there are many."""
    folder = tmp_path / "disk"
    folder.mkdir()
    for i in range(MOST_SHOWN + 3):
        (folder / f"{i:03}").write_text("?")
    result = run("import", folder)
    assert result.exit_code == 0
    assert f"0 files imported, 0 already there, 0 incomplete, {MOST_SHOWN + 3} unknown" in (
        result.stdout
    )
    assert f"{folder / '000'} (not in any manifest)" in result.stdout
    assert "and 3 more" in result.stdout


def test_import_of_no_folder(cache, tmp_path):
    """A folder that does not exist is bad input."""
    assert isinstance(run("import", tmp_path / "nowhere").exception, InputError)


def test_verify_of_an_empty_directory_is_fine(cache):
    """Missing files are counted, and are no failure."""
    result = run("verify")
    assert result.exit_code == 0
    assert ["yeo", "0", "0", "4"] in rows(result)


def test_verify_of_damage_fails(cache):
    """A damaged file is named on standard error, and the exit code is 1."""
    (cache / "yeo").mkdir(parents=True)
    name = data.sources()["yeo"].files[0].name
    (cache / "yeo" / name).write_text("not this")
    result = run("verify")
    assert result.exit_code == 1
    assert ["yeo", "0", "1", "3"] in rows(result)
    assert f"damaged: yeo/{name}" in result.stderr


@pytest.mark.real_data
def test_real_files_are_imported_and_verified(cache, real_data, tmp_path):
    """The Yeo labels, imported from a folder under other names, are verified."""
    folder = tmp_path / "disk"
    folder.mkdir()
    for i, path in enumerate(sorted((real_data / "fs_LR_32" / "labels").glob("Yeo*"))):
        shutil.copyfile(path, folder / str(i))
    result = run("import", folder)
    assert "4 files imported" in result.stdout
    assert "yeo: Yeo 7 and 17" in result.stderr
    assert ["yeo", "4", "0", "0"] in rows(run("verify"))
