"""Folds: no superblock in two folds, even sizes, seeded, and the schemes do what they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from cytosurf.decoding.folds import (
    SCHEMES,
    Folds,
    deal_blocks,
    exclude_near_test,
    make_folds,
)
from cytosurf.decoding.slabs import coronal_slabs
from cytosurf.errors import InputError
from cytosurf.surfaces.mesh import Mesh


def toy_folds(brain, **options):
    """Make folds of the toy brain with 20 blocks per hemisphere."""
    meshes, mask, cells = brain
    return make_folds(mask, meshes, cells=cells, **{"n_blocks": 20, **options})


class TestFolds:
    """The value that travels."""

    def test_train_and_test_are_disjoint_and_complete(self, brain):
        """Each fold splits the mask; the test parts together are the mask."""
        folds = toy_folds(brain)
        assert folds.n_folds == 5
        assert np.array_equal(folds.mask, brain[1])
        assert np.array_equal(sum(folds.test(k).astype(int) for k in range(5)), brain[1])
        for k in range(5):
            assert np.array_equal(folds.train(k) ^ folds.test(k), brain[1])

    def test_arrays_are_kept_small_and_read_only(self):
        """Arrays have the promised types, are copies, and cannot be written to."""
        block = np.array([0, 1, -1])
        folds = Folds(block, [0, 1, -1], np.zeros((2, 3), bool))
        block[0] = 7
        assert folds.block.tolist() == [0, 1, -1]
        assert (folds.block.dtype, folds.fold.dtype) == (np.int32, np.int8)
        for array in (folds.block, folds.fold, folds.excluded):
            with pytest.raises(ValueError, match="read-only"):
                array[:] = 0

    def test_a_vertex_may_only_be_trained_on(self):
        """An analysed vertex without a fold trains in every fold."""
        folds = Folds(block=[0, 1, 2, -1], fold=[-1, 0, 1, -1])
        assert folds.train(0).tolist() == [True, False, True, False]
        assert folds.train(1).tolist() == [True, True, False, False]

    def test_excluded_vertices_do_not_train(self):
        """The table of a fold takes vertices from its training alone."""
        folds = Folds([0, 1, 2], [0, 1, 1], [[0, 1, 0], [0, 0, 0]])
        assert folds.train(0).tolist() == [False, False, True]
        assert folds.test(1).tolist() == [False, True, True]

    def test_one_fold_alone(self, brain):
        """Its training and test vertices stay, buffer included; no other vertex is tested."""
        folds = toy_folds(brain, buffer_mm=6.0)
        for k in range(5):
            alone = folds.only(k)
            assert alone.n_folds == 1
            assert np.array_equal(alone.block, folds.block)
            assert np.array_equal(alone.test(0), folds.test(k))
            assert np.array_equal(alone.train(0), folds.train(k))
        for k in (-1, 5):
            with pytest.raises(InputError, match="fold: found"):
                folds.only(k)

    @pytest.mark.parametrize(
        ("block", "fold", "excluded", "message"),
        [
            ([0, 0, 1], [0, 1, 1], None, "superblock 0 in two folds"),
            ([0, 0, 1], [0, -1, 1], None, "superblock 0 in two folds"),
            ([0, 1, -1], [0, 1, 1], None, "without superblock"),
            ([0, 1], [0, 1, 1], None, "shapes"),
            ([0, 1], [0, 2], None, "tested in fold 1"),
            ([0, 1], [0, 0], None, "trained on in fold 0"),
            ([0, 1], [-1, -1], None, "tested in fold 0"),
            ([], [], None, "tested in fold 0"),
            ([0, 1], [0, 256], None, "numbers 0 to 256"),
            ([0, 1], [0, -2], None, "numbers -2 to 0"),
            ([0, 1], [0, 1], [[0, 1]], "excluded vertices"),
            ([0, 1], [0, 1], [[0, 1], [0, 0]], "trained on in fold 0"),
        ],
    )
    def test_refuses_what_are_no_folds(self, block, fold, excluded, message):
        """Contradictory arrays are refused at construction."""
        with pytest.raises(InputError, match=message):
            Folds(block, fold, excluded)


class TestDealBlocks:
    """Shuffled blocks, each to the fold with the fewest vertices."""

    @given(
        sizes=st.lists(st.integers(1, 30), min_size=5, max_size=40),
        n_folds=st.integers(2, 5),
        seed=st.integers(0, 2**64 - 1),
    )
    @settings(max_examples=200)
    def test_folds_are_even(self, sizes, n_folds, seed):
        """No block is split, no fold is empty, and folds differ by the largest block at most."""
        block = np.repeat(np.arange(len(sizes)), sizes)
        fold = deal_blocks(block, n_folds, seed)
        assert all(len(set(fold[block == b])) == 1 for b in range(len(sizes)))
        in_fold = np.bincount(fold, minlength=n_folds)
        assert len(in_fold) == n_folds
        assert in_fold.min() > 0
        assert np.ptp(in_fold) <= max(sizes)
        assert np.array_equal(fold, deal_blocks(block, n_folds, seed))

    def test_equals_the_rule_written_out(self):
        """The dealing is greedy in the shuffled order: oracle in plain Python."""
        from cytosurf.decoding.superblocks import DEALING_STREAM, seeded_generator

        rng = np.random.default_rng(3)
        block = rng.permutation(np.repeat(np.arange(30), rng.integers(1, 50, 30)))
        order = seeded_generator(11, DEALING_STREAM).permutation(30)
        hands = [[] for _ in range(4)]
        for b in order:
            min(hands, key=lambda hand: sum((block == c).sum() for c in hand)).append(b)
        fold = deal_blocks(block, 4, 11)
        assert all((fold[block == b] == k).all() for k, hand in enumerate(hands) for b in hand)

    def test_seeds_deal_differently_and_gaps_are_left_out(self):
        """Seeds matter; vertices without a block have no fold; block numbers may have gaps."""
        block = np.repeat([-1, 3, 5, 9, 11, 20], 10)
        deals = {tuple(deal_blocks(block, 2, seed)) for seed in range(20)}
        assert len(deals) > 5
        assert all(set(deal[:10]) == {-1} for deal in deals)

    def test_refuses_more_folds_than_blocks(self):
        """A fold would be empty."""
        with pytest.raises(InputError, match="4 folds for 3 superblocks"):
            deal_blocks(np.array([0, 1, 2, -1]), 4, 0)


class TestMakeFolds:
    """The schemes, on a toy brain."""

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_is_determined_by_inputs_and_seed(self, brain, scheme):
        """Everything again gives the same arrays."""
        first, again = (toy_folds(brain, scheme=scheme, seed=5, buffer_mm=4.0) for _ in range(2))
        assert np.array_equal(first.block, again.block)
        assert np.array_equal(first.fold, again.fold)
        assert np.array_equal(first.excluded, again.excluded)

    def test_another_seed_gives_other_folds(self, brain):
        """Seeds change blocks and folds."""
        one, two = toy_folds(brain, seed=1), toy_folds(brain, seed=2)
        assert not np.array_equal(one.block, two.block)
        assert not np.array_equal(one.fold, two.fold)

    def test_both_hemispheres_are_in_every_fold(self, brain):
        """Blocks of the two hemispheres are dealt together."""
        folds = toy_folds(brain)
        for half in np.split(folds.fold, 2):
            assert set(half[half >= 0]) == set(range(5))

    def test_homotopic_blocks_share_a_fold(self, brain):
        """Mirror-image vertices are in one fold, which the published scheme does not give."""
        left, right = np.split(toy_folds(brain, scheme="homotopic").fold, 2)
        assert np.array_equal(left, right)
        left, right = np.split(toy_folds(brain).fold, 2)
        assert not np.array_equal(left, right)

    @pytest.mark.parametrize(
        ("scheme", "tested"),
        [("left-to-right", "R"), ("right-to-left", "L"), ("across", "RL")],
    )
    def test_from_one_hemisphere_to_the_other(self, brain, scheme, tested):
        """Fold k tests all of one hemisphere and trains on all of the other."""
        meshes, mask, _ = brain
        folds = toy_folds(brain, scheme=scheme)
        on_left = np.arange(len(mask)) < meshes["L"].n_vertices
        assert folds.n_folds == len(tested)
        for k, hemisphere in enumerate(tested):
            here = on_left if hemisphere == "L" else ~on_left
            assert np.array_equal(folds.test(k), mask & here)
            assert np.array_equal(folds.train(k), mask & ~here)
        assert np.array_equal(folds.block >= 0, mask)

    def test_slabs_lie_one_behind_the_other(self, brain):
        """Folds and blocks are intervals of y over both hemispheres, of equal size."""
        meshes, mask, _ = brain
        folds = toy_folds(brain, scheme="slabs")
        y_mm = np.concatenate([mesh.vertices[:, 1] for mesh in meshes.values()])
        order = np.flatnonzero(mask)[np.argsort(y_mm[mask], kind="stable")]
        for part, number in ((folds.block, 20), (folds.fold, 5)):
            assert (np.diff(part[order]) >= 0).all()
            assert np.ptp(np.bincount(part[order], minlength=number)) <= number // 5
        for half in np.split(folds.fold, 2):
            assert set(half[half >= 0]) == set(range(5))
        assert np.array_equal(folds.fold, toy_folds(brain, scheme="slabs", seed=1).fold)

    @given(seed=st.integers(0, 1000), n=st.integers(10, 60), n_slabs=st.integers(5, 10))
    @settings(max_examples=50)
    def test_slabs_hold_as_many_vertices(self, seed, n, n_slabs):
        """No slab is empty, none is larger than another by more than a vertex, none is split."""
        rng = np.random.default_rng(seed)
        mask = rng.random(n + 20) < 0.5
        mask[:n_slabs] = True
        folds = Folds(*coronal_slabs(rng.normal(size=n + 20), mask, 5, n_slabs))
        size = np.bincount(folds.block[mask], minlength=n_slabs)
        assert np.ptp(size) <= 1
        assert folds.n_folds == 5
        assert np.array_equal(folds.mask, mask)

    def test_one_hemisphere(self, brain):
        """A single hemisphere is divided like two."""
        meshes, mask, _ = brain
        folds = make_folds(mask[:2562], {"L": meshes["L"]}, n_blocks=20, n_folds=3)
        assert folds.n_folds == 3
        assert len(folds.block) == 2562

    def test_the_number_of_folds_may_be_that_of_the_blocks(self, brain):
        """Leaving out one block at a time is the limit."""
        folds = toy_folds(brain, n_blocks=3, n_folds=6)
        assert all(len(set(folds.block[folds.test(k)])) == 1 for k in range(6))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"scheme": "homotropic"}, "scheme.*Did you mean 'homotopic'"),
            ({"method": "volume"}, "method"),
            ({"n_folds": 1}, "n_folds: found 1"),
            ({"n_folds": 128}, "n_folds: found 128"),
            ({"n_blocks": 2, "n_folds": 5}, "5 folds for 4 superblocks"),
            ({"n_blocks": 4, "n_folds": 5, "scheme": "homotopic"}, "5 folds for 4 superblocks"),
            ({"n_blocks": 5000}, "n_blocks"),
            ({"n_blocks": 4, "n_folds": 5, "scheme": "slabs"}, "n_blocks: found 4 slabs"),
            ({"n_blocks": 6000, "scheme": "slabs"}, "n_blocks: found 6000 slabs"),
            ({"seed": -1}, "seed"),
            ({"buffer_mm": -1.0}, "buffer_mm"),
            ({"buffer_mm": float("nan")}, "buffer_mm"),
            ({"buffer_mm": 500.0}, "trained on in fold 0.*smaller buffer"),
        ],
    )
    def test_bad_options(self, brain, options, message):
        """Each wrong option is named, with what would do."""
        with pytest.raises(InputError, match=message):
            toy_folds(brain, **options)

    def test_bad_masks(self, brain):
        """A mask that does not fit, is nearly empty or lacks a hemisphere is refused."""
        meshes, mask, cells = brain
        with pytest.raises(InputError, match=r"mask.*5124"):
            make_folds(mask[:-1], meshes, cells=cells)
        few = np.zeros_like(mask)
        few[np.flatnonzero(mask)[:3]] = True
        with pytest.raises(InputError, match="n_blocks"):
            make_folds(few, meshes, cells=cells)
        left = mask & (np.arange(len(mask)) < 2562)
        with pytest.raises(InputError, match="scheme across: found analysed vertices on L alone"):
            make_folds(left, meshes, cells=cells, scheme="across")

    def test_homotopic_needs_matched_hemispheres(self, brain):
        """Vertices in another order on the right are refused, not silently mismatched."""
        meshes, mask, _ = brain
        rotated = Mesh(meshes["R"].vertices * [1, -1, -1], meshes["R"].faces)
        with pytest.raises(InputError, match="matched vertex order"):
            make_folds(mask, {"L": meshes["L"], "R": rotated}, scheme="homotopic")


class TestBuffer:
    """No training vertex close to a test vertex."""

    @pytest.mark.parametrize("scheme", ["blocks", "homotopic", "across"])
    def test_is_respected_exactly(self, brain, scheme):
        """Training vertices closer than the buffer are gone, and no other: all pairs checked."""
        meshes, mask, _ = brain
        buffer_mm = 14.0 if scheme == "across" else 6.0
        points = np.concatenate([mesh.vertices for mesh in meshes.values()]).astype(float)
        if scheme == "across":  # bring the hemispheres 12 mm together
            meshes = {
                h: Mesh(mesh.vertices + np.array([(h == "L") * 12 - 6, 0, 0]), mesh.faces)
                for h, mesh in meshes.items()
            }
            points = np.concatenate([mesh.vertices for mesh in meshes.values()]).astype(float)
            mask = np.ones_like(mask)
        plain = make_folds(mask, meshes, n_blocks=10, scheme=scheme)
        folds = make_folds(mask, meshes, n_blocks=10, scheme=scheme, buffer_mm=buffer_mm)
        assert np.array_equal(plain.fold, folds.fold)
        n_left_out = 0
        for k in range(folds.n_folds):
            nearest = cdist(points[plain.train(k)], points[plain.test(k)]).min(axis=1)
            kept = folds.train(k)[plain.train(k)]
            assert np.array_equal(kept, nearest >= buffer_mm)
            assert np.array_equal(folds.test(k), plain.test(k))
            assert not (folds.train(k) & ~plain.train(k)).any()
            n_left_out += (~kept).sum()
        assert n_left_out > 50

    def test_none_by_default(self, brain):
        """Without a buffer there is no table."""
        assert toy_folds(brain).excluded is None

    def test_vertices_outside_the_mask_neither_count_nor_appear(self):
        """Only analysed vertices are tested, and only they can be left out."""
        line = np.c_[np.arange(5.0), np.zeros((5, 2))]
        folds = exclude_near_test(Folds([0, -1, 1, 2, 2], [0, -1, 1, 1, 1]), line, 1.5)
        assert folds.excluded.tolist() == [[False] * 5, [False] * 5]


class TestRealCortex:
    """The published protocol on the real fs_LR 32k cortex."""

    @pytest.mark.parametrize("scheme", ["blocks", "homotopic"])
    def test_fold_sizes(self, conte69, scheme):
        """Folds hold a fifth of the vertices within a few percent, in 40 or so blocks each."""
        meshes, _, mask, cells = conte69
        folds = make_folds(mask, meshes, scheme=scheme, cells=cells)
        size = np.array([folds.test(k).sum() for k in range(5)])
        assert size.sum() == mask.sum()
        assert np.abs(size / size.mean() - 1).max() < (0.04 if scheme == "blocks" else 0.08)
        n_blocks = [len(np.unique(folds.block[folds.test(k)])) for k in range(5)]
        assert sum(n_blocks) == 200
        assert min(n_blocks) > 25

    def test_buffer(self, conte69):
        """No training vertex within 5 mm of a test vertex, and most training vertices stay."""
        from scipy.spatial import cKDTree

        meshes, _, mask, cells = conte69
        folds = make_folds(mask, meshes, cells=cells, buffer_mm=5.0)
        points = np.concatenate([mesh.vertices for mesh in meshes.values()]).astype(float)
        for k in range(5):
            distance, _ = cKDTree(points[folds.test(k)]).query(points[folds.train(k)])
            assert distance.min() >= 5.0
            assert 0.7 < folds.train(k).sum() / (mask & ~folds.test(k)).sum() < 1
