"""`bench assign`: the peers' indices are ours, a wrong one is seen, a missing one is said."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from cytosurf.bench.assign import AssignBench, bench_assign, compare_assigners
from cytosurf.bench.conditions import conditions
from cytosurf.bench.peers import Peer, known_peers, our_rotations, peer_rotations
from cytosurf.errors import InputError
from cytosurf.nulls import SpinAssigner
from cytosurf.surfaces import Mesh
from tests import toy
from tests.unit.nulls.oracles import brute_force

N_SPINS = 3


@pytest.fixture(scope="module")
def spheres():
    """Return mirrored spheres of 162 vertices."""
    left = toy.icosphere(2)
    return {"L": left, "R": toy.mirrored(left)}


@pytest.fixture(scope="module")
def points(spheres):
    """Return their vertices."""
    return {h: mesh.vertices.astype(np.float64) for h, mesh in spheres.items()}


@pytest.fixture(scope="module")
def assigner(spheres):
    """Return our assigner."""
    return SpinAssigner(spheres)


def outcome_of(timings):
    """Return a benchmark with these timings."""
    return AssignBench("toy", 324, N_SPINS, 0, timings, conditions(None))


class OffByOne(SpinAssigner):
    """An assigner with one wrong vertex in each spin."""

    def assign(self, rotations):
        """Return the indices, the last one wrong."""
        index = super().assign(rotations).copy()
        index[-1] = index[-1] - 1 if index[-1] else 1
        return index


def test_every_program_gives_the_vertex_that_is_nearest(points):
    """The rotations that we draw again are the peers' own: brute force gives their indices."""
    for peer in known_peers(points):
        index = peer.spin(N_SPINS, 7)
        assert index.shape == (N_SPINS, 324), peer.name
        for found, rotation in zip(index, peer.rotations(N_SPINS, 7), strict=True):
            left, right = (brute_force(points[h], rotation[h]) for h in ("L", "R"))
            np.testing.assert_array_equal(found, np.concatenate([left, right + 162]))


def test_all_programs_are_compared_with_ours(assigner, points):
    """A row for each, ours first under both policies, and no index differs."""
    timings = compare_assigners(assigner, known_peers(points), n_spins=N_SPINS, seed=0)
    assert [(t.name.split()[0], t.policy) for t in timings] == [
        ("cytosurf", "independent"),
        ("cytosurf", "mirrored"),
        ("cached", "independent"),
        ("cached", "mirrored"),
        ("BrainSpace", "mirrored"),
        ("neuromaps", "mirrored"),
    ]
    assert all(t.installed and t.n_different == 0 for t in timings)
    assert all(t.ms_per_spin > 0 and t.ratio > 0 for t in timings)
    assert [t.ratio for t in timings[:2]] == [1, 1]
    assert outcome_of(timings).failures == ()


def test_a_wrong_assigner_is_seen(spheres, points):
    """One wrong vertex per spin is found against every program."""
    timings = compare_assigners(OffByOne(spheres), known_peers(points), n_spins=N_SPINS, seed=0)
    assert [t.n_different for t in timings[2:]] == [N_SPINS] * 4
    failures = outcome_of(timings).failures
    assert len(failures) == 4
    assert failures[0].startswith("cached k-d tree of SciPy, independent rotations: 3 source")


def test_a_wrong_peer_is_seen(assigner, points):
    """A peer that rotates the other way gives other vertices."""
    (tree, *_) = known_peers(points)

    def the_other_way(n_spins, seed):
        pairs = our_rotations(n_spins, seed, "independent")
        return [{h: r.T for h, r in pair.items()} for pair in pairs]

    wrong = replace(tree, rotations=the_other_way)
    timings = compare_assigners(assigner, [wrong], n_spins=N_SPINS, seed=0)
    assert timings[-1].n_different > 100
    assert len(outcome_of(timings).failures) == 1


def test_a_program_that_is_not_installed_is_said(assigner, points, monkeypatch):
    """It has no figures, and that is no failure."""
    for name in ("brainspace.null_models", "neuromaps.nulls.spins"):
        monkeypatch.setitem(sys.modules, name, None)
    peers = known_peers(points)
    assert [peer.spin is None for peer in peers] == [False, False, True, True]
    timings = compare_assigners(assigner, peers, n_spins=1, seed=0)
    assert [t.installed for t in timings] == [True] * 4 + [False] * 2
    assert timings[-1].ms_per_spin is timings[-1].ratio is timings[-1].n_different is None
    assert outcome_of(timings).failures == ()


def test_rotations_are_drawn_as_the_peers_draw_them():
    """They are rotations, mirrored, and follow from the seed."""
    pairs = peer_rotations(5, seed=2)
    for pair in pairs:
        assert np.allclose(pair["L"] @ pair["L"].T, np.eye(3))
        assert np.isclose(np.linalg.det(pair["L"]), 1)
        reflect = np.diag([-1.0, 1, 1])
        assert np.array_equal(pair["R"], reflect @ pair["L"] @ reflect)
    assert np.array_equal(peer_rotations(5, seed=2)[4]["L"], pairs[4]["L"])


def test_a_peer_under_one_policy_alone(assigner, points):
    """Ours has no row for a policy that was not measured."""
    tree = known_peers(points)[1]
    assert isinstance(tree, Peer)
    timings = compare_assigners(assigner, [tree], n_spins=1, seed=0)
    assert [(t.policy, t.n_different) for t in timings] == [("mirrored", 0)] * 2


@pytest.mark.usefixtures("toy_cortex")
def test_the_whole_benchmark():
    """A space by name, with the conditions beside the figures."""
    outcome = bench_assign("toy-642", spins=2, seed=5)
    assert (outcome.space, outcome.n_vertices, outcome.n_spins) == ("toy-642", 1284, 2)
    assert outcome.seed == 5
    assert outcome.failures == ()
    assert outcome.conditions.versions["cytosurf"]


@pytest.mark.usefixtures("toy_cortex")
def test_bad_input(monkeypatch):
    """No spins; a seed that peers refuse; no space; spheres that are not mirrored."""
    with pytest.raises(InputError, match=r"^spins: found 0"):
        bench_assign("toy-642", spins=0)
    with pytest.raises(InputError, match="no-such"):
        bench_assign("no-such-space")
    for seed in (-1, 2**32):
        with pytest.raises(InputError, match=r"^seed: found -?\d+; expected 0 to 4294967295"):
            bench_assign("toy-642", seed=seed)
    turned = toy.icosphere(3)
    turned = Mesh(turned.vertices[:, [1, 2, 0]], turned.faces)
    meshes = {"L": toy.icosphere(3), "R": turned}
    monkeypatch.setattr("cytosurf.bench.assign.surface_meshes", lambda *_: meshes)
    with pytest.raises(InputError, match=r"^space: found toy-642, with spheres that are not"):
        bench_assign("toy-642")
