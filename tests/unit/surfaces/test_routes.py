"""Routes name the registered spheres, in upstream's order of steps."""

import itertools

import pytest

from cytosurf.compute.files import file_sha256
from cytosurf.errors import InputError
from cytosurf.surfaces.routes import STEPS, route, sphere_path, spheres_used
from cytosurf.surfaces.space import Space

BIGBRAIN, FSLR_164K, FSLR_32K = (
    Space("bigbrain", "164k"),
    Space("fsLR", "164k"),
    Space("fsLR", "32k"),
)


def test_bigbrain_and_fs_lr_32k_are_joined_in_two_steps():
    """Both directions go over fs_LR 164k, never straight."""
    there, back = route(BIGBRAIN, FSLR_32K), route(FSLR_32K, BIGBRAIN)
    assert [step.target for step in there] == [FSLR_164K, FSLR_32K]
    assert [step.target for step in back] == [FSLR_164K, BIGBRAIN]


@pytest.mark.parametrize("method", ["adaptive", "nearest"])
def test_other_methods_go_straight(method):
    """Where upstream set no example, one resampling is better than two."""
    for source, target in ((BIGBRAIN, FSLR_32K), (FSLR_32K, BIGBRAIN)):
        (step,) = route(source, target, method=method)
        assert (step.source, step.target) == (source, target)
    assert route(FSLR_164K, BIGBRAIN, method=method) == route(FSLR_164K, BIGBRAIN)
    with pytest.raises(InputError, match="method: found 'cubic'"):
        route(BIGBRAIN, FSLR_32K, method="cubic")


def test_spheres_are_named_as_upstream_used_them():
    """From BigBrain: the fs_LR sphere on the BigBrain mesh; to BigBrain: the opposite pair."""
    (there,) = route(BIGBRAIN, FSLR_164K)
    (back,) = route(FSLR_164K, BIGBRAIN)
    assert there.sphere_names("L") == (
        "bigbrainwarp/tpl-fs_LR_hemi-L_den-164k_desc-sphere_rsled_like_bigbrain.reg.surf.gii",
        "fslr/fsaverage.L_LR.spherical_std.164k_fs_LR.surf.gii",
    )
    assert back.sphere_names("R") == (
        "bigbrainwarp/tpl-bigbrain_hemi-R_desc-sphere_rsled_like_fs_LR.reg.surf.gii",
        "bigbrainwarp/tpl-bigbrain_hemi-R_desc-sphere_rot_fs_LR.surf.gii",
    )


def test_steps_join_and_no_step_is_needed_within_a_space():
    """Each step starts where the one before ended; a space reaches itself in no step."""
    spaces = {step.source for step in STEPS}
    for source in spaces:
        assert route(source, source) == []
        for target in spaces - {source}:
            steps = route(source, target)
            assert steps[0].source == source
            assert steps[-1].target == target
            assert all(a.target == b.source for a, b in itertools.pairwise(steps))


def test_an_unknown_route_names_the_known_spaces():
    """A space without registered sphere is refused with the list of those that have one."""
    with pytest.raises(InputError, match=r"bigbrain-10k to fsLR-32k.*bigbrain-164k.*fsLR-164k"):
        route(Space("bigbrain", "10k"), FSLR_32K)


def test_the_fs_lr_32k_sphere_is_embedded():
    """Its file comes with the BrainSpace package, without any download."""
    name = route(FSLR_164K, FSLR_32K)[0].sphere_names("R")[1]
    path = sphere_path(name)
    assert path.is_file()
    assert path.name == "conte69_32k_rh_sphere.gii"


@pytest.mark.real_data
@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.source}-{step.target}")
@pytest.mark.parametrize("hemisphere", ["L", "R"])
def test_every_named_sphere_is_a_known_file(real_cache, step, hemisphere):
    """The names are those of the data manifests."""
    for name in step.sphere_names(hemisphere):
        assert sphere_path(name).is_file()


@pytest.mark.real_data
def test_the_spheres_of_a_route_are_told_with_their_hashes(real_cache):
    """For each hemisphere and step: spaces, files and the hash of each file."""
    told = spheres_used(BIGBRAIN, FSLR_32K, hemispheres=("R",))
    assert [(step["From"], step["To"]) for step in told] == [
        ("bigbrain-164k", "fsLR-164k"),
        ("fsLR-164k", "fsLR-32k"),
    ]
    sphere = told[1]["SourceSphere"]
    assert sphere["SHA256"] == file_sha256(sphere_path(sphere["File"]))
    assert len(spheres_used(BIGBRAIN, FSLR_32K, method="nearest")) == 2
