"""The room is one import, and a light one."""

import subprocess
import sys

import pytest

from cytosurf import surfaces

HEAVY = ("nibabel", "nilearn", "sklearn", "matplotlib", "pandas", "numba", "pydantic", "pooch")


def run(code):
    """Run Python code in a fresh process and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_room_loads_nothing_heavy():
    """Spaces, meshes and maps are there without nibabel and the like."""
    code = (
        "import sys; from cytosurf.surfaces import Space, Mesh, SurfaceMap, Parcellation\n"
        f"print(sorted(set({HEAVY}) & set(sys.modules)))"
    )
    assert run(code) == "[]"


@pytest.mark.parametrize("name", surfaces.__all__)
def test_every_name_of_the_room_exists(name):
    """What is listed can be imported, and has a docstring."""
    thing = getattr(surfaces, name)
    assert thing.__doc__
    assert name in dir(surfaces)


def test_names_are_the_same_things_as_in_their_modules():
    """The function `resample` is not hidden by the module of that name, whatever comes first."""
    for first in ("from cytosurf.surfaces.resample import Carrier", "pass"):
        code = f"{first}\nfrom cytosurf.surfaces import resample\nprint(callable(resample))"
        assert run(code) == "True"


def test_unknown_names_are_attribute_errors():
    """As of any package."""
    with pytest.raises(AttributeError, match="no_such_name"):
        surfaces.no_such_name  # noqa: B018
