"""Bad input of `cytosurf decode`: exit code 2, one message, nothing written, on embedded data."""

import re

import nibabel as nib
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis, Cifti2Image, ScalarAxis

from cytosurf.runs import make_config
from cytosurf.runs.config import write_config
from cytosurf.surfaces import Parcellation, Space, SurfaceMap, write_map, write_parcellation
from tests.unit.cli.conftest import refused
from tests.unit.runs.cortex import listing

FSLR = Space("fsLR", "32k")
N = 64984


def gifti(path, values, structure=None):
    """Write values as GIFTI, in the raw."""
    image = nib.GiftiImage(darrays=[nib.gifti.GiftiDataArray(np.asarray(values, np.float32))])
    if structure:
        image.meta["AnatomicalStructurePrimary"] = structure
    nib.save(image, path)
    return path


def wave(n=N):
    """Return numbers that vary."""
    return np.sin(np.arange(n)).astype(np.float32)


def with_some(value, share):
    """Return numbers of which a share is another value, spread over the cortex."""
    values = wave()
    values[:: round(1 / share)] = value
    return values


def left_of_pair(folder, name="map_hemi-{hemi}.func.gii"):
    """Write a correct left file of a pair, and return the text that names the pair."""
    gifti(folder / name.format(hemi="L"), wave(N // 2), "CortexLeft")
    return folder / name


def write_wrong_count(folder):
    """Write a file with 100 vertices."""
    return gifti(
        folder / "a_hemi-L_space-fsLR_den-32k.func.gii", wave(100)
    ), r"100 vertices.*32,492"


def write_wrong_rows(folder):
    """Write a table with a row too few."""
    np.savetxt(folder / "a.csv", wave(N - 1), header="x", comments="")
    return folder / "a.csv", r"64,983 vertices; expected 64,984"


def write_other_space(folder):
    """Write a map of BigBrain where one of fs_LR is needed."""
    path = gifti(folder / "tpl-bigbrain_hemi-L_desc-x.func.gii", wave(163842), "CortexLeft")
    return path, "bigbrain"


def write_swapped(folder):
    """Write a right file that says inside that it is of the left hemisphere."""
    text = left_of_pair(folder)
    gifti(folder / "map_hemi-R.func.gii", wave(N // 2), "CortexLeft")
    return text, "swapped|hemisphere"


def write_two_spaces(folder):
    """Write a pair of which one side is in another space."""
    text = left_of_pair(folder, "space-fsLR_hemi-{hemi}.func.gii")
    gifti(folder / "space-fsLR_hemi-R.func.gii", wave(10242), "CortexRight")
    return text, "10,242"


def write_nan(folder):
    """Write a map with NaN at a tenth of the cortex."""
    np.savez(folder / "a.npz", values=with_some(np.nan, 0.1))
    return folder / "a.npz", r"NaN or infinite values at 5,8\d\d of 58,558 vertices.*at most 5%"


def write_infinite(folder):
    """Write a map with infinite values at a tenth of the cortex."""
    np.savez(folder / "a.npz", values=with_some(-np.inf, 0.1))
    return folder / "a.npz", "NaN or infinite values"


def write_constant(folder):
    """Write a map of two columns of which one is constant."""
    np.savez(folder / "a.npz", values=np.c_[wave(), np.ones(N)], columns=["x", "flat"])
    return folder / "a.npz", r"column 'flat' with the same value 1 at all.*Leave the column out"


def write_truncated(folder):
    """Write a GIFTI file that was not copied to its end."""
    path = write_map(SurfaceMap(wave(), FSLR), folder / "hemi-{hemi}_space-fsLR_den-32k.func.gii")[
        0
    ]
    path.write_bytes(path.read_bytes()[:2000])
    return path, "damaged or of another format"


def write_no_gifti(folder):
    """Write a text file that is called GIFTI."""
    path = folder / "lh.func.gii"
    path.write_text("subject,age\n1,30\n")
    return path, "damaged or of another format"


def write_empty(folder):
    """Write a file without content."""
    (folder / "lh.func.gii").touch()
    return folder / "lh.func.gii", "an empty file"


def write_objects(folder):
    """Write an npz file with pickled objects."""
    np.savez(folder / "a.npz", values=np.array([{"a": 1}, None], dtype=object))
    return folder / "a.npz", r"object array \(pickled\)"


def write_other_arrays(folder):
    """Write an npz file without the arrays that are looked for."""
    np.savez(folder / "a.npz", thickness=wave())
    return folder / "a.npz", "values"


def write_subcortical(folder):
    """Write a CIFTI file without the cortex."""
    voxels = np.array([[1, 1, 1], [2, 1, 1]])
    thalamus = BrainModelAxis(
        "thalamus_left", voxel=voxels, affine=np.eye(4), volume_shape=(4, 4, 4)
    )
    image = Cifti2Image(np.ones((1, 2), np.float32), (ScalarAxis(["x"]), thalamus))
    path = folder / "a.dscalar.nii"
    nib.save(image, path)
    return path, "covers the cortex|thalamus"


def write_nothing(folder):
    """Write no file, and name one."""
    return folder / "gone.func.gii", "no such file"


FEATURE_FILES = [
    *(write_wrong_count, write_wrong_rows, write_other_space, write_swapped, write_two_spaces),
    *(write_nan, write_infinite, write_constant, write_truncated, write_no_gifti, write_empty),
    *(write_objects, write_other_arrays, write_subcortical, write_nothing),
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in an empty folder, with the input files beside it; check that nothing is written."""
    (tmp_path / "work").mkdir()
    (tmp_path / "input").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("CYTOSURF_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CYTOSURF_OFFLINE", "1")
    yield tmp_path / "input"
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("write", FEATURE_FILES, ids=lambda w: w.__name__)
def test_files_of_features(cytosurf, here, write):
    """Whatever is wrong with a file, the message names it and says what was found."""
    path, words = write(here)
    message = refused(cytosurf("decode", "--features", path), words)
    assert str(path).split("{hemi}")[0] in message


@pytest.mark.parametrize(
    ("name", "keys", "words"),
    [
        ("one", np.ones(N), "1 label above 0; expected at least two classes"),
        ("none", np.zeros(N), "0 labels above 0"),
        ("half", np.arange(N // 2) % 3, r"32,492 vertices; expected 64,984"),
        ("fractions", np.arange(N) / 2, "not whole numbers"),
        ("negative", -np.arange(N), "keys of 0"),
    ],
)
def test_files_of_labels(cytosurf, here, name, keys, words):
    """A target needs whole keys, one per vertex, of at least two classes."""
    path = here / f"{name}.csv"
    np.savetxt(path, keys, fmt="%g")
    assert str(path) in refused(cytosurf("decode", "--target", path), words)


def test_labels_that_are_no_gifti(cytosurf, here):
    """A truncated label file is named, and so is a map in the place of labels."""
    labels = Parcellation(np.arange(N) % 3, FSLR, {1: "a", 2: "b"})
    left, _ = write_parcellation(labels, here / "space-fsLR_den-32k_hemi-{hemi}.label.gii")
    left.write_bytes(left.read_bytes()[:1500])
    text = here / "space-fsLR_den-32k_hemi-{hemi}.label.gii"
    refused(cytosurf("decode", "--target", text), re.escape(str(left)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--features microstructur", "found 'microstructur'.*Did you mean 'microstructure'"),
        ("--features thickness+curvatur", "Did you mean 'curvature'"),
        ("--features microstructure:pca6", r"6 components; expected 1 to 5 components"),
        ("--features microstructure:pca0", "0 components; expected 1 to 5"),
        ("--features microstructure:pcax", "'x' after the colon"),
        ("--features harmonics:0", "1 to 1,023"),
        ("--features thickness,thickness", "'thickness' 2 times"),
        ("--features thickness+thickness", "'thickness' 2 times"),
        ("--features ,", "features: found none"),
        ("--target schaefer400-7network", "Did you mean 'schaefer400-7networks'"),
        ("--target mesulam,yoe7", "Did you mean 'yeo7'"),
        ("--target mesulam,mesulam", "'mesulam' 2 times"),
        ("--baseline coordinate", "Error: --baseline: .*Did you mean 'coordinates'"),
        ("--space fsLR-33k", "found 'fsLR-33k'.*Did you mean 'fsLR-32k'"),
        ("--baseline nope+hist", "Error: --baseline: found 'nope'"),
        ("--n-folds 100 --n-blocks 3", "Error: --n-folds: found 100 folds for 6 superblocks"),
        ("--features embedding:x.h5", r"x\.h5: found no such file; expected a table of embeddings"),
        ("--target schaefer", r"--target: .* has N parcels, such as schaefer400"),
        ("--features rec.csv@schaefer", r"rec.csv@schaefer \(target\): .*schaeferN"),
        ("--space fsaverage", "Error: --space: found fsaverage-164k; .*bigbrain-164k, fsaverage"),
        ("--space bigbrain-10k", "Error: --space: found bigbrain-10k; .*fsLR-32k, fsLR-164k"),
        ("--hemisphere LR", "--hemisphere: found 'LR'; expected L, R or both"),
        ("--mask gone.npz", "gone.npz: found no such file"),
        ("--jobs 0", "Error: --jobs: found 0; expected greater than or equal to 1"),
        ("--jobs -2", "jobs: found -2"),
        ("--spins -1", "Error: --spins: found -1; expected greater than or equal to 0"),
        ("--seed -1", "seed: found -1"),
        ("--min-class-vertices 0", "Error: --min-class-vertices: found 0"),
        ("--min-class-vertices 90000", "0 classes with at least 90000 analysed vertices"),
        ("--n-folds 1", "Error: --n-folds: found 1"),
        ("--n-blocks 0", "Error: --n-blocks: found 0"),
        ("--blocks cube", "Error: --blocks: found 'cube'; expected 'midthickness' or 'sphere'"),
        ("--scheme loo", "Error: --scheme: found 'loo'"),
        ("--buffer-mm -1", "Error: --buffer-mm: found -1"),
        ("--scheme across --hemisphere L", "on both hemispheres"),
        ("--block-sweep 20,x", "--block-sweep: found '20,x'"),
        ("--config gone.yaml", "--config gone.yaml: found no such file"),
        ("--out /dev/null", "--out /dev/null.*not a folder"),
        ("--out /dev/null/run", "not a folder: /dev/null"),
    ],
)
def test_options(cytosurf, here, options, words):
    """The option or name at fault is in the message, with the nearest known name."""
    np.savetxt(here / "rec.csv", wave(400))
    options = options.replace("rec.csv", str(here / "rec.csv"))
    refused(cytosurf("decode", *options.split()), words)


def test_data_that_are_not_here_and_may_not_be_downloaded(cytosurf, here):
    """Both ways out are named: to fetch, and to import from a folder."""
    message = refused(cytosurf("decode", "--target", "mesulam,yeo7"), "cytosurf data fetch yeo")
    assert "cytosurf data import" in message


def test_a_folder_of_another_run(cytosurf, here):
    """The option that differs is named with both values; the folder stays as it was."""
    run = here / "run"
    write_config(run, make_config({"features": ["thickness"], "target": "mesulam", "seed": 4}))
    before = listing(run)
    text = "--features thickness --target mesulam"
    message = refused(cytosurf("decode", *text.split(), "--out", run), "a run with seed = 4")
    assert "one with seed = 0" in message
    assert listing(run) == before


def test_a_folder_of_something_else(cytosurf, here):
    """Files of the user are never mixed with those of a run."""
    (here / "thesis.tex").write_text("mine")
    refused(cytosurf("decode", "--out", here), "a folder with other files in it")
    assert listing(here) == {"thesis.tex": b"mine"}


def test_a_name_that_is_too_long(cytosurf, here):
    """What the file system refuses is bad input."""
    refused(cytosurf("decode", "--out", "x" * 300), "cannot be written")
