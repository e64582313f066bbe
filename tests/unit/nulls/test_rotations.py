"""Rotations are uniform, reproducible alone, and mirrored where asked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cytosurf.errors import InputError
from cytosurf.nulls.rotations import (
    POLICIES,
    check_rotation,
    haar_rotation,
    mirror_rotation,
    spin_rotations,
)

N_DRAWS = 4000

# Spin 3 of seed 42.
PINNED = {
    "L": np.array(
        [
            [0.07387860716034567, -0.517963421817518, 0.8522064568302304],
            [-0.9572223610198484, -0.2765547026482967, -0.08510492351620665],
            [0.27976294066161533, -0.8094636434715274, -0.5162376457893839],
        ]
    ),
    "R": np.array(
        [
            [0.44599640398128715, 0.8942654930018579, 0.037100345846163285],
            [-0.33852723563257836, 0.13017138393727096, 0.9319091809499574],
            [0.8285448197718247, -0.4281876210611418, 0.360789194404814],
        ]
    ),
}


@pytest.fixture(scope="module")
def spins():
    """Rotations of many spins under both policies, each (n, 3, 3)."""
    drawn = {p: [spin_rotations(11, k, p) for k in range(N_DRAWS)] for p in POLICIES}
    return {p: {h: np.stack([r[h] for r in drawn[p]]) for h in "LR"} for p in POLICIES}


def turn_angles(rotations):
    """Return the angle by which each rotation turns, in radians."""
    traces = np.trace(rotations, axis1=-2, axis2=-1)
    return np.arccos(np.clip((traces - 1) / 2, -1, 1))


def haar_angle_cdf(angle):
    """Return the distribution function of the angle of a uniform rotation."""
    return (angle - np.sin(angle)) / np.pi


class TestHaar:
    """Rotations are uniform."""

    @settings(max_examples=50)
    @given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.sampled_from(POLICIES))
    def test_every_draw_is_a_rotation(self, seed, k, policy):
        """Whatever the seed and the spin, both matrices are orthogonal with determinant 1."""
        for rotation in spin_rotations(seed, k, policy).values():
            np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-14)
            assert np.linalg.det(rotation) == pytest.approx(1)

    def test_a_vertex_lands_anywhere_alike(self, spins):
        """Each coordinate of each rotated axis is uniform on [-1, 1] (Archimedes)."""
        for hemisphere in "LR":
            entries = spins["independent"][hemisphere].reshape(-1, 9)
            p = [stats.kstest(column, "uniform", args=(-1, 2)).pvalue for column in entries.T]
            assert min(p) > 0.001

    def test_angles_are_those_of_uniform_rotations(self, spins):
        """The angle of turn has density (1 - cos) / pi, and keeps it after any fixed turn."""
        fixed = haar_rotation(np.random.default_rng(3))
        for rotations in (spins["independent"]["L"], spins["mirrored"]["R"]):
            for turned in (rotations, rotations @ fixed, fixed @ rotations):
                assert stats.kstest(turn_angles(turned), haar_angle_cdf).pvalue > 0.001

    def test_moments_of_the_trace(self, spins):
        """The trace has mean 0, variance 1 and third moment 1 under the Haar measure."""
        traces = np.trace(spins["independent"]["R"], axis1=1, axis2=2)
        for power, expected in ((1, 0), (2, 1), (3, 1)):
            moments = traces**power
            standard_error = moments.std() / np.sqrt(N_DRAWS)
            assert abs(moments.mean() - expected) < 4 * standard_error

    def test_equals_the_draws_of_neuromaps(self):
        """Given the same random numbers, the rotation is neuromaps' to the bit."""
        theirs = pytest.importorskip("neuromaps.nulls.spins")
        for seed in range(50):
            ours = haar_rotation(np.random.RandomState(seed))
            left, right = theirs._gen_rotation(seed)
            np.testing.assert_array_equal(ours, left)
            np.testing.assert_array_equal(mirror_rotation(ours), right)


