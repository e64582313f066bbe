"""The configuration: unknown keys are errors, --set changes one value."""

import pytest

from cytosurf.errors import InputError
from cytosurf.spatialnce.config_files import changed_source, config_text, make_config, read_config
from cytosurf.spatialnce.sources import open_source, provenance

SMALL = {"source": {"kind": "bigbrain"}, "steps": 3}
TEXT = "source: {kind: bigbrain, side: 5}\nsteps: 3\nloss: {sigma_mm: 4}\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stepps": 3}, "options: found 'stepps'.*Did you mean 'steps'"),
        ({"loss": {"sigma": 3}}, "loss: found 'sigma'.*sigma_mm"),
        ({"source": {"kind": "bigbrain", "sides": 3}}, "source: found 'sides'.*side"),
        ({"source": {"kind": "bigbrian"}}, "source.kind: found 'bigbrian'.*bigbrain"),
        ({"source": {"side": 3}}, "source: found nothing"),
        ({"source": {"kind": "sections", "points": "p.csv"}}, "source.space: found nothing"),
        ({"steps": -1}, "steps: found -1"),
        ({"loss": {"sigma_mm": 0}}, "loss.sigma_mm: found 0"),
        ({"loss": {"sigma_mm": float("nan")}}, "loss.sigma_mm"),
        ({"augment": {"gamma": 0.8}}, "augment.gamma"),
        ({"augment": {"blur": 0.7, "sharpen": 0.5}}, "augment: found blur 0.7 and sharpen 0.5"),
        ({"batch": {"size": 1}}, "batch.size: found 1"),
        ({"optimiser": {"name": "lamb"}}, "optimiser.name: found 'lamb'"),
        ({"precision": "float16"}, "precision"),
        ({"seed": 2**64}, "seed"),
        ({"batch": 7}, "batch: found 7"),
        ({"source": {"kind": "arrays", "path": "a", "space": "mni"}}, "source.space: found 'mni'"),
        ({"subset": {"hemispheres": []}}, "subset.hemispheres: found none"),
        ({"subset": {"hemispheres": ["L", "L"]}}, "subset.hemispheres: found L, L"),
        ({"subset": {"hemispheres": ["left"]}}, "subset.hemispheres: found left"),
        ({"source": {"kind": "bigbrain", "hemispheres": []}}, "source.hemispheres: found none"),
        ({"source": {"kind": "bigbrain", "hemispheres": ["L", "L"]}}, "source.hemispheres: found"),
    ],
)
def test_each_mistake_names_its_option(options, words):
    """With what was found; unknown names get the nearest."""
    with pytest.raises(InputError, match=words):
        make_config({**SMALL, **options})


def test_hemispheres_have_no_order():
    """Both are both, whichever is named first."""
    both = {"hemispheres": ["R", "L"]}
    config = make_config({**SMALL, "source": {"kind": "bigbrain", **both}, "subset": both})
    assert config == make_config(SMALL)


def test_a_missing_option_is_named():
    """Steps have no default."""
    with pytest.raises(InputError, match="steps: found nothing"):
        make_config({"source": {"kind": "bigbrain"}})


def test_one_value_is_changed_on_the_way(tmp_path):
    """Numbers, lists, null and new sections, as YAML reads them."""
    (tmp_path / "c.yaml").write_text(TEXT)
    changes = ["loss.sigma_mm=5", "source.hemispheres=[L]", "optimiser.lr=0.1", "clip_norm=1.5"]
    config = read_config(tmp_path / "c.yaml", changes)
    assert config.loss.sigma_mm == 5
    assert config.source.hemispheres == ("L",)
    assert (config.source.side, config.optimiser.lr, config.clip_norm) == (5, 0.1, 1.5)


@pytest.mark.parametrize(
    "change", ["loss.sigma_mm", "=3", "steps.a=3", "loss..a=3", "loss.sigma_mm=[1", "los.sigma=1"]
)
def test_changes_that_are_none_are_refused(tmp_path, change):
    """No equals sign, no name, a value in the way, no YAML, an unknown section."""
    (tmp_path / "c.yaml").write_text(TEXT)
    with pytest.raises(InputError):
        read_config(tmp_path / "c.yaml", [change])


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "just words", ""])
def test_files_that_are_no_mapping_are_refused(tmp_path, text):
    """With the file's name."""
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(InputError, match=r"c\.yaml"):
        read_config(tmp_path / "c.yaml")
    with pytest.raises(InputError, match=r"none\.yaml"):
        read_config(tmp_path / "none.yaml")


def test_a_configuration_survives_its_own_text(tmp_path):
    """What a run directory holds is the same training."""
    config = make_config(
        {**SMALL, "source": {"kind": "arrays", "path": "a.npz", "space": "other:x"}}
    )
    (tmp_path / "c.yaml").write_text(config_text(config))
    assert read_config(tmp_path / "c.yaml") == config


@pytest.mark.real_data
def test_the_slice_of_the_data_directory_needs_no_path(real_cache):
    """After `cytosurf data import`; its hash is what the record of a training holds."""
    config = make_config({"source": {"kind": "xray", "stride_px": 512}, "steps": 1})
    assert len(open_source(config.source).ids) > 10
    ((name, digest),) = provenance(config).items()
    assert name.endswith("xray_thc_slice-309.npz")
    assert digest.startswith("6097167b")


def test_only_the_source_is_changed_for_embedding():
    """Another option would not be what was trained."""
    config = make_config(SMALL)
    assert changed_source(config, ["source.space=bigbrain"]).space == "bigbrain"
    with pytest.raises(InputError, match=r"source\.NAME"):
        changed_source(config, ["steps=4"])
