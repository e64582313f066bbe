"""A toy cortex to run on: two egg-shaped hemispheres of 642 matched vertices with a medial wall."""

import numpy as np

from cytosurf.features import FeatureSet, position
from cytosurf.runs import inputs, make_config, read_json
from cytosurf.surfaces import Mesh, Parcellation, Space, SurfaceMap
from cytosurf.surfaces.space import KNOWN_SPACES
from tests.toy import icosphere, mirrored

TOY = Space("toy", "642")
N_VERTICES = 1284
NAMES = {1: "front", 2: "middle", 3: "back"}
FOLDS = {"n_folds": 3, "n_blocks": 12}

_SPHERE = icosphere(3)
_EGG = Mesh(_SPHERE.vertices * [0.2, 0.4, 0.3] - [30, 0, 0], _SPHERE.faces)


def toy_mesh(hemisphere, surface):
    """Return the sphere or the midthickness of one hemisphere."""
    left = _SPHERE if surface == "sphere" else _EGG
    return left if hemisphere == "L" else mirrored(left)


def install(monkeypatch):
    """Make the toy cortex a space that runs know by name, with its meshes."""
    load_mesh = inputs.load_mesh

    def load(space, hemisphere, surface):
        return (
            toy_mesh(hemisphere, surface) if space == TOY else load_mesh(space, hemisphere, surface)
        )

    monkeypatch.setitem(KNOWN_SPACES, ("toy", "642"), 642)
    for module in (inputs, position):
        monkeypatch.setattr(module, "load_mesh", load)


def points():
    """Return the midthickness of both hemispheres, left first."""
    return np.concatenate([toy_mesh(h, "midthickness").vertices for h in ("L", "R")])


def cortex():
    """Return which vertices are cortex: those that do not face the other hemisphere."""
    return np.abs(points()[:, 0]) > 18


def keys():
    """Return three bands from front to back, alike left and right, and 0 on the medial wall."""
    _, y, z = points().T
    return np.where(cortex(), np.digitize(y + 6 * np.sin(z / 6), [-14, 12])[:, None].T[0] + 1, 0)


def stain(n_columns=2, seed=0, noise=0.4):
    """Return values that follow the bands, with noise."""
    generator = np.random.default_rng(seed)
    signal = np.stack([keys() == k for k in range(1, n_columns + 1)], axis=1)
    return (signal + noise * generator.normal(size=signal.shape)).astype(np.float32)


def feature_set(name="stain", values=None, valid=None):
    """Return a feature set on the cortex."""
    values = stain() if values is None else values
    valid = cortex() if valid is None else valid
    return FeatureSet(name, SurfaceMap(values, TOY, valid=valid), ("in memory",))


def parcellation(labels=None):
    """Return the bands as a parcellation."""
    return Parcellation(keys() if labels is None else labels, TOY, NAMES)


def config(**options):
    """Return the configuration of a small run on the toy cortex."""
    base = {"features": ["stain"], "target": "bands", "space": "toy-642", "folds": FOLDS, "jobs": 1}
    return make_config(base | options)


def listing(folder):
    """Return every file under a folder with its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def comparable(results):
    """Return results without the time that they took."""
    spin_test = results["spin_test"]
    if spin_test is None:
        return results
    return results | {"spin_test": {k: v for k, v in spin_test.items() if k != "seconds"}}


def spin_tests(folder):
    """Return the spin tests of a run without the time they took."""
    return comparable(read_json(folder / "results.json"))["spin_test"]


def spin_files(folder):
    """Return the bytes of every finished file of spins, by name."""
    return {p.name: p.read_bytes() for p in (folder / "spins").glob("[a-z]*.npz")}


def write_page(record):
    """Write a line in the place of the report, where a test is about something else."""
    path = record.directory / "report.html"
    path.write_text("page", encoding="utf-8")
    return path
