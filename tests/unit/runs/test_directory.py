"""Run directories: what is refused, why, and that nothing is left behind."""

import pytest

from cytosurf.errors import InputError
from cytosurf.runs.config import make_config, write_config
from cytosurf.runs.directory import check_same_config, check_same_inputs
from cytosurf.runs.record import INFO, write_json

ASKED = {"features": ["hist"], "target": "yeo7"}
OTHER = {
    "features": ["micro"],
    "target": "yeo17",
    "baseline": ["harmonics:3"],
    "space": "bigbrain-164k",
    "hemispheres": ["L"],
    "seed": 1,
    "mask": "region.gii",
    "min_class_vertices": 100,
    "C": 2.0,
    "classifier": "LogisticRegression()",
    "matched_position": False,
}
OTHER_FOLDS = {
    "n_folds": 4,
    "n_blocks": 50,
    "method": "sphere",
    "scheme": "homotopic",
    "buffer_mm": 5.0,
    "repeats": 2,
    "block_sweep": [50],
}


def test_a_folder_with_other_files_is_refused(tmp_path):
    """Files that are not of a run are never mixed with one."""
    check_same_config(tmp_path, make_config(ASKED))
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="a folder with other files in it"):
        check_same_config(tmp_path, make_config(ASKED))


def test_what_a_killed_run_left_under_temporary_names_is_no_obstacle(tmp_path):
    """A run that was killed while it wrote its first file can be started again."""
    (tmp_path / ".tmp-x3d-config.yaml").touch()
    check_same_config(tmp_path, make_config(ASKED))
    (tmp_path / "x3d-config.yaml").touch()
    with pytest.raises(InputError, match="a folder with other files in it"):
        check_same_config(tmp_path, make_config(ASKED))


@pytest.mark.parametrize("key", [*OTHER, *OTHER_FOLDS])
def test_a_run_with_another_option_is_refused_by_its_name(tmp_path, key):
    """The message names the option that differs, and both of its values."""
    write_config(tmp_path, make_config(ASKED))
    if key in OTHER:
        options, name, value = {key: OTHER[key]}, key, OTHER[key]
    else:
        value = OTHER_FOLDS[key]
        options, name = {"folds": {key: value}}, f"folds.{key}"
    with pytest.raises(InputError, match="Choose another --out, or delete") as caught:
        check_same_config(tmp_path, make_config(ASKED | options))
    assert caught.value.expected == f"one with {name} = {value}"
    assert caught.value.found.startswith(f"a run with {name} = ")


def test_the_same_run_with_more_spins_or_processes_is_continued(tmp_path):
    """Neither the number of spins nor that of processes makes another run."""
    write_config(tmp_path, make_config(ASKED))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    check_same_config(tmp_path, make_config(ASKED | {"spins": 1000, "jobs": 7}))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_changed_data_are_refused_by_name(tmp_path):
    """The input whose content differs is named; inputs that were not known are no difference."""
    hashes = {"features hist": "aa", "folds": "bb"}
    check_same_inputs(tmp_path, hashes)
    write_json(tmp_path / INFO, {"inputs": hashes})
    check_same_inputs(tmp_path, hashes | {"mask": "cc"})
    with pytest.raises(InputError, match=r"a run on other data.*folds has changed"):
        check_same_inputs(tmp_path, hashes | {"folds": "xx"})
