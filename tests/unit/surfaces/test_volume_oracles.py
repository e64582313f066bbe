"""Sampling of volumes equals that of Connectome Workbench and of nilearn."""

import shutil
import subprocess

import nibabel
import numpy as np
import pytest

from cytosurf.surfaces.templates import load_mesh
from cytosurf.surfaces.volume import sample_volume
from cytosurf.surfaces.volume_map import FSLR_32K
from cytosurf.surfaces.writing import write_mesh
from tests.unit.surfaces.volumes import AFFINE, PIAL, SHAPE, WHITE

needs_workbench = pytest.mark.skipif(
    shutil.which("wb_command") is None, reason="wb_command is not installed"
)
OBLIQUE = AFFINE @ nibabel.affines.from_matvec(
    nibabel.eulerangles.euler2mat(0.2, -0.1, 0.15), [1.3, -2.2, 0.7]
)


def noise(shape=SHAPE, affine=OBLIQUE):
    """Return an image of white noise, in which any displaced sample shows."""
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return nibabel.Nifti1Image(values, affine)


def workbench(image, surface, method, folder, ribbon=None):
    """Map a volume with wb_command at the vertices of a surface."""
    nibabel.save(image, folder / "volume.nii.gz")
    write_mesh(surface, folder / "hemi-L_surface.surf.gii", hemisphere="L")
    command = ["wb_command", "-volume-to-surface-mapping", str(folder / "volume.nii.gz")]
    command += [str(folder / "hemi-L_surface.surf.gii"), str(folder / "out.func.gii"), method]
    for name, mesh in (ribbon or {}).items():
        write_mesh(mesh, folder / f"hemi-L_{name}.surf.gii", hemisphere="L")
        command.append(str(folder / f"hemi-L_{name}.surf.gii"))
    subprocess.run(command, check=True, capture_output=True)
    return np.column_stack([a.data for a in nibabel.load(folder / "out.func.gii").darrays])


@needs_workbench
@pytest.mark.parametrize(("ours", "theirs"), [("linear", "-trilinear"), ("nearest", "-enclosing")])
def test_samples_equal_those_of_workbench(ours, theirs, tmp_path):
    """White noise on an oblique grid, at the vertices of a sphere: the same voxels and weights."""
    image = noise()
    expected = workbench(image, WHITE, theirs, tmp_path)
    sampled = sample_volume(image, WHITE, WHITE, method=ours, n_samples=1)
    np.testing.assert_allclose(sampled, expected, atol=2e-5)


@pytest.mark.parametrize("n_samples", [1, 4])
def test_samples_equal_those_of_nilearn(n_samples):
    """The mean along the way from pial to white is that of vol_to_surf at the same depths."""
    from nilearn.surface import vol_to_surf

    image = noise()
    depths = [(2 * i + 1) / (2 * n_samples) for i in range(n_samples)]
    expected = vol_to_surf(
        image,
        (PIAL.vertices, PIAL.faces),
        inner_mesh=(WHITE.vertices, WHITE.faces),
        kind="depth",
        depth=depths,
        interpolation="linear",
    )
    sampled = sample_volume(image, WHITE, PIAL, n_samples=n_samples)[:, 0]
    # nilearn leaves out the outer half of border voxels: compare where both have every sample.
    inverse = np.linalg.inv(OBLIQUE)
    ends = np.stack([m.vertices @ inverse[:3, :3].T + inverse[:3, 3] for m in (WHITE, PIAL)])
    within = ((ends > 0) & (ends < np.array(SHAPE) - 1)).all(axis=(0, 2))
    assert within.mean() > 0.7
    sampled, expected = sampled[within], expected[within]
    np.testing.assert_allclose(sampled, expected, atol=1e-5)


@pytest.fixture(scope="module")
def julich(real_data):
    """Load the left map of Julich-Brain 3.1 and the fs_LR 32k surfaces of the left hemisphere."""
    return nibabel.load(real_data / "julich_brain/JulichBrainAtlas31_LH.nii.gz")


@pytest.mark.real_data
@needs_workbench
def test_real_volumes_equal_workbench(julich, real_cache, tmp_path):
    """Julich-Brain at the fs_LR 32k midthickness: labels and trilinear values of wb_command."""
    middle = load_mesh(FSLR_32K, "L", "midthickness")
    for ours, theirs in (("nearest", "-enclosing"), ("linear", "-trilinear")):
        expected = workbench(julich, middle, theirs, tmp_path)
        sampled = sample_volume(julich, middle, middle, method=ours, n_samples=1)
        same = np.isclose(sampled, expected, atol=1e-3)
        assert same.mean() > (0.9999 if ours == "nearest" else 0.9995)


@pytest.mark.slow
@pytest.mark.real_data
@needs_workbench
def test_ribbon_mapping_of_workbench_is_another_method(real_data, real_cache, tmp_path):
    """Ribbon-constrained values resemble ours and are not equal: they average beside the line."""
    stored = nibabel.load(real_data / "difumo/64/2mm/maps.nii.gz")
    image = nibabel.Nifti1Image(np.asarray(stored.dataobj[..., 0]), stored.affine)
    white, middle, pial = (load_mesh(FSLR_32K, "L", n) for n in ("white", "midthickness", "pial"))
    ribbon = workbench(
        image, middle, "-ribbon-constrained", tmp_path, {"white": white, "pial": pial}
    )[:, 0]
    sampled = sample_volume(image, white, pial)[:, 0]
    loaded = (ribbon > 0) | (sampled > 0)
    r = np.corrcoef(ribbon[loaded], sampled[loaded])[0, 1]
    assert r == pytest.approx(0.9988, abs=2e-4)
