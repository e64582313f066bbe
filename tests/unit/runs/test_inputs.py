"""Inputs of runs: the same vertices for all sets, and everything that does not fit refused."""

import warnings

import numpy as np
import pytest

from cytosurf.decoding.folds import Folds, make_folds
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.features import FeatureSet, load_features, registry
from cytosurf.runs import inputs as room
from cytosurf.runs import make_config
from cytosurf.runs.inputs import Inputs, labels_to_spin, load_inputs
from cytosurf.surfaces import Parcellation, Space, SurfaceMap
from cytosurf.targets import Target, cortex_mask


@pytest.fixture(scope="module")
def load(toy_cortex):
    """Return a function that loads the inputs of one toy run."""

    def load_one(given=None, target=None, **options):
        given = [toy_cortex.feature_set()] if given is None else given
        target = toy_cortex.parcellation() if target is None else target
        return load_inputs([toy_cortex.config(**options)], given, [target])[0]

    return load_one


def with_holes(toy, where):
    """Return the cortex without some vertices."""
    valid = toy.cortex().copy()
    valid[where] = False
    return valid


def test_the_mask_is_what_all_sets_share(load, toy_cortex):
    """A vertex is analysed only if it is valid in every set and has a label."""
    first, second = (
        toy_cortex.feature_set(name, valid=with_holes(toy_cortex, where))
        for name, where in (("a", slice(0, 100)), ("b", slice(80, 200)))
    )
    keys = toy_cortex.keys()
    keys[300:400] = 0
    made = load([first, second], toy_cortex.parcellation(keys), features=["a", "b"])
    assert np.array_equal(made.mask, first.map.valid & second.map.valid)
    assert np.array_equal(made.folds.mask, made.mask)
    assert np.array_equal(made.analysed, made.mask & (keys > 0))


def test_labels_are_kept_outside_the_mask(load, toy_cortex):
    """Spins bring labels into the mask from everywhere, so the whole surface keeps its own."""
    made = load([toy_cortex.feature_set(valid=with_holes(toy_cortex, slice(0, 300)))])
    assert np.array_equal(made.label, toy_cortex.keys() - 1)
    assert made.label.dtype == np.int16


def test_roles_and_matched_position(load, toy_cortex):
    """Every feature set has position with as many columns beside it, loaded once."""
    sets = [toy_cortex.feature_set("a"), toy_cortex.feature_set("b", toy_cortex.stain(3))]
    made = load(
        [*sets, toy_cortex.feature_set("c", toy_cortex.stain(3, seed=1)), "harmonics:4"],
        features=["a", "b", "c", "harmonics:4"],
        baseline=["coordinates", "harmonics:3"],
    )
    assert made.roles == {
        "a": "features",
        "b": "features",
        "c": "features",
        "harmonics:4": "features",
        "coordinates": "baseline",
        "harmonics:3": "baseline",
        "harmonics:2": "matched position",
    }
    assert made.matched == {"a": "harmonics:2", "b": "harmonics:3", "c": "harmonics:3"}


def test_matched_position_can_be_left_out(load):
    """Without it there are features and baselines alone."""
    made = load(matched_position=False)
    assert list(made.sets) == ["stain", "coordinates"]
    assert made.matched == {}


def test_a_very_wide_set_is_matched_by_the_largest_basis(load, toy_cortex, monkeypatch):
    """More columns than the basis has are compared with the largest one, not refused."""
    monkeypatch.setattr(room, "MAX_HARMONICS", 4)
    wide = toy_cortex.feature_set(values=toy_cortex.stain(6))
    assert load([wide]).matched == {"stain": "harmonics:4"}


def test_several_targets_share_features_and_folds(toy_cortex):
    """Features, mask and folds of one command are made once, whatever the targets."""
    configs = [toy_cortex.config(target=name) for name in ("bands", "two")]
    two = np.minimum(toy_cortex.keys(), 2)
    targets = [toy_cortex.parcellation(), toy_cortex.parcellation(two)]
    first, second = load_inputs(configs, [toy_cortex.feature_set()], targets)
    assert first.sets is second.sets
    assert first.folds is second.folds
    assert [i.target.name for i in (first, second)] == ["bands", "two"]
    assert [len(i.keys) for i in (first, second)] == [3, 2]


