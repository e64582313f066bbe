"""Superblocks: every analysed vertex in one patch of about the same size, seeded, in one piece."""

import nibabel
import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cytosurf.decoding import superblocks
from cytosurf.decoding.superblocks import (
    check_matched,
    cluster_cells,
    make_superblocks,
    remesh_cells,
    seeded_generator,
    split_mask,
)
from cytosurf.errors import InputError
from cytosurf.surfaces.mesh import Mesh
from tests import toy
from tests.unit.decoding.conftest import read_shipped


def n_pieces(block, mesh):
    """Return in how many connected pieces each block lies, blocks in increasing order."""
    edges = mesh.edges()
    within = edges[(block[edges] >= 0).all(axis=1) & (block[edges[:, 0]] == block[edges[:, 1]])]
    graph = coo_array((np.ones(len(within)), within.T), shape=(len(block), len(block)))
    _, piece = connected_components(graph, directed=False)
    return np.array([len(np.unique(piece[block == b])) for b in np.unique(block[block >= 0])])


class TestSeededGenerator:
    """One seed, several independent streams."""

    def test_is_determined_by_seed_and_stream(self):
        """Equal seeds and streams give equal numbers; another seed or stream gives others."""
        numbers = [seeded_generator(*key).random(4).tolist() for key in ((1, 0), (1, 1), (2, 0))]
        assert numbers[0] == seeded_generator(1, 0).random(4).tolist()
        assert numbers[0] != numbers[1] != numbers[2] != numbers[0]

    @pytest.mark.parametrize("seed", [-1, 2**64])
    def test_refuses_a_seed_out_of_range(self, seed):
        """A seed that no 64-bit key can hold is refused."""
        with pytest.raises(InputError, match="seed"):
            seeded_generator(seed, 0)

    def test_accepts_the_largest_seed(self):
        """The last 64-bit number is a seed like any other."""
        assert 0 <= seeded_generator(2**64 - 1, 0).random() < 1


class TestRemeshCells:
    """Cells: vertices around one remeshed vertex."""

    def test_cells_are_small_and_even(self, conte69):
        """On the real cortex a cell spans about one edge of 3 mm and holds a few vertices."""
        meshes, _, _, cells = conte69
        for hemisphere, cell in cells.items():
            points = meshes[hemisphere].vertices
            n_cells = len(np.unique(cell))
            area_mm2 = meshes[hemisphere].face_areas().sum() / n_cells
            assert 0.8 * 7.8 < area_mm2 < 1.4 * 7.8  # two equilateral triangles of 3 mm
            size = np.bincount(cell)
            centre = np.stack([np.bincount(cell, points[:, i]) for i in range(3)], 1)
            centre = centre[cell] / size[cell, None]
            assert np.linalg.norm(points - centre, axis=1).max() < 4

    def test_leaves_the_mesh_alone_and_repeats_itself(self, toy_brain):
        """Remeshing the same mesh again gives the same cells, and the mesh is not changed."""
        mesh = toy_brain[0]["L"]
        before = mesh.vertices.copy(), mesh.faces.copy()
        first, again = remesh_cells(mesh), remesh_cells(mesh)
        assert np.array_equal(first, again)
        assert np.array_equal(before[0], mesh.vertices)
        assert np.array_equal(before[1], mesh.faces)

    def test_longer_edges_make_fewer_cells(self, toy_brain):
        """The target edge decides the size of the cells."""
        mesh = toy_brain[0]["L"]
        n_small, n_large = (len(np.unique(remesh_cells(mesh, edge_mm=e))) for e in (3.0, 6.0))
        assert 3 < n_small / n_large < 5

    def test_refuses_a_non_manifold_mesh(self):
        """Three triangles at one edge cannot be remeshed; the message says what to do."""
        vertices = [[0, 0, 0], [9, 0, 0], [0, 9, 0], [0, -9, 0], [0, 0, 9]]
        fan = Mesh(vertices, [[0, 1, 2], [0, 1, 3], [0, 1, 4]])
        with pytest.raises(InputError, match=r'manifold.*method="sphere"'):
            remesh_cells(fan)


