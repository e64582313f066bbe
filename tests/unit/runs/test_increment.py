"""The increment test on named maps: inputs of a run, position of matched size, clear refusals."""

import warnings

import numpy as np
import pytest

import cytosurf
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.features.position import harmonics
from cytosurf.nulls.eigenmodes import cortex_modes
from cytosurf.nulls.increment import IncrementData, run_increment_test
from cytosurf.nulls.rotations import spin_rotations
from cytosurf.nulls.spins import SpinAssigner
from cytosurf.runs.increment import increment_test
from cytosurf.runs.inputs import load_inputs

OPTIONS = {"space": "toy-642", "spins": 5}


@pytest.fixture(scope="module")
def run(toy_cortex):
    """Return a function that does the test on the toy cortex, quietly."""

    def run_quietly(features=None, target=None, **options):
        features = features if features is not None else toy_cortex.feature_set()
        target = target if target is not None else toy_cortex.parcellation()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CytosurfWarning)
            return increment_test(
                features, target, **(OPTIONS | {"folds": toy_cortex.FOLDS} | options)
            )

    return run_quietly


def test_is_public():
    """At the top of the package."""
    assert cytosurf.increment_test is increment_test
    assert cytosurf.IncrementTest.__name__ == "IncrementTest"


def test_is_that_of_the_arrays_of_a_run(run, toy_cortex):
    """Mask, folds and labels are those of `decode`; position has as many columns as features."""
    result = run()
    config = toy_cortex.config(features=["stain"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CytosurfWarning)
        (inputs,) = load_inputs([config], [toy_cortex.feature_set()], [toy_cortex.parcellation()])
        position = harmonics(2, toy_cortex.TOY).map.values
        spheres = {h: toy_cortex.toy_mesh(h, "sphere") for h in "LR"}
        stain = inputs.sets["stain"].map
        data = IncrementData(
            *(stain.values, stain.valid, position, inputs.label, 3, inputs.folds),
            SpinAssigner(spheres),
        )
        by_hand = run_increment_test(data, 5)
    np.testing.assert_array_equal(result.null, by_hand.null)
    assert result.observed == by_hand.observed
    assert (result.features, result.position, result.target) == ("stain", "harmonics:2", "target")
    assert (result.n_features, result.n_position) == (2, 2)
    assert result.n_vertices == inputs.analysed.sum()
    assert 0.3 < result.kept.min() < result.kept.max() <= 1


def test_position_may_be_chosen(run, toy_cortex):
    """By name or as a map."""
    named = run(position="coordinates:mirrored")
    assert (named.position, named.n_position) == ("coordinates:mirrored", 3)
    values = np.abs(toy_cortex.points()[:, :1]) + toy_cortex.points()[:, 1:2]
    given = run(position=toy_cortex.feature_set("mine", values))
    assert (given.position, given.n_position) == ("mine", 1)


def test_one_hemisphere_and_a_mask(run, toy_cortex, tmp_path):
    """A region stays where it is while features pass through it."""
    alone = run(hemispheres=("L",), rotation="independent")
    assert alone.n_vertices < run().n_vertices
    region = tmp_path / "region.npz"
    inside = toy_cortex.points()[:, 2] > -15
    np.savez(region, values=inside.astype(np.float32), valid=np.ones(1284, bool))
    small = run(mask=region)
    analysed = inside & toy_cortex.cortex() & (toy_cortex.keys() > 0)
    assert small.n_vertices == analysed.sum()
    spheres = {h: toy_cortex.toy_mesh(h, "sphere") for h in "LR"}
    index = SpinAssigner(spheres).assign(spin_rotations(0, 0, "mirrored"))
    assert small.kept[0] == pytest.approx(toy_cortex.cortex()[index][analysed].mean())


def test_surrogates_and_the_plain_test(run, toy_cortex):
    """By name; modes are those of the midthickness where the features are valid."""
    result = run(null="surrogates")
    modes = cortex_modes(
        {h: toy_cortex.toy_mesh(h, "midthickness") for h in "LR"},
        toy_cortex.cortex(),
        mirrored=True,
    )
    assert result.family == "surrogates"
    assert result.surrogates.n_vertices == tuple(len(m.rows) for m in modes.values())
    assert result.surrogates.wavelength_mm == modes["L"].wavelength_mm
    assert result.kept.min() > 0.95
    plain = run(statistic="difference", position="coordinates")
    assert (plain.statistic, plain.position, plain.surrogates) == (
        "difference",
        "coordinates",
        None,
    )
    assert plain.score == pytest.approx(run(statistic="difference").score)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"features": "harmonics:4"}, "position: found 'harmonics:4' is itself position"),
        ({"features": "coordinates", "position": "coordinates"}, "position: found 'coordinates'"),
        ({"spins": 0}, "--spins: found 0"),
        ({"spins": -1}, "spins"),
        ({"rotation": "random"}, "rotation policy"),
        ({"null": "moran"}, "null: found 'moran'"),
        ({"statistic": "f1"}, "statistic: found 'f1'"),
        ({"position": "nowhere"}, "nowhere"),
        ({"C": 0.0}, "C: found 0"),
        ({"jobs": 0}, "--jobs"),
    ],
)
def test_bad_input(run, options, says):
    """Each mistake has its message."""
    with pytest.raises(InputError, match=says):
        run(**options)


@pytest.mark.slow
@pytest.mark.real_data
def test_gradients_beside_two_columns_of_position(real_cache):
    """The row of the documentation, with fewer spins: hist adds 0.088 to harmonics:2 on yeo7."""
    result = increment_test("hist", "yeo7", spins=19)
    assert result.position == "harmonics:2"
    assert result.score_position == pytest.approx(0.3373, abs=2e-3)
    assert result.observed == pytest.approx(0.0883, abs=3e-3)
    assert result.p == 0.05
    assert 0.9 < result.kept.min() < result.kept.max() < 1
