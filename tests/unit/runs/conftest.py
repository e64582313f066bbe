"""A finished run on the toy cortex."""

import errno
import tempfile
import warnings
from dataclasses import replace

import pytest

from cytosurf.errors import CytosurfWarning
from cytosurf.runs import execute

N_SPINS = 6


@pytest.fixture(scope="module")
def run_toy(toy_cortex):
    """Return a function that does a run of one feature set, quietly."""

    def run(directory, given=None, target=None, *, target_name="bands", **options):
        config = toy_cortex.config(target=target_name, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CytosurfWarning)
            return execute(
                config,
                directory,
                features=given or [toy_cortex.feature_set()],
                target=target if target is not None else toy_cortex.parcellation(),
            )

    return run


@pytest.fixture(scope="module")
def finished(run_toy, tmp_path_factory):
    """Return the record of a finished run with spins; tests must not change its directory."""
    return run_toy(tmp_path_factory.mktemp("run"), spins=N_SPINS)


@pytest.fixture
def named_toy(toy_cortex, monkeypatch):
    """Return a function that does a run of names, which any later session can load again."""
    from cytosurf.runs import inputs
    from cytosurf.targets import Target

    sets = {"stain": toy_cortex.feature_set(), "position": toy_cortex.feature_set("position")}
    for name, seed in (("noise", 2), ("other-noise", 1)):
        sets[name] = toy_cortex.feature_set(name, toy_cortex.stain(2, seed=seed, noise=20.0))
    sets = {name: replace(s, sources=("toy",)) for name, s in sets.items()}
    target = Target("bands", toy_cortex.parcellation(), ("toy",))
    monkeypatch.setattr(inputs, "check_feature_name", lambda *_: None)
    monkeypatch.setattr(inputs, "load_feature_sets", lambda names, _: {n: sets[n] for n in names})
    monkeypatch.setattr(inputs, "load_target", lambda *_: target)

    def run(directory, **options):
        options = {"baseline": ["position"], "matched_position": False} | options
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CytosurfWarning)
            return execute(toy_cortex.config(**options), directory)

    return run


@pytest.fixture
def one_spin_files(monkeypatch):
    """Let a few spins make a file each."""
    from cytosurf.runs import spins

    monkeypatch.setattr(spins, "SMALLEST_CHUNK", 1)


@pytest.fixture
def room_for(monkeypatch):
    """Return a function that leaves room for so many new files on the disk."""
    make, left = tempfile.mkstemp, [0]

    def mkstemp(**options):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return make(**options)

    monkeypatch.setattr(tempfile, "mkstemp", mkstemp)
    return lambda n_files: left.__setitem__(0, n_files)