class TestClusterCells:
    """k-means of cell centroids."""

    def test_keeps_cells_whole(self):
        """Vertices of one cell share a block."""
        rng = np.random.default_rng(0)
        points, cell = rng.normal(size=(500, 3)), rng.integers(0, 60, 500)
        block = cluster_cells(points, cell, np.ones(500, bool), 7, seeded_generator(0, 1))
        assert all(len(set(block[cell == c])) == 1 for c in np.unique(cell))
        assert set(block) == set(range(7))

    def test_centroids_are_those_of_analysed_vertices(self):
        """A vertex outside the mask does not pull its cell towards another block."""
        x = np.array([0.0, 1, 100, 10, 11, 12])
        points = np.c_[x, np.zeros((6, 2))]
        cell, mask = np.array([0, 1, 1, 2, 3, 4]), np.array([1, 1, 0, 1, 1, 1], bool)
        block = cluster_cells(points, cell, mask, 2, seeded_generator(0, 1))
        assert block[2] == -1
        assert block[0] == block[1] != block[3]
        assert block[3] == block[4] == block[5]

    def test_refuses_more_blocks_than_cells(self):
        """Blocks are made of cells, so there cannot be more blocks; the largest number is said."""
        points, cell = np.random.default_rng(0).normal(size=(9, 3)), np.arange(9) // 3
        with pytest.raises(InputError, match=r"4 superblocks.*at most 3"):
            cluster_cells(points, cell, np.ones(9, bool), 4, seeded_generator(0, 1))


class TestMakeSuperblocks:
    """Superblocks of both hemispheres."""

    @pytest.mark.parametrize("method", ["midthickness", "sphere"])
    def test_every_analysed_vertex_has_a_block(self, toy_brain, method):
        """Blocks cover the mask and nothing else; hemispheres have different numbers."""
        meshes, mask = toy_brain
        sphere = toy.icosphere(4)
        spheres = {"L": sphere, "R": toy.mirrored(sphere)}
        block = make_superblocks(mask, meshes, n_blocks=20, method=method, spheres=spheres)
        assert block.dtype == np.int32
        assert np.array_equal(block >= 0, mask)
        left, right = np.split(block, 2)
        assert set(left[left >= 0]) == set(range(20))
        assert set(right[right >= 0]) == set(range(20, 40))

    def test_the_seed_decides(self, toy_brain):
        """The same seed gives the same blocks; another seed gives others."""
        meshes, mask = toy_brain
        cells = {h: remesh_cells(mesh) for h, mesh in meshes.items()}
        one, again, two = (
            make_superblocks(mask, meshes, n_blocks=20, seed=seed, cells=given)
            for seed, given in ((1, cells), (1, None), (2, cells))
        )
        assert np.array_equal(one, again)
        assert not np.array_equal(one, two)

    def test_a_hemisphere_does_not_depend_on_the_other(self, toy_brain):
        """One hemisphere alone gets the blocks that it has when both are there."""
        meshes, mask = toy_brain
        left, right = np.split(make_superblocks(mask, meshes, n_blocks=20), 2)
        masks = np.split(mask, 2)
        assert np.array_equal(make_superblocks(masks[0], {"L": meshes["L"]}, n_blocks=20), left)
        alone = make_superblocks(masks[1], {"R": meshes["R"]}, n_blocks=20)
        assert np.array_equal(alone, np.where(masks[1], right - 20, -1))

    def test_an_empty_hemisphere_has_no_blocks(self, toy_brain):
        """A mask on one hemisphere leaves the other without blocks, and says nothing."""
        meshes, mask = toy_brain
        only = mask & (np.arange(len(mask)) >= len(mask) // 2)
        block = make_superblocks(only, meshes, n_blocks=20)
        assert set(block[only]) == set(range(20, 40))
        assert (block[~only] == -1).all()

    def test_homotopic_blocks_are_carried_by_index(self, toy_brain):
        """Vertex i has block b on the left and b + n_blocks on the right, whatever each mask."""
        meshes, mask = toy_brain
        mask = mask.copy()
        mask[np.flatnonzero(mask)[10:60]] = False  # holes that the hemispheres do not share
        mask[np.flatnonzero(mask)[-40:]] = False
        block = make_superblocks(mask, meshes, n_blocks=20, homotopic=True)
        assert np.array_equal(block >= 0, mask)
        left, right = np.split(block, 2)
        both = (left >= 0) & (right >= 0)
        assert both.sum() > 1000
        assert np.array_equal(left[both] + 20, right[both])
        either = np.tile(np.logical_or(*np.split(mask, 2)), 2)
        everywhere = make_superblocks(either, meshes, n_blocks=20, homotopic=True)
        assert np.array_equal(block, np.where(mask, everywhere, -1))

    def test_real_blocks_have_the_published_size(self, conte69):
        """The real cortex falls into 100 blocks per hemisphere of about 290 vertices."""
        meshes, spheres, mask, cells = conte69
        for method in ("midthickness", "sphere"):
            block = make_superblocks(mask, meshes, spheres=spheres, method=method, cells=cells)
            size = np.bincount(block[mask])
            assert len(size) == 200
            assert size.min() > 50
            assert size.max() < 3 * size.mean()

    def test_sphere_blocks_are_in_one_piece(self, conte69):
        """On the sphere each block is connected; on the midthickness some join two banks."""
        meshes, spheres, mask, cells = conte69
        everywhere = np.ones(len(mask), bool)
        block = make_superblocks(everywhere, meshes, spheres=spheres, method="sphere")
        assert n_pieces(block[:32492], meshes["L"]).max() == 1
        assert n_pieces(block[32492:], meshes["R"]).max() == 1
        published = make_superblocks(mask, meshes, cells=cells)
        assert n_pieces(published[:32492], meshes["L"]).max() > 1

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"method": "spheres"}, "method.*Did you mean 'sphere'"),
            ({"method": "sphere"}, "spheres: found none"),
            ({"n_blocks": 0}, "n_blocks"),
            ({"n_blocks": 3000}, "n_blocks.*at most"),
        ],
    )
    def test_bad_options(self, toy_brain, change, message):
        """Each wrong option is named."""
        meshes, mask = toy_brain
        with pytest.raises(InputError, match=message):
            make_superblocks(mask, meshes, **change)

    def test_bad_spheres(self, toy_brain):
        """A sphere with other vertices, a missing one, and a surface that is none are refused."""
        meshes, mask = toy_brain
        sphere = toy.icosphere(4)
        coarse = toy.icosphere(3)
        for spheres in ({"L": sphere}, {"L": sphere, "R": coarse}, {"L": sphere, "R": meshes["R"]}):
            with pytest.raises(InputError, match="sphere"):
                make_superblocks(mask, meshes, spheres=spheres, method="sphere", n_blocks=5)