def test_folds_are_those_of_the_configuration(load, toy_cortex):
    """Seed, method, scheme, numbers and buffer all reach the folds."""
    meshes = {h: toy_cortex.toy_mesh(h, "midthickness") for h in ("L", "R")}
    spheres = {h: toy_cortex.toy_mesh(h, "sphere") for h in ("L", "R")}
    options = {
        "n_folds": 4,
        "n_blocks": 9,
        "method": "sphere",
        "scheme": "homotopic",
        "buffer_mm": 2.0,
    }
    made = load(folds=options, seed=5).folds
    expected = make_folds(toy_cortex.cortex(), meshes, spheres=spheres, seed=5, **options)
    assert np.array_equal(made.block, expected.block)
    assert np.array_equal(made.fold, expected.fold)
    assert np.array_equal(made.excluded, expected.excluded)
    assert not np.array_equal(load(folds=options, seed=6).folds.block, expected.block)


@pytest.mark.parametrize("side", ["L", "R"])
def test_one_hemisphere_of_everything(load, toy_cortex, side):
    """With one hemisphere all sets, labels, mask and folds are those of that side."""
    made = load(hemispheres=[side])
    rows = slice(0, 642) if side == "L" else slice(642, None)
    assert np.array_equal(made.mask, toy_cortex.cortex()[rows])
    assert np.array_equal(made.label, toy_cortex.keys()[rows] - 1)
    for name in ("stain", "coordinates", "harmonics:2"):
        assert made.sets[name].map.hemispheres == (side,)
    assert np.array_equal(made.sets["stain"].map.values, toy_cortex.stain()[rows])
    assert len(made.folds.block) == 642


def test_a_single_hemisphere_needs_to_be_asked_for(load, toy_cortex):
    """A map or labels of one side alone are refused, with the option that helps."""
    left = toy_cortex.feature_set().map.hemisphere("L")
    with pytest.raises(InputError, match=r"features stain.*hemisphere L alone.*--hemisphere L"):
        load([left])
    labels = toy_cortex.parcellation().hemisphere("R")
    with pytest.raises(InputError, match=r"target bands.*hemisphere R alone.*--hemisphere R"):
        load(target=labels)
    with pytest.raises(InputError, match=r"hemisphere L alone; expected hemispheres R"):
        load([left], hemispheres=["R"])
    assert load([left], hemispheres=["L"]).mask.sum() == toy_cortex.cortex()[:642].sum()


@pytest.mark.parametrize("as_file", ["npz", "csv"])
def test_a_mask_restricts_the_analysis(load, toy_cortex, tmp_path, as_file):
    """Only vertices that are neither zero nor NaN in the file are analysed."""
    region = (toy_cortex.points()[:, 1] > -5).astype(float)
    region[region > 0] = np.linspace(-3, 3, int(region.sum()))
    region[5] = np.nan
    path = tmp_path / f"region.{as_file}"
    if as_file == "npz":
        np.savez(path, values=region)
    else:
        np.savetxt(path, region, header="region", comments="")
    made = load(mask=str(path), folds={"n_folds": 2, "n_blocks": 5})
    inside = np.nan_to_num(region) != 0
    assert np.array_equal(made.mask, toy_cortex.cortex() & inside)
    assert made.keys.tolist() == [2, 3]  # the first band lies outside
    expected = np.select([toy_cortex.keys() == 2, toy_cortex.keys() == 3], [0, 1], -1)
    assert np.array_equal(made.label, expected)


def test_a_mask_of_ones_is_a_mask(load, toy_cortex, tmp_path):
    """A region that is the same everywhere is no constant feature, it is everything."""
    np.savez(tmp_path / "all.npz", values=np.ones(toy_cortex.N_VERTICES))
    made = load(mask=str(tmp_path / "all.npz"))
    assert np.array_equal(made.mask, toy_cortex.cortex())


def test_a_mask_of_one_side_cannot_mask_both(load, tmp_path):
    """A file of the left hemisphere masks a run on the left alone."""
    np.savez(tmp_path / "left.npz", L=np.arange(642) > 200)
    with pytest.raises(InputError, match=r"--mask.*hemispheres L; expected L\+R"):
        load(mask=str(tmp_path / "left.npz"))
    made = load(mask=str(tmp_path / "left.npz"), hemispheres=["L"])
    assert not made.mask[:201].any()


