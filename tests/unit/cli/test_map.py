"""The map command passes its options on, and prints what it wrote."""

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from cytosurf.cli.map import map_command
from cytosurf.errors import InputError
from cytosurf.surfaces import mapping
from cytosurf.surfaces.io import read_map, write_map
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.space import Space

app = typer.Typer()
app.command()(map_command)


def run(*arguments):
    """Run the command; return its result, raising what it raised."""
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)


def test_options_reach_the_function(monkeypatch, tmp_path):
    """Spaces are parsed, --unmasked turns the mask off, and each written file is a line."""
    calls = []

    def record(*args, **options):
        calls.append((args, options))
        return [tmp_path / "a", tmp_path / "b"]

    monkeypatch.setattr(mapping, "map_files", record)
    result = run("l.gii", "r.gii", "--from", "bigbrain", "--to", "fs_LR 32k", "--out", "x")
    assert result.output.split() == [str(tmp_path / "a"), str(tmp_path / "b")]
    run("l.gii", "--to", "fsaverage5", "--out", "x", "--unmasked")
    how = ("--method", "adaptive", "--areas", "sphere", "--mask", "a.gii", "--mask", "b.gii")
    run("l.gii", "--to", "fsLR-32k", "--out", "x", *how)
    (first, second, third) = calls
    assert third[1]["method"] == "adaptive"
    assert third[1]["areas"] == "sphere"
    assert [path.name for path in third[1]["mask"]] == ["a.gii", "b.gii"]
    assert [str(path) for path in first[0][0]] == ["l.gii", "r.gii"]
    assert first[0][1] == Space("fsLR", "32k")
    assert first[1] == {"source": Space("bigbrain", "164k"), "masked": True}
    assert second[0][1] == Space("fsaverage", "10k")
    assert second[1] == {"source": None, "masked": False}


def test_a_file_goes_in_and_a_file_comes_out(tmp_path):
    """End to end without any download: CIFTI in, GIFTI of the same content out."""
    brain = SurfaceMap(np.arange(2 * 32_492, dtype=float), Space("fsLR", "32k"))
    files = write_map(brain, tmp_path / "in_space-fsLR_den-32k.dscalar.nii")
    out = tmp_path / "out_hemi-{hemi}.func.gii"
    assert run(*files, "--to", "fsLR-32k", "--out", out).exit_code == 0
    pair = [tmp_path / f"out_hemi-{side}.func.gii" for side in "LR"]
    assert np.array_equal(read_map(pair).values, brain.values)


def test_bad_input_is_an_input_error(tmp_path):
    """An unknown space or file ends in the error that the command line shows in one message."""
    with pytest.raises(InputError, match=r"--to: .*Did you mean 'fsLR-32k'"):
        run("l.gii", "--to", "fsLR-33k", "--out", tmp_path / "x")
    with pytest.raises(InputError, match="--from: found 'brain'"):
        run("l.gii", "--from", "brain", "--to", "fsLR-32k", "--out", tmp_path / "x")
    with pytest.raises(InputError, match="no such file"):
        run(tmp_path / "absent.func.gii", "--to", "fsLR-32k", "--out", tmp_path / "x")


def test_errors_name_the_option(tmp_path):
    """An unknown method is an error of --method; volumes have no such option."""
    brain = SurfaceMap(np.zeros(2 * 32_492), Space("fsLR", "32k"))
    files = write_map(brain, tmp_path / "in_space-fsLR_den-32k.dscalar.nii")
    with pytest.raises(InputError, match="--method: found 'cubic'"):
        run(*files, "--to", "fsLR-164k", "--method", "cubic", "--out", tmp_path / "x")
    with pytest.raises(InputError, match="--areas: found 'sphere' with the method barycentric"):
        run(*files, "--to", "fsLR-164k", "--areas", "sphere", "--out", tmp_path / "x")
    with pytest.raises(InputError, match="--mask: found an option for surface maps"):
        run("pet.nii.gz", "--to", "fsLR-32k", "--mask", "m.gii", "--out", tmp_path / "x")
