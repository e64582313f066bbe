"""What is trained and decoded: models, controls, and the questions that the tables answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MODELS = {"spatialnce": [], "simclr": ["loss.kind=simclr"], "untrained": ["steps=0"]}
SEEDS = (0, 1, 2)
FOLDS = range(1, 6)
PATCH_REACH_MM = 5.3
TARGETS = ("yeo7", "yeo17")
POSITION = ("coordinates", "coordinates:mirrored", "harmonics:32")
MAPS = ("neighbourhood:pca32", "hist", "micro", "func")
MASK = "cortex.npz"  # vertices valid in every set, so that all decodings share their folds


def trainings() -> dict[str, list[str]]:
    """Return the changes of config.yaml of every training, by its name."""
    runs = {f"{m}-{seed}": [*c, f"seed={seed}"] for seed in SEEDS for m, c in MODELS.items()}
    runs |= {f"{m}-bins": [*c, "source.normalise_bin_mm=1.0"] for m, c in MODELS.items()}
    runs["spatialnce-left"] = ["subset.hemispheres=[L]"]
    for k in FOLDS:
        exclude = [f"subset.exclude=folds/fold-{k}.npz", f"subset.buffer_mm={PATCH_REACH_MM}"]
        runs[f"spatialnce-unseen-{k}"] = exclude
    return runs


def embedding(name: str) -> str:
    """Return the feature set of a training: 32 components of its table."""
    return f"embedding:{name}.h5:pca32"


def of_seed(seed: int) -> list[str]:
    """Return the feature sets of one seed of each model."""
    return [embedding(f"{model}-{seed}") for model in MODELS]


def joined(sets: Sequence[str]) -> list[str]:
    """Return sets with coordinates, and with harmonics:32."""
    return [f"{name}+{position}" for position in ("coordinates", "harmonics:32") for name in sets]


BASE = (*POSITION, *MAPS)
LEFT = [embedding(name) for name in ("spatialnce-left", "spatialnce-0", "simclr-0", "untrained-0")]


class Decoding(NamedTuple):
    """What is decoded from what, how."""

    targets: tuple[str, ...]
    sets: Sequence[str]
    scheme: str = "blocks"
    seed: int = 0  # of superblocks and folds


OF_SEEDS = [name for seed in SEEDS for name in of_seed(seed)]
DECODINGS = {
    "base": Decoding(TARGETS, BASE),
    **{f"seed-{seed}": Decoding(TARGETS, of_seed(seed)) for seed in SEEDS},
    "bins": Decoding(TARGETS, [embedding(f"{model}-bins") for model in MODELS]),
    "left": Decoding(TARGETS, [*LEFT, *BASE[1:]], "left-to-right"),
    "slabs": Decoding(TARGETS, [*of_seed(0), *BASE], "slabs"),
    **{
        f"folds-{seed}": Decoding(TARGETS, [*OF_SEEDS, *BASE[:2], BASE[3]], seed=seed)
        for seed in range(1, 5)
    },
    "joined-base": Decoding(TARGETS, joined(MAPS)),
    "joined-seed-0": Decoding(TARGETS, joined(of_seed(0))),
    "difumo64": Decoding(("difumo64",), [*of_seed(0), *BASE]),
    "difumo64-joined": Decoding(("difumo64",), joined([*of_seed(0), *MAPS])),
}
AXES = {
    "axes": [*of_seed(0), *MAPS],
    "axes-bins": [embedding(f"{model}-bins") for model in MODELS],
}
JOINED = ("joined-seed-0", "joined-base")
QUESTIONS = {
    "published folds": ("seed-0", "base"),
    "(a) even slabs": ("bins", "base"),
    "(b) folds of slabs": ("slabs",),
    "(c) unseen folds": ("unseen",),
    "(d) left to right": ("left",),
}
PARTS = {
    "seeds": ["base", *(f"seed-{seed}" for seed in SEEDS)],
    "bins": ["bins", "axes-bins"],
    "axes": ["axes"],
    "left": ["left"],
    "slabs": ["slabs"],
    "unseen": ["unseen"],
    "refolded": [name for name in DECODINGS if name.startswith("folds-")],
    "joined": ["joined-base", "joined-seed-0"],
    "difumo64": ["difumo64", "difumo64-joined"],
}