def masks_of(monkeypatch, given=None, **options):
    """Return the inputs of a run on fs_LR 32k, without making folds."""
    monkeypatch.setattr(room, "folds_of", lambda *_: None)
    monkeypatch.setattr(room, "_warn_of_few_blocks", lambda *_: None)
    config = make_config({"target": "schaefer400-7networks", **options})
    return load_inputs([config], given)[0]


@pytest.mark.parametrize("name", ["coordinates:mirrored", "harmonics:4", "coordinates+harmonics:3"])
def test_position_alone_is_decoded_on_the_cortex(monkeypatch, name):
    """Position has a value on the medial wall, but a run of position does not go there."""
    made = masks_of(monkeypatch, features=[name])
    assert np.array_equal(made.mask, cortex_mask())
    for feature_set in made.sets.values():
        assert "58,558 cortex vertices" in feature_set.notes[-1]
    half = masks_of(monkeypatch, features=[name], hemispheres=["R"])
    assert np.array_equal(half.mask, np.split(cortex_mask(), 2)[1])


def test_a_set_with_a_mask_says_where_the_cortex_is(monkeypatch):
    """As soon as one set has a mask, it is the mask, and position adds none of its own."""
    valid = np.arange(64_984) % 3 > 0
    values = np.random.default_rng(0).normal(size=len(valid))
    given = [SurfaceMap(values, Space("fsLR", "32k"), valid=valid)]
    made = masks_of(monkeypatch, given, features=["mine"])
    assert np.array_equal(made.mask, valid)
    assert made.sets["coordinates"].map.valid.all()
    given = [SurfaceMap(values, Space("fsLR", "32k"))]
    assert np.array_equal(masks_of(monkeypatch, given, features=["mine"]).mask, cortex_mask())


def test_what_sets_share_is_made_once(load, toy_cortex, monkeypatch):
    """Features and baselines of one base set read it once, and equal each loaded alone."""
    names = ["stain:pca1", "stain", "stain:pca2+coordinates"]
    calls = []
    monkeypatch.setitem(
        registry.FEATURES, "stain", lambda _: calls.append(1) or toy_cortex.feature_set()
    )
    made = load(names, features=names, baseline=["stain+harmonics:2", "coordinates"])
    assert len(calls) == 1
    for name in (*names, "stain+harmonics:2"):
        alone = load_features(name, toy_cortex.TOY).map
        assert np.array_equal(made.sets[name].map.values, alone.values)


def test_nothing_to_analyse(load, toy_cortex):
    """Sets that share no vertex leave nothing, which is said before anything is computed."""
    half = np.arange(toy_cortex.N_VERTICES) % 2 == 0
    sets = [toy_cortex.feature_set(n, valid=v) for n, v in (("a", half), ("b", ~half))]
    with pytest.raises(InputError, match=r"mask: found no vertex"):
        load(sets, features=["a", "b"])


def test_small_classes_are_left_out(load, toy_cortex):
    """Classes below the limit are no classes: their vertices are not analysed."""
    keys = toy_cortex.keys()
    keys[np.flatnonzero(keys)[:7]] = 9
    labels = toy_cortex.parcellation(keys)
    assert load(target=labels, min_class_vertices=7).keys.tolist() == [1, 2, 3, 9]
    made = load(target=labels, min_class_vertices=8)
    assert made.keys.tolist() == [1, 2, 3]
    assert made.names == ["front", "middle", "back"]
    assert np.array_equal(made.analysed, made.mask & (keys > 0) & (keys < 9))


def test_classes_of_one_name_are_told_apart(load, toy_cortex):
    """By their keys; ``results.json`` lists scores by the names of the classes."""
    keys = toy_cortex.keys()
    right = np.arange(len(keys)) >= len(keys) // 2
    keys[right & (keys > 0)] += 3
    names = {1: "front", 2: "middle", 3: "back", 4: "front", 5: "middle right", 6: "front (4)"}
    made = load(target=Parcellation(keys, Space("toy", "642"), names))
    expected = ["front (1)", "middle", "back", "front (4) (4)", "middle right", "front (4) (6)"]
    assert made.names == expected


def test_a_class_outside_the_mask_is_no_class(load, toy_cortex):
    """Keys are those of analysed vertices; others are unlabelled, in the spins too."""
    keys = toy_cortex.keys()
    keys[~toy_cortex.cortex()] = 8
    made = load(target=toy_cortex.parcellation(keys))
    assert made.keys.tolist() == [1, 2, 3]
    assert (made.label[~toy_cortex.cortex()] == -1).all()


