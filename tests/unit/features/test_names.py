"""The list of feature sets."""

import subprocess
import sys

from cytosurf.features import known_features
from cytosurf.features.external import is_external
from cytosurf.features.registry import FEATURES


def test_every_loader_has_one_line_of_description():
    """The list for --help: all names, short, without line breaks."""
    known = known_features()
    elsewhere = {name for name in known if is_external(name)}
    assert len(elsewhere) == 5
    assert {"harmonics:N", "embedding:FILE", *FEATURES, *elsewhere} == set(known)
    assert all(0 < len(text) <= 90 and "\n" not in text for text in known.values())


def test_the_list_needs_no_library():
    """A command can show the names without loading NumPy."""
    code = (
        "import sys; from cytosurf.features import known_features; known_features(); "
        "from cytosurf.targets import known_targets; known_targets(); "
        "assert not {'numpy', 'nibabel', 'numba', 'pandas'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_list_is_a_copy():
    """Changing the list changes no name."""
    known_features().clear()
    assert known_features()