class TestSpinRotations:
    """A spin is a function of its seed, number and policy."""

    def test_a_spin_depends_on_seed_and_number_alone(self):
        """Any order of drawing, and any policy drawn before, gives the same rotations."""
        forward = [spin_rotations(5, k, "independent") for k in range(20)]
        backward = [spin_rotations(5, k, "independent") for k in reversed(range(20))][::-1]
        for a, b in zip(forward, backward, strict=True):
            np.testing.assert_array_equal(a["L"], b["L"])
            np.testing.assert_array_equal(a["R"], b["R"])

    def test_left_rotation_is_the_same_under_both_policies(self, spins):
        """The policy decides about the right hemisphere only."""
        np.testing.assert_array_equal(spins["independent"]["L"], spins["mirrored"]["L"])

    def test_mirrored_right_rotation_is_m_r_m(self, spins):
        """Under the mirrored policy, a mirror image moves to the mirror image."""
        mirror = np.diag([-1.0, 1, 1])
        expected = mirror @ spins["mirrored"]["L"] @ mirror
        np.testing.assert_array_equal(spins["mirrored"]["R"], expected)

    def test_independent_hemispheres_and_spins_are_unrelated(self, spins):
        """Entries of left and right, and of consecutive spins, do not correlate."""
        left, right = (spins["independent"][h].reshape(-1, 9) for h in "LR")
        for a, b in ((left, right), (left[1:], left[:-1]), (left[1:], right[:-1])):
            correlations = np.corrcoef(a.T, b.T)[:9, 9:]
            assert np.abs(correlations).max() < 4.5 / np.sqrt(N_DRAWS)

    def test_all_spins_of_all_seeds_differ(self):
        """Neighbouring seeds, spin numbers and hemispheres share no rotation."""
        drawn = [
            rotation[0, 0]
            for seed in (0, 1, 2, 2**63)
            for k in (0, 1, 2, 2**32, 2**63)
            for rotation in spin_rotations(seed, k, "independent").values()
        ]
        assert len(set(drawn)) == len(drawn)

    def test_spins_stay_the_same_for_ever(self):
        """A published p-value can be redone: spin 3 of seed 42 is pinned."""
        spin = spin_rotations(42, 3, "independent")
        np.testing.assert_allclose(spin["L"], PINNED["L"], rtol=0, atol=1e-14)
        np.testing.assert_allclose(spin["R"], PINNED["R"], rtol=0, atol=1e-14)

    @pytest.mark.parametrize(
        ("seed", "k", "policy"),
        [
            (-1, 0, "mirrored"),
            (0, -1, "mirrored"),
            (2**64, 0, "mirrored"),
            (0, 1.5, "mirrored"),
            (True, 0, "mirrored"),
            ("0", 0, "mirrored"),
            (0, 0, "miror"),
            (0, 0, None),
        ],
    )
    def test_bad_input(self, seed, k, policy):
        """Negative, huge or fractional numbers and unknown policies are refused."""
        with pytest.raises(InputError):
            spin_rotations(seed, k, policy)

    def test_a_misspelt_policy_is_suggested(self):
        """The message names the nearest policy."""
        with pytest.raises(InputError, match="Did you mean 'mirrored'"):
            spin_rotations(0, 0, "miror")


@pytest.mark.parametrize(
    ("matrix", "says"),
    [
        (np.eye(4), "shape"),
        (np.ones((3, 3)), "not orthogonal"),
        (np.eye(3) * 1.001, "not orthogonal"),
        (np.full((3, 3), np.nan), "not orthogonal"),
        (np.diag([-1, 1, 1]), "reflection"),
    ],
)
def test_check_rotation_refuses(matrix, says):
    """What is no rotation is named as such."""
    with pytest.raises(InputError, match=says):
        check_rotation(matrix, "rotation L")
