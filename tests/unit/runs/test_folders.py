"""Where runs go."""

import pytest

from cytosurf.errors import InputError
from cytosurf.runs.folders import check_not_above_runs, folder_or_scratch, run_directories


def test_one_target_is_the_folder_and_several_are_in_it(tmp_path):
    """A single run is not buried in a folder of its own."""
    assert run_directories(tmp_path, ["yeo7"]) == [tmp_path]
    names = ["yeo7", "yeo17:bigbrain"]
    assert run_directories(tmp_path, names) == [tmp_path / "yeo7", tmp_path / "yeo17-bigbrain"]


def test_names_that_fall_together_and_a_run_in_the_way(tmp_path):
    """Neither may overwrite the other."""
    with pytest.raises(InputError, match="both with a folder 'areas'"):
        run_directories(tmp_path, ["a/areas.gii", "b/areas.gii"])
    (tmp_path / "config.yaml").write_text("{}")
    with pytest.raises(InputError, match="the run of a single target"):
        run_directories(tmp_path, ["a", "b"])
    check_not_above_runs(tmp_path)


def test_a_folder_of_runs_is_not_a_run(tmp_path):
    """Those inside are named."""
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text("{}")
    with pytest.raises(InputError, match=r"2 run directories.*cytosurf report .*/a .*/b"):
        check_not_above_runs(tmp_path)
    check_not_above_runs(tmp_path / "none")


def test_scratch_folders_are_gone_afterwards(tmp_path):
    """The caller's own folder stays."""
    with folder_or_scratch(None) as scratch:
        assert scratch.is_dir()
    assert not scratch.exists()
    with folder_or_scratch(tmp_path) as given:
        assert given == tmp_path
    assert tmp_path.is_dir()
