"""Routes between spaces: which pairs of registered spheres carry a map from one to another.

The file names of the BigBrain registration are easy to misread: "X rsled like Y" is the sphere of
X expressed on the mesh of Y. So the map from BigBrain to fs_LR starts at the fs_LR sphere on the
BigBrain mesh (Paquola et al., 2021, eLife 10:e70119; registration by multimodal surface matching,
Lewis et al., 2020). Between BigBrain and fs_LR 32k the way leads over fs_LR 164k, as upstream
did it: there is no 32k registration sphere, and one step gives other numbers (r = 0.997). Methods
that upstream did not use take the straight way, along the fs_LR sphere of either mesh: each
resampling costs detail.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cytosurf import data
from cytosurf.compute.files import file_sha256
from cytosurf.errors import InputError
from cytosurf.surfaces.space import HEMISPHERES, Space
from cytosurf.surfaces.weights import check_method

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """One resampling between two registered spheres.

    Parameters
    ----------
    source, target : Space
        The spaces of the two meshes.
    source_sphere, target_sphere : str
        The sphere files as ``source/name`` of the data directory (``brainspace/...`` for the
        embedded ones), with ``{hemi}`` for L or R and ``{side}`` for lh or rh.
    """

    source: Space
    target: Space
    source_sphere: str
    target_sphere: str

    def sphere_names(self, hemisphere: str) -> tuple[str, str]:
        """Return the names of the source and the target sphere of hemisphere "L" or "R"."""
        side = {"L": "lh", "R": "rh"}[hemisphere]
        left, right = (
            name.format(hemi=hemisphere, side=side)
            for name in (self.source_sphere, self.target_sphere)
        )
        return left, right


BIGBRAIN = Space("bigbrain", "164k")
FSLR_164K = Space("fsLR", "164k")
FSLR_32K = Space("fsLR", "32k")
FSAVERAGE_10K = Space("fsaverage", "10k")

_FSLR_164K_SPHERE = "fslr/fsaverage.{hemi}_LR.spherical_std.164k_fs_LR.surf.gii"
_FSLR_32K_SPHERE = "brainspace/surfaces/conte69_32k_{side}_sphere.gii"
_FSLR_32K_ON_FSAVERAGE = "fslr/fs_LR-deformed_to-fsaverage.{hemi}.sphere.32k_fs_LR.surf.gii"
_FSAVERAGE_10K_SPHERE = "fsaverage5/fsaverage5_std_sphere.{hemi}.10k_fsavg_{hemi}.surf.gii"

_FSLR_ON_BIGBRAIN = (
    "bigbrainwarp/tpl-fs_LR_hemi-{hemi}_den-164k_desc-sphere_rsled_like_bigbrain.reg.surf.gii"
)

# The steps of upstream, by the spheres of upstream.
STEPS = (
    Step(BIGBRAIN, FSLR_164K, _FSLR_ON_BIGBRAIN, _FSLR_164K_SPHERE),
    Step(
        FSLR_164K,
        BIGBRAIN,
        "bigbrainwarp/tpl-bigbrain_hemi-{hemi}_desc-sphere_rsled_like_fs_LR.reg.surf.gii",
        "bigbrainwarp/tpl-bigbrain_hemi-{hemi}_desc-sphere_rot_fs_LR.surf.gii",
    ),
    Step(FSLR_164K, FSLR_32K, _FSLR_164K_SPHERE, _FSLR_32K_SPHERE),
    Step(FSLR_32K, FSLR_164K, _FSLR_32K_SPHERE, _FSLR_164K_SPHERE),
    Step(FSLR_32K, FSAVERAGE_10K, _FSLR_32K_ON_FSAVERAGE, _FSAVERAGE_10K_SPHERE),
    Step(FSAVERAGE_10K, FSLR_32K, _FSAVERAGE_10K_SPHERE, _FSLR_32K_ON_FSAVERAGE),
)

STRAIGHT_STEPS = (
    Step(BIGBRAIN, FSLR_32K, _FSLR_ON_BIGBRAIN, _FSLR_32K_SPHERE),
    Step(FSLR_32K, BIGBRAIN, _FSLR_32K_SPHERE, _FSLR_ON_BIGBRAIN),
)


def route(source: Space, target: Space, method: str = "barycentric") -> list[Step]:
    """Return the resampling steps from one space to another; none if they are the same.

    Parameters
    ----------
    source, target : Space
        Where a map comes from and goes to.
    method : {"barycentric", "adaptive", "nearest"}, optional
        For "barycentric" the steps of upstream, for others the fewest.

    Raises
    ------
    InputError
        If no chain of registered spheres joins the two spaces, or the method is unknown.

    Examples
    --------
    >>> steps = route(Space("bigbrain", "164k"), Space("fsLR", "32k"))
    >>> [f"{step.source} -> {step.target}" for step in steps]
    ['bigbrain-164k -> fsLR-164k', 'fsLR-164k -> fsLR-32k']
    """
    known = STEPS if check_method(method) == "barycentric" else STEPS + STRAIGHT_STEPS
    reached: dict[Space, list[Step]] = {source: []}
    waiting = [source]
    while waiting and target not in reached:
        space = waiting.pop(0)
        for step in known:
            if step.source == space and step.target not in reached:
                reached[step.target] = [*reached[space], step]
                waiting.append(step.target)
    if target not in reached:
        names = sorted({str(step.source) for step in STEPS})
        raise InputError(
            "map between spaces",
            f"{source} to {target}",
            f"two of the registered spaces {', '.join(names)}",
            "For other spaces, give both spheres to barycentric_weights.",
        )
    return reached[target]


def sphere_path(name: str) -> Path:
    """Return the local file of a sphere named as in `Step.sphere_names`."""
    source, file = name.split("/", 1)
    return data.embedded_path(file) if source == "brainspace" else data.path(source, file)


def spheres_used(
    source: Space,
    target: Space,
    *,
    method: str = "barycentric",
    hemispheres: tuple[str, ...] = HEMISPHERES,
) -> list[dict[str, Any]]:
    """Return by which spheres a map goes from one space to another, as JSON can hold it.

    Parameters
    ----------
    source, target : Space
        Where a map comes from and goes to.
    method : {"barycentric", "adaptive", "nearest"}, optional
        As in `route`.
    hemispheres : tuple of str, optional
        ``("L", "R")``, ``("L",)`` or ``("R",)``.

    Returns
    -------
    list of dict
        For each hemisphere and step: Hemisphere, From, To, and for SourceSphere and TargetSphere
        the File in the data directory and its SHA256.

    Raises
    ------
    InputError
        As `route`.
    MissingDataError
        If a sphere is missing and cannot be downloaded.

    Examples
    --------
    >>> spheres_used(Space("fsLR", "32k"), Space("fsLR", "32k"))
    []
    """
    return [
        _described(step, side)
        for side in hemispheres
        for step in route(source, target, method=method)
    ]


def log_step(step: Step, hemisphere: str, method: str) -> None:
    """Say in the log, at level INFO, which spheres a step uses."""
    source, target = step.sphere_names(hemisphere)
    _LOG.info(
        "%s: %s to %s by %s resampling from sphere %s to sphere %s",
        *(hemisphere, step.source, step.target, method, source, target),
    )


def _described(step: Step, hemisphere: str) -> dict[str, Any]:
    roles = zip(("SourceSphere", "TargetSphere"), step.sphere_names(hemisphere), strict=True)
    return {
        "Hemisphere": hemisphere,
        "From": str(step.source),
        "To": str(step.target),
        **{role: {"File": name, "SHA256": file_sha256(sphere_path(name))} for role, name in roles},
    }
