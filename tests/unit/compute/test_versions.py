"""The versions that a run says it was made with."""

from importlib.metadata import version

from cytosurf.compute.versions import installed_versions


def test_what_is_not_installed_is_left_out():
    """Python comes first, the packages in their order."""
    found = installed_versions(["scipy", "no-such-package", "numpy"])
    assert list(found) == ["python", "scipy", "numpy"]
    assert found["numpy"] == version("numpy")
