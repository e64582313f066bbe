"""Spins hand labels to the right vertices, and spin tests with them are valid."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import cKDTree

from cytosurf.errors import InputError
from cytosurf.nulls.pvalues import SpinPValue
from cytosurf.nulls.rotations import spin_rotations
from cytosurf.nulls.spins import SpinAssigner, spin_labels
from cytosurf.surfaces.mesh import Mesh
from tests import toy
from tests.unit.nulls.oracles import brute_force, rotate

IDENTITY = {"L": np.eye(3), "R": np.eye(3)}


def turned(mesh, k=99):
    """Return a sphere with another place for every vertex."""
    return Mesh(rotate(mesh.vertices, spin_rotations(0, k, "mirrored")["L"]), mesh.faces)


def shifted(mesh, offset_mm):
    """Return a mesh moved along x."""
    return Mesh(mesh.vertices + np.array([offset_mm, 0, 0], np.float32), mesh.faces)


class TestDirection:
    """Labels move with the sphere, not against it."""

    def test_labels_travel_with_their_vertices(self, toy_spheres):
        """A patch labelled at x_j is found, after the spin, around x_j @ R."""
        points = toy_spheres["L"].vertices.astype(np.float64)
        assigner = SpinAssigner({"L": toy_spheres["L"]})
        for k in range(20):
            rotation = spin_rotations(0, k, "mirrored")
            source = points[k * 30]
            labels = (np.linalg.norm(points - source, axis=1) < 40).astype(np.int32)
            spun = spin_labels(labels, assigner.assign(rotation)).astype(bool)
            target = rotate(source[None], rotation["L"])[0]
            centre = points[spun].mean(axis=0)
            centre *= 100 / np.linalg.norm(centre)
            assert np.linalg.norm(centre - target) < 15  # one edge of the mesh

    def test_a_quarter_turn_by_hand(self, toy_spheres):
        """With a turn that takes +x to +y, the vertex at +y gets the label of the one at +x."""
        points = toy_spheres["L"].vertices
        index = SpinAssigner({"L": toy_spheres["L"]}).assign(
            {"L": np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])}
        )
        at_x, at_y = points[:, 0].argmax(), points[:, 1].argmax()
        assert np.linalg.norm(points[index[at_y]] - points[at_x]) < 10

    def test_the_inverse_rotation_brings_labels_back(self, fslr_spheres):
        """Spinning there and back leaves all but the borders of smooth labels in place."""
        assigner = SpinAssigner(fslr_spheres)
        rotation = spin_rotations(4, 0, "independent")
        there = assigner.assign(rotation)
        back = assigner.assign({h: r.T for h, r in rotation.items()})
        points = np.concatenate([fslr_spheres[h].vertices for h in "LR"])
        labels = (points[:, 1] > 0).astype(np.int32)
        assert (spin_labels(spin_labels(labels, there), back) == labels).mean() > 0.98


class TestAssign:
    """The indices are those of the exact nearest vertex."""

    @pytest.mark.parametrize("policy", ["independent", "mirrored"])
    @pytest.mark.parametrize("hemispheres", ["LR", "L", "R"])
    def test_chosen_vertices_get_what_they_get_among_all(self, toy_spheres, policy, hemispheres):
        """Of both spheres or one, mirrored to the bit or not; of one side or none too."""
        right = Mesh(toy_spheres["R"].vertices * np.float32(1 + 1e-6), toy_spheres["R"].faces)
        for spheres in (toy_spheres, {"L": toy_spheres["L"], "R": right}):
            assigner = SpinAssigner({h: spheres[h] for h in hemispheres})
            rotations, n = spin_rotations(3, 0, policy), assigner.n_vertices
            whole = assigner.assign(rotations)
            for chosen in (range(0, n, 7), range(10), range(n - 10, n), range(0)):
                rows = np.array(chosen, int)
                np.testing.assert_array_equal(assigner.assign(rotations, rows), whole[rows])

    @pytest.mark.parametrize("policy", ["independent", "mirrored"])
    def test_equals_brute_force(self, toy_spheres, policy):
        """Both hemispheres equal comparing all distances; the right one is offset."""
        assigner = SpinAssigner(toy_spheres)
        n_left = toy_spheres["L"].n_vertices
        for k in range(10):
            rotations = spin_rotations(0, k, policy)
            index = assigner.assign(rotations)
            assert index.dtype == np.int32
            left, right = (brute_force(toy_spheres[h].vertices, rotations[h]) for h in "LR")
            np.testing.assert_array_equal(index, np.concatenate([left, right + n_left]))

    def test_equals_neuromaps(self, fslr_spheres):
        """Fed with neuromaps' own rotations, the indices are those of its gen_spinsamples."""
        theirs = pytest.importorskip("neuromaps.nulls.spins")
        left, right = (fslr_spheres[h].vertices.astype(np.float64) for h in "LR")
        hemispheres = np.repeat([0, 1], [len(left), len(right)])
        expected = theirs.gen_spinsamples(
            np.concatenate([left, right]), hemispheres, n_rotate=5, seed=1234
        )
        assigner, draws = SpinAssigner(fslr_spheres), np.random.RandomState(1234)
        for spin in expected.T:
            rotations = dict(zip("LR", theirs._gen_rotation(draws), strict=True))
            np.testing.assert_array_equal(assigner.assign(rotations), spin)

    @pytest.mark.parametrize("policy", ["independent", "mirrored"])
    def test_equals_both_forms_of_a_search_tree(self, fslr_spheres, policy):
        """Identical to tree(x).query(x @ R.T) and to tree(x @ R).query(x) on the real spheres."""
        assigner = SpinAssigner(fslr_spheres)
        points = {h: sphere.vertices.astype(np.float64) for h, sphere in fslr_spheres.items()}
        for k in range(5):
            rotations = spin_rotations(7, k, policy)
            halves = np.split(assigner.assign(rotations), 2)
            for (h, x), index in zip(points.items(), halves, strict=True):
                source = index - (len(x) if h == "R" else 0)
                R = rotations[h]
                np.testing.assert_array_equal(source, cKDTree(x).query(x @ R.T)[1])
                np.testing.assert_array_equal(source, cKDTree(x @ R).query(x)[1])

    @pytest.mark.slow
    def test_equals_neuromaps_for_hundreds_of_spins(self, fslr_spheres):
        """Thirteen million vertices, the same indices as neuromaps."""
        theirs = pytest.importorskip("neuromaps.nulls.spins")
        coordinates = np.concatenate([fslr_spheres[h].vertices for h in "LR"]).astype(np.float64)
        hemispheres = np.repeat([0, 1], len(coordinates) // 2)
        expected = theirs.gen_spinsamples(
            coordinates, hemispheres, n_rotate=200, seed=0, check_duplicates=False
        )
        assigner, draws = SpinAssigner(fslr_spheres), np.random.RandomState(0)
        for spin in expected.T:
            rotations = dict(zip("LR", theirs._gen_rotation(draws), strict=True))
            np.testing.assert_array_equal(assigner.assign(rotations), spin)

    def test_mirrored_spin_is_the_same_left_and_right(self, fslr_spheres):
        """On mirrored spheres a mirrored spin moves homologous vertices alike."""
        assigner = SpinAssigner(fslr_spheres)
        assert assigner.mirrored
        left, right = np.split(assigner.assign(spin_rotations(0, 5, "mirrored")), 2)
        np.testing.assert_array_equal(right, left + len(left))

    def test_reusing_the_left_answer_changes_nothing(self, fslr_spheres):
        """The right sphere searched on its own gives what was taken over from the left."""
        both = SpinAssigner(fslr_spheres)
        alone = SpinAssigner({"R": fslr_spheres["R"]})
        for policy in ("mirrored", "independent"):
            rotations = spin_rotations(3, 1, policy)
            right = np.split(both.assign(rotations), 2)[1]
            np.testing.assert_array_equal(right - alone.n_vertices, alone.assign(rotations))

    def test_nearly_mirrored_spheres_are_searched_apart(self, toy_spheres):
        """Where the mirror image is off by rounding, each hemisphere gets its own exact answer."""
        jitter = np.random.default_rng(0).uniform(-5e-3, 5e-3, toy_spheres["R"].vertices.shape)
        right = Mesh(toy_spheres["R"].vertices + jitter, toy_spheres["R"].faces)
        assigner = SpinAssigner({"L": toy_spheres["L"], "R": right})
        assert assigner.mirrored
        unlike_left = 0
        for k in range(10):
            rotations = spin_rotations(0, k, "mirrored")
            left, found = np.split(assigner.assign(rotations), 2)
            found = found - right.n_vertices
            np.testing.assert_array_equal(found, brute_force(right.vertices, rotations["R"]))
            unlike_left += (found != left).sum()
        assert unlike_left > 0

    def test_hemispheres_of_different_size(self, toy_spheres):
        """Spheres of different meshes are searched each on its own, right rows after the left."""
        right = toy.icosphere(2)
        assigner = SpinAssigner({"L": toy_spheres["L"], "R": right})
        assert not assigner.mirrored
        rotations = spin_rotations(0, 0, "independent")
        index = assigner.assign(rotations)
        assert len(index) == assigner.n_vertices == 642 + 162
        np.testing.assert_array_equal(
            index[642:] - 642, brute_force(right.vertices, rotations["R"])
        )

    @pytest.mark.parametrize("hemisphere", ["L", "R"])
    def test_single_hemisphere(self, toy_spheres, hemisphere):
        """One hemisphere alone gives the same sources as within the pair, counted from 0."""
        rotations = spin_rotations(0, 2, "independent")
        alone = SpinAssigner({hemisphere: toy_spheres[hemisphere]}).assign(rotations)
        left, right = np.split(SpinAssigner(toy_spheres).assign(rotations), 2)
        expected = left if hemisphere == "L" else right - len(right)
        np.testing.assert_array_equal(alone, expected)

    @settings(max_examples=20)
    @given(st.integers(0, 2**40), st.integers(0, 2**40), st.sampled_from(["L", "R"]))
    def test_labels_never_cross_hemispheres(self, seed, k, hemisphere):
        """Every vertex gets its label from its own hemisphere, whatever the spin."""
        index = SMALL.assign(spin_rotations(seed, k, "independent"))
        rows = slice(0, 162) if hemisphere == "L" else slice(162, 324)
        assert index[rows].min() >= rows.start
        assert index[rows].max() < rows.stop

    def test_the_identity_moves_nothing(self, fslr_spheres):
        """Without a rotation each vertex is its own source."""
        index = SpinAssigner(fslr_spheres).assign(IDENTITY)
        np.testing.assert_array_equal(index, np.arange(len(index)))

    def test_works_in_another_process(self, toy_spheres):
        """A pickled assigner gives the same indices."""
        assigner = SpinAssigner(toy_spheres)
        rotations = spin_rotations(0, 0, "independent")
        copy = pickle.loads(pickle.dumps(assigner))
        np.testing.assert_array_equal(copy.assign(rotations), assigner.assign(rotations))


class TestSpinLabels:
    """Labels are gathered, the medial wall with them."""

    def test_medial_wall_travels_along(self, toy_spheres):
        """Zeros stay zeros: as many vertices lose their label as the rotated wall covers."""
        assigner = SpinAssigner(toy_spheres)
        keys = np.where(np.arange(assigner.n_vertices) % 642 < 60, 0, 5).astype(np.int32)
        index = assigner.assign(spin_rotations(0, 0, "mirrored"))
        spun = spin_labels(keys, index)
        assert spun.dtype == np.int32
        np.testing.assert_array_equal(spun == 0, index % 642 < 60)
        assert set(spun) == {0, 5}

    def test_wrong_length_is_refused(self):
        """Labels of another mesh are not spun."""
        with pytest.raises(InputError, match="labels to spin"):
            spin_labels(np.zeros(3, np.int32), np.zeros(4, np.int32))


class TestBadSpheres:
    """What is no pair of spheres is refused before any spin."""

    def test_not_centred(self, toy_spheres):
        """A sphere around another point says which one."""
        spheres = {"L": toy_spheres["L"], "R": shifted(toy_spheres["R"], 30)}
        with pytest.raises(InputError, match=r"sphere R: .*around \(30.0"):
            SpinAssigner(spheres)

    def test_not_a_sphere(self, toy_spheres):
        """An ellipsoid is refused."""
        flat = Mesh(toy_spheres["L"].vertices * [1, 1, 0.9], toy_spheres["L"].faces)
        with pytest.raises(InputError, match="sphere L"):
            SpinAssigner({"L": flat})

    def test_different_radius(self, toy_spheres):
        """Two good spheres of different radius are refused together."""
        small = toy.mirrored(toy.icosphere(3, radius=50))
        with pytest.raises(InputError, match=r"100\.0 mm \(L\) and 50\.0 mm \(R\).*scale one"):
            SpinAssigner({"L": toy_spheres["L"], "R": small})

    @pytest.mark.parametrize("names", [(), ("left",), ("L", "right"), ("L", "R", "B")])
    def test_unknown_hemispheres(self, toy_spheres, names):
        """Hemispheres are called L and R."""
        with pytest.raises(InputError, match="spheres"):
            SpinAssigner(dict.fromkeys(names, toy_spheres["L"]))

    def test_mirrored_spins_need_mirrored_spheres(self, toy_spheres):
        """Mirrored rotations on unlike spheres are refused, independent ones are welcome."""
        assigner = SpinAssigner({"L": toy_spheres["L"], "R": turned(toy_spheres["R"])})
        assert not assigner.mirrored
        with pytest.raises(InputError, match=r"mirrored spins.*independent rotations"):
            assigner.assign(spin_rotations(0, 0, "mirrored"))
        assigner.assign(spin_rotations(0, 0, "independent"))
        assigner.assign(IDENTITY)

    def test_single_hemisphere_may_take_mirrored_spins(self, toy_spheres):
        """With one hemisphere there is nothing to mirror."""
        sphere = turned(toy_spheres["R"])
        rotations = spin_rotations(0, 0, "mirrored")
        source = SpinAssigner({"R": sphere}).assign(rotations)
        moved = sphere.vertices @ rotations["R"]
        assert np.array_equal(source, cKDTree(moved).query(sphere.vertices)[1])

    def test_missing_or_broken_rotation(self, toy_spheres):
        """Each hemisphere needs a rotation that is one."""
        assigner = SpinAssigner(toy_spheres)
        with pytest.raises(InputError, match="none for hemisphere R"):
            assigner.assign({"L": np.eye(3)})
        with pytest.raises(InputError, match="rotation R: found a reflection"):
            assigner.assign({"L": np.eye(3), "R": np.diag([-1.0, 1, 1])})


def smooth_maps(points, n_maps, generator):
    """Return independent Gaussian maps (n_maps, n_vertices), alike in all directions."""
    unit = points.astype(np.float64) / 100
    kernel = np.exp(8 * (unit @ unit.T - 1))
    return generator.normal(size=(n_maps, len(unit))) @ kernel


def spin_p_values(policy, spheres, n_tests=300, n_spins=99):
    """Return p-values for the correlation of unrelated maps that are alike left and right."""
    generator = np.random.default_rng(20)
    points = spheres["L"].vertices
    fixed, moving = (smooth_maps(points, n_tests, generator) for _ in range(2))
    assigner = SpinAssigner(spheres)
    pool = np.stack([assigner.assign(spin_rotations(0, k, policy)) for k in range(10 * n_spins)])
    p = []
    for a, b in zip(np.tile(fixed, 2), np.tile(moving, 2), strict=True):
        spins = pool[generator.choice(len(pool), n_spins, replace=False)]
        rows = np.concatenate([b[None], spin_labels_many(b, spins)])
        observed, *null = correlations(a, rows)
        p.append(SpinPValue.from_null(observed, null).p)
    return np.array(p)


def spin_labels_many(values, indices):
    """Return one row of spun values per spin."""
    return np.stack([spin_labels(values, index) for index in indices])


def correlations(values, rows):
    """Return the Pearson correlation of `values` with each row."""
    values = values - values.mean()
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows @ values / np.linalg.norm(values) / np.linalg.norm(rows, axis=1)


class TestCalibration:
    """Unrelated smooth maps that are alike left and right, as real maps of the cortex are."""

    def test_mirrored_spins_give_uniform_p_values(self, toy_spheres):
        """P-values of unrelated maps are uniform, and 5 % are below 0.05."""
        p = spin_p_values("mirrored", toy_spheres)
        # Discrete in steps of 1/100: spread within the steps before comparing with uniform.
        spread = p - np.random.default_rng(1).uniform(0, 0.01, len(p))
        assert stats.kstest(spread, "uniform").pvalue > 0.01
        assert stats.binomtest(int((p <= 0.05).sum()), len(p), 0.05).pvalue > 0.01

    def test_independent_spins_are_liberal_for_symmetric_maps(self, toy_spheres):
        """Independent spins break the symmetry and reject too often: mirrored is the default."""
        p = spin_p_values("independent", toy_spheres)
        assert (p <= 0.05).mean() > 0.08


SMALL = SpinAssigner({"L": toy.icosphere(2), "R": toy.mirrored(toy.icosphere(2))})
