"""Errors of arguments name the option; those of files name the file."""

import pytest

from cytosurf.cli.naming import naming_options
from cytosurf.errors import InputError


@pytest.mark.parametrize(
    ("where", "named"),
    [
        ("n_folds", "--n-folds"),
        ("folds.n_folds", "--n-folds"),
        ("folds.block_sweep.0", "--block-sweep"),
        ("statistics.1", "--statistic"),
        ("space of the volume", "--from"),
        ("labels.nii.gz", "labels.nii.gz"),
        ("labels.func.gii", "labels.func.gii"),
        ("folds.csv", "folds.csv"),
        ("other", "other"),
    ],
)
def test_an_argument_becomes_its_option_and_a_file_stays(where, named):
    """A file whose name begins like an argument is no argument."""
    arguments = ("n_folds", "block_sweep", "statistics", "labels", "folds", "space of the volume")
    options = {"statistics": "statistic", "space of the volume": "from"}
    with pytest.raises(InputError) as error, naming_options(arguments, options):
        raise InputError(where, "this", "that", "Do it.")
    assert str(error.value) == f"{named}: found this; expected that. Do it."