@pytest.mark.parametrize(("n_classes", "words"), [(1, "1 class with"), (0, "0 classes with")])
def test_fewer_than_two_classes(load, toy_cortex, n_classes, words):
    """A target needs two classes inside the mask."""
    keys = (toy_cortex.keys() > 0).astype(int) * n_classes
    with pytest.raises(InputError, match=rf"target bands: found {words} at least 1 .*at least 2"):
        load(target=toy_cortex.parcellation(keys))


def test_maps_in_memory_obey_the_rules_of_files(load, toy_cortex):
    """A constant column and too many NaN are refused, a few NaN are dropped with a warning."""
    values = toy_cortex.stain()
    values[:, 1] = 3
    with pytest.raises(InputError, match="same value 3"):
        load([toy_cortex.feature_set(values=values)])
    rows = np.flatnonzero(toy_cortex.cortex())
    values = toy_cortex.stain()
    values[rows[: len(rows) // 20]] = np.nan
    with pytest.warns(CytosurfWarning, match="were dropped"):
        made = load([SurfaceMap(values, toy_cortex.TOY, valid=toy_cortex.cortex())])
    assert made.mask.sum() == len(rows) - len(rows) // 20
    values[rows[: len(rows) // 19 + 1]] = np.inf
    with pytest.raises(InputError, match="at most 5%"):
        load([SurfaceMap(values, toy_cortex.TOY, valid=toy_cortex.cortex())])


def test_a_column_that_is_constant_in_the_mask_alone_does_no_harm(run_toy, toy_cortex, tmp_path):
    """A region may hold one value of a column; its scores are those without the column."""
    region = toy_cortex.points()[:, 1] > -5
    np.savez(tmp_path / "region.npz", values=region)
    values = np.column_stack([toy_cortex.stain(), np.where(region, 1, np.arange(len(region)))])
    options = {
        "mask": str(tmp_path / "region.npz"),
        "folds": {"n_folds": 2, "n_blocks": 6},
        "matched_position": False,
    }
    plain = run_toy(tmp_path / "plain", **options)
    more = run_toy(tmp_path / "more", [toy_cortex.feature_set(values=values)], **options)
    scores = [r.results["feature_sets"]["stain"]["macro_f1"]["folds"] for r in (plain, more)]
    assert np.allclose(*scores, atol=0.005)


def test_other_spaces_and_other_things_are_refused(load, toy_cortex):
    """Maps and labels must be in the space of the run, and must be maps and labels."""
    elsewhere = Space("mine", "642")
    values = np.random.default_rng(0).normal(size=1284)
    with pytest.raises(InputError, match=r"features stain: found space mine-642; expected toy-642"):
        load([SurfaceMap(values, elsewhere)])
    with pytest.raises(InputError, match=r"target bands: found space mine-642; expected toy-642"):
        load(target=Parcellation(toy_cortex.keys(), elsewhere))
    with pytest.raises(InputError, match="found ndarray; expected a name, a FeatureSet"):
        load([values])
    with pytest.raises(InputError, match="found ndarray; expected a name, a Target"):
        load(target=values)


def test_names_are_loaded_and_objects_are_taken(load, toy_cortex):
    """A name, a FeatureSet and a SurfaceMap are all features; Target and labels are targets."""
    named = load(["coordinates"], features=["coordinates"])
    expected = load_features("coordinates", toy_cortex.TOY).map.values
    assert np.array_equal(named.sets["coordinates"].map.values, expected)
    plain = load([toy_cortex.feature_set().map])
    assert plain.sets["stain"].sources == ("in memory",)
    target = Target("mine", toy_cortex.parcellation(), ("file:x",), ("a note",))
    assert load(target=target).target is target
    with pytest.raises(InputError, match="Did you mean"):
        load(["cordinates"], features=["cordinates"])
    with pytest.raises(InputError, match="Did you mean 'yeo7'"):
        load(target="yoe7")


@pytest.mark.parametrize("scheme", ["left-to-right", "across"])
@pytest.mark.parametrize(
    "signed", ["coordinates", "coordinates:pca2", "coordinates + harmonics:3", "stain"]
)
def test_signed_coordinates_are_warned_of_between_hemispheres(load, toy_cortex, scheme, signed):
    """The sign of x depends on the hemisphere; that of |x| and of harmonics does not."""
    given = [toy_cortex.feature_set()] if signed == "stain" else [signed]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = load(given, features=[signed], folds={"scheme": scheme})
    ours = [str(w.message) for w in caught if issubclass(w.category, CytosurfWarning)]
    assert len(ours) == (signed != "stain")
    assert all(m.startswith(f"{signed}: x is") and "coordinates:mirrored" in m for m in ours)
    assert "coordinates:mirrored" in made.sets


def test_signed_coordinates_are_fine_within_hemispheres(load):
    """The published baseline gives no warning in the published scheme."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", CytosurfWarning)
        load()


def changed(toy, what):
    """Return inputs of which one thing differs."""
    values, valid, keys, options = toy.stain(), toy.cortex(), toy.keys(), {}
    if what == "features stain":
        values[3] += 0.5
    elif what == "mask":
        valid[np.flatnonzero(valid)[0]] = False
    elif what == "target bands":
        keys[np.flatnonzero(keys == 1)[0]] = 2
    else:
        options = {"seed": 1}
    return [toy.feature_set(values=values, valid=valid)], toy.parcellation(keys), options


@pytest.mark.parametrize("what", ["features stain", "mask", "target bands", "folds"])
def test_hashes_tell_what_changed(load, toy_cortex, what):
    """Each input has a hash of its content, which differs when and only when it does."""
    before = load().hashes()
    assert load().hashes() == before
    features, target, options = changed(toy_cortex, what)
    after = load(features, target, **options).hashes()
    assert before.keys() == after.keys()
    differing = {name for name in before if before[name] != after[name]}
    assert what in differing
    if what in ("features stain", "target bands", "folds"):
        assert differing == {what}
    assert all(len(digest) == 64 for digest in after.values())


def test_feature_sets_keep_sources_and_notes_when_halved(load, toy_cortex):
    """What is known of a set is not lost with a hemisphere."""
    noted = FeatureSet("stain", toy_cortex.feature_set().map, ("file:x",), ("a note",))
    half = load([noted], hemispheres=["R"]).sets["stain"]
    assert (half.sources, half.notes) == (noted.sources, noted.notes)
    target = Target("t", toy_cortex.parcellation(), ("file:y",), ("another",))
    halved = load(target=target, hemispheres=["R"]).target
    assert (halved.name, halved.sources, halved.notes) == ("t", ("file:y",), ("another",))


def test_spins_bring_classes_from_outside_the_mask():
    """Classes found outside the mask alone are spun after the run's own; small ones stay out."""
    keys = np.array([0, 5, 5, 5, 2, 2, 2, 9, 7, 7])
    target = Target("toy", Parcellation(keys, Space("two", "5")))
    mask = np.array([1, 1, 1, 0, 1, 1, 0, 1, 0, 0], bool)
    kept = np.array([2, 5], np.int32)  # 9 was left out for its size
    of_mask = bare_inputs(target, mask, kept)
    label, n_classes = labels_to_spin(of_mask)
    assert n_classes == 3
    assert label.tolist() == [-1, 1, 1, 1, 0, 0, 0, -1, 2, 2]


def bare_inputs(target, mask, keys):
    """Return inputs that hold a target, a mask and classes alone."""
    folds = Folds(block=np.arange(len(mask)), fold=np.arange(len(mask)) % 2)
    label = np.full(len(mask), -1, np.int16)
    return Inputs(
        target.parcellation.space, ("L", "R"), {}, {}, {}, target, mask, keys, label, folds
    )


@pytest.mark.parametrize(
    ("folds", "n_blocks"),
    [
        ({"n_folds": 5, "n_blocks": 3}, 6),
        ({"n_folds": 5, "n_blocks": 12}, 24),
        ({"n_folds": 5, "n_blocks": 12, "scheme": "homotopic"}, 12),
    ],
)
def test_few_superblocks_per_fold_are_warned_of(load, folds, n_blocks):
    """Below five in each fold the warning says how many there are; mirrored ones count once."""
    with pytest.warns(CytosurfWarning, match=f"^{n_blocks} superblocks in 5 folds"):
        load(folds=folds)


@pytest.mark.parametrize(
    "folds", [{"n_folds": 5, "n_blocks": 13}, {"n_blocks": 3, "scheme": "across"}]
)
def test_enough_superblocks_are_not_warned_of(load, folds):
    """Nor are schemes whose folds are whole hemispheres."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "superblocks in", CytosurfWarning)
        warnings.filterwarnings("error", ".*superblocks in", CytosurfWarning)
        load(folds=folds)
