"""Configurations: defaults, one clear message for what is wrong, and the file of a run."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cytosurf.errors import InputError
from cytosurf.runs.config import FoldConfig, RunConfig, make_config, read_config, write_config

ASKED = {"features": ["hist"], "target": "yeo7"}


def made(**options):
    """Return a configuration with some options."""
    return make_config(ASKED | options)


def test_the_published_protocol_is_the_default():
    """Coordinates as the baseline, five folds of 100 superblocks per hemisphere, C = 1."""
    config = made()
    assert config.baseline == ("coordinates",)
    assert config.folds == FoldConfig(n_folds=5, n_blocks=100, method="midthickness")
    assert (config.folds.scheme, config.folds.buffer_mm, config.folds.repeats) == ("blocks", 0, 1)
    assert (config.C, config.min_class_vertices, config.classifier) == (1.0, 1, None)
    assert (config.space, config.hemispheres) == ("fsLR-32k", ("L", "R"))


@pytest.mark.parametrize(
    ("options", "where", "words"),
    [
        ({"spins": -1}, "spins", "found -1; expected greater than or equal to 0"),
        ({"jobs": 0}, "jobs", "found 0; expected greater than or equal to 1"),
        ({"seed": "x"}, "seed", "found 'x'; expected a valid integer"),
        ({"C": 0}, "C", "greater than 0"),
        ({"min_class_vertices": 0}, "min_class_vertices", "greater than or equal to 1"),
        ({"features": []}, "features", "found none; expected at least 1"),
        ({"features": "hist"}, "features", "found 'hist'; expected a valid tuple"),
        ({"target": 7}, "target", "found 7; expected a valid string"),
        ({"hemispheres": ("R", "L")}, "hemispheres", r"found hemispheres \('R', 'L'\)"),
        ({"hemispheres": ()}, "hemispheres", r"found hemispheres \(\)"),
        ({"folds": {"n_folds": 1}}, "folds.n_folds", "found 1; expected greater than or equal to"),
        ({"folds": {"n_folds": 128}}, "folds.n_folds", "less than or equal to 127"),
        ({"folds": {"scheme": "loo"}}, "folds.scheme", "'homotopic'"),
        ({"folds": {"method": "cube"}}, "folds.method", "'midthickness' or 'sphere'"),
        ({"folds": {"buffer_mm": -1}}, "folds.buffer_mm", "greater than or equal to 0"),
        ({"folds": {"repeats": 0}}, "folds.repeats", "greater than or equal to 1"),
        ({"folds": {"block_sweep": [50, 0]}}, "folds.block_sweep.1", "greater than or equal to 1"),
        ({"folds": {"n_fold": 3}}, "folds", "Did you mean 'n_folds'"),
        ({"folds": 3}, "folds", "found 3"),
        ({"spin": 3}, "options", "Did you mean 'spins'"),
    ],
)
def test_a_bad_option_is_named_with_what_was_expected(options, where, words):
    """The message names the option, what it was and what it can be, without words of pydantic."""
    with pytest.raises(InputError, match=words) as caught:
        made(**options)
    assert caught.value.where == where
    assert "pydantic" not in str(caught.value)
    assert "Input should" not in str(caught.value)


def test_a_missing_option_is_named():
    """A configuration without a target says so, and does not print all the others."""
    with pytest.raises(InputError, match="target: found nothing; expected a value"):
        make_config({"features": ["hist"]})


@pytest.mark.parametrize("scheme", ["left-to-right", "right-to-left", "across"])
def test_the_default_baseline_is_mirrored_between_hemispheres(scheme):
    """Where one hemisphere is trained on and the other tested, x must not be signed."""
    for folds in ({"scheme": scheme}, FoldConfig(scheme=scheme)):
        assert made(folds=folds).baseline == ("coordinates:mirrored",)
        assert made(folds=folds, baseline=None).baseline == ("coordinates:mirrored",)
        assert made(folds=folds, baseline=("coordinates",)).baseline == ("coordinates",)
        assert made(folds=folds).folds.between_hemispheres


@pytest.mark.parametrize("scheme", ["blocks", "homotopic"])
def test_the_default_baseline_is_published_within_hemispheres(scheme):
    """Blocks of both hemispheres keep the coordinates as they are, and no baseline is one too."""
    assert made(folds={"scheme": scheme}, baseline=None).baseline == ("coordinates",)
    assert made(folds={"scheme": scheme}, baseline=()).baseline == ()
    assert not made(folds={"scheme": scheme}).folds.between_hemispheres


def test_identity_is_everything_but_spins_and_what_is_asked_of_them():
    """More spins on more processes continue a run; options that change a spin make another one."""
    identity = made().identity()
    asked = {"stop_after_exceedances": 20, "statistics": ("mcc",), "approximate_tail": True}
    asked["rotation"] = "mirrored"
    assert made(spins=99, jobs=3, **asked).identity() == identity
    fields = set(RunConfig.model_fields) - {"spins", "jobs", "folds", *asked}
    assert identity.keys() == fields | {f"folds.{name}" for name in FoldConfig.model_fields}
    assert made(folds={"n_blocks": 50}).identity() != identity


@pytest.mark.parametrize("spelling", ["fs_LR 32k", "conte69", "fslr-32K", "fsLR-32k"])
def test_a_space_has_one_spelling(spelling):
    """However a space is written, it is the same run."""
    assert made(space=spelling).identity() == made().identity()


def test_an_unknown_space_suggests_the_nearest():
    """It is refused before anything is loaded."""
    with pytest.raises(InputError, match="Did you mean 'fsLR-164k'"):
        made(space="fsLR-165k")


names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1)


@given(
    features=st.lists(names, min_size=1, unique=True),
    target=names,
    mask=st.none() | names,
    spins=st.integers(0, 10**6),
    seed=st.integers(0, 2**64 - 1),
    buffer_mm=st.floats(0, 100),
    scheme=st.sampled_from(["blocks", "homotopic", "across"]),
    block_sweep=st.lists(st.integers(1, 500)),
)
def test_a_written_configuration_is_read_as_it_was(
    tmp_path_factory, features, target, mask, spins, seed, buffer_mm, scheme, block_sweep
):
    """Whatever the names and numbers, config.yaml gives the same configuration again."""
    folds = {"buffer_mm": buffer_mm, "scheme": scheme, "block_sweep": block_sweep}
    config = make_config(
        {
            "features": features,
            "target": target,
            "mask": mask,
            "spins": spins,
            "seed": seed,
            "folds": folds,
        }
    )
    folder = tmp_path_factory.mktemp("run")
    write_config(folder, config)
    assert read_config(folder) == config


def test_the_file_is_plain_yaml_in_the_order_of_importance(tmp_path):
    """A reader finds features and target first, and no tags of Python."""
    write_config(tmp_path, made())
    text = (tmp_path / "config.yaml").read_text()
    assert list(yaml.safe_load(text)) == list(RunConfig.model_fields)
    assert "!!" not in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no readable configuration"),
        ("features: [a", "no readable configuration"),
        ("- a\n- b\n", "found list; expected a mapping of options"),
        ("features: [a]\ntarget: b\nspins: -3\n", "spins.*found -3"),
        ("features: [a]\n", "target.*found nothing"),
        (b"\xff\xfe\x00", "no readable configuration"),
    ],
)
def test_a_broken_file_is_named(tmp_path, text, words):
    """Whatever is wrong with config.yaml, the message names the file."""
    path = tmp_path / "config.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=words) as caught:
        read_config(tmp_path)
    assert str(path) in str(caught.value)


def test_statistics_are_named_once_and_without_the_default():
    """macro-F1 is always tested; asking for it, or twice for another, changes nothing."""
    assert made(statistics=("mcc", "macro_f1", "mcc", "f1:1")).statistics == ("mcc", "f1:1")