class TestSplitMask:
    """A mask over all hemispheres."""

    def test_gives_each_hemisphere_its_part(self, toy_brain):
        """Parts joined again are the mask."""
        meshes, mask = toy_brain
        parts = split_mask(mask, meshes)
        assert list(parts) == ["L", "R"]
        assert np.array_equal(np.concatenate(list(parts.values())), mask)

    @pytest.mark.parametrize(
        "mask", [np.ones(5123, bool), np.ones((5124, 1), bool), np.ones(5124), np.zeros(5124, bool)]
    )
    def test_refuses_what_is_no_mask(self, toy_brain, mask):
        """Wrong length, two dimensions, numbers, and a mask without vertices are refused."""
        with pytest.raises(InputError, match="mask"):
            split_mask(mask, toy_brain[0])

    def test_refuses_hemispheres_in_the_wrong_order(self, toy_brain):
        """Rows are left then right, so the meshes must be as well."""
        meshes, mask = toy_brain
        with pytest.raises(InputError, match="hemispheres"):
            split_mask(mask, {"R": meshes["R"], "L": meshes["L"]})


class TestCheckMatched:
    """Vertex order that means the same place left and right."""

    def test_real_fs_lr_is_matched(self, conte69):
        """fs_LR 32k has matched vertices, on an asymmetric real midthickness."""
        left, right = conte69[0].values()
        check_matched({"L": left, "R": right})
        moved = Mesh(np.roll(right.vertices, 5000, axis=0), right.faces)
        with pytest.raises(InputError, match="matched vertex order"):
            check_matched({"L": left, "R": moved})

    def test_fsaverage_is_not_matched(self):
        """fsaverage5 has the same triangles left and right, but its vertices are not matched."""
        pial = {h: read_shipped(f"fsa5.pial.{side}.gii") for h, side in (("L", "lh"), ("R", "rh"))}
        assert np.array_equal(pial["L"].faces, pial["R"].faces)
        with pytest.raises(InputError, match="matched vertex order"):
            check_matched(pial)

    @pytest.mark.real_data
    def test_bigbrain_is_not_matched(self, real_data):
        """BigBrain's hemispheres are indexed separately, and are refused."""
        name = "tpl-bigbrain_hemi-{}_desc-pial.surf.gii"
        meshes = {}
        for hemisphere in "LR":
            path = next(real_data.rglob(name.format(hemisphere)))
            meshes[hemisphere] = Mesh(*(array.data for array in nibabel.load(path).darrays[:2]))
        with pytest.raises(InputError, match="matched vertex order"):
            check_matched(meshes)

    def test_refuses_other_triangles_and_one_hemisphere(self, toy_brain):
        """Meshes of another density or order of triangles, or a single one, are refused."""
        left = toy_brain[0]["L"]
        for right in (toy.icosphere(3), Mesh(left.vertices * [-1, 1, 1], left.faces[::-1])):
            with pytest.raises(InputError, match="different triangles"):
                check_matched({"L": left, "R": right})
        with pytest.raises(InputError, match="both hemispheres"):
            check_matched({"L": left})


def test_streams_are_distinct():
    """No two uses of a seed share their numbers."""
    streams = [superblocks.DEALING_STREAM, superblocks.BOOTSTRAP_STREAM]
    streams += superblocks.BLOCK_STREAMS.values()
    assert len(set(streams)) == len(streams)
