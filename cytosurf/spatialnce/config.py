"""The configuration of a training: YAML at the border, checked models inside.

Unknown keys are errors, and every value has a range. ``--set loss.sigma_mm=5`` changes one value.
Defaults marked as assumptions are read out of the published description of CytoNet, which does not
state them (batch, patch and pixel, bandwidth, projection, learning rate).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from cytosurf.errors import InputError

NOT_PART_OF_IDENTITY = {"checkpoint", "loader", "log_every", "tensorboard"}
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


def _known_space(name: str) -> str:
    """Return the name of a space of points as tables of embeddings have it, or raise."""
    from cytosurf.features.embedding_spaces import point_space

    return point_space(name)


PointSpace = Annotated[str, AfterValidator(_known_space)]


def _hemispheres(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return one hemisphere or both, the left first, or raise."""
    from cytosurf.histology.source import checked_hemispheres

    return checked_hemispheres(names)


Hemispheres = Annotated[tuple[str, ...], AfterValidator(_hemispheres)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BigBrainConfig(_Model):
    """Staining profiles of BigBrain, unfolded; see `cytosurf.histology.profiles`."""

    kind: Literal["bigbrain"]
    side: Count = 7
    spacing_mm: Positive = 1.0
    space: Literal["bigbrainsym", "bigbrain"] = "bigbrainsym"
    hemispheres: Hemispheres = ("L", "R")
    normalise_bin_mm: Positive | None = None


class ArraysConfig(_Model):
    """An npz with ``patches``, ``coordinates_mm`` and, if wanted, ``ids``, ``label``, ``brain``."""

    kind: Literal["arrays"]
    path: Path
    space: PointSpace


class SectionConfig(_Model):
    """Sections as TIFF or zarr, and a table of points; see `cytosurf.histology.sections`.

    Patches of 2,048 pixels of 2 µm are assumptions on the published training.
    """

    kind: Literal["sections"]
    points: Path
    pixel_um: Positive = 2.0
    space: PointSpace
    patch_px: Count = 2048


class XrayConfig(_Model):
    """The X-ray slice of the mouse thalamocortical data; see `cytosurf.histology.xray`.

    Without a path it is the slice of the data source ``xray-thc``.
    """

    kind: Literal["xray"]
    path: Path | None = None
    tile_px: Count = 128
    stride_px: Count = 32


SourceConfig = Annotated[
    BigBrainConfig | ArraysConfig | SectionConfig | XrayConfig, Field(discriminator="kind")
]


class SubsetConfig(_Model):
    """Patches that training may not see; embedding sees all.

    Attributes
    ----------
    exclude : Path or None
        npz file with ``ids``: patches with one of them are left out.
    buffer_mm : float
        So are patches at this distance of an excluded one, or less.
    hemispheres : tuple of str
        Patches of other hemispheres are left out. BigBrain vertices know theirs; of other patches
        those with x below 0 are left.
    """

    exclude: Path | None = None
    buffer_mm: NotNegative = 0.0
    hemispheres: Hemispheres = ("L", "R")


class BatchConfig(_Model):
    """Batches; 2,048 patches over all processes are an assumption on the published training.

    Attributes
    ----------
    size : int
        Patches over all processes.
    group_size, radius_mm
        Neighbours within a batch; see `cytosurf.spatialnce.sampler`.
    chunk : int or None
        Patches that a process embeds at a time, in two passes, where the activations of its share
        do not fit; see `cytosurf.spatialnce.gradcache` on batch normalisation.
    """

    size: Annotated[int, Field(ge=2)] = 2048
    chunk: Count | None = None
    group_size: Count = 1
    radius_mm: Positive = 5.0


class AugmentConfig(_Model):
    """Ranges of augmentation; see `cytosurf.spatialnce.augment.Augmentation`.

    A patch gets at most one of blur and sharpening, so both probabilities add up to at most 1.
    """

    rotate_degrees: NotNegative = 180.0
    shift_share: Share = 0.1
    mirror: Share = 0.5
    gamma: Annotated[float, Field(ge=0, lt=0.7)] = 0.1
    blur: Share = 0.25
    blur_sd_px: NotNegative = 0.7
    sharpen: Share = 0.25
    sharpen_amount: NotNegative = 1.0

    @model_validator(mode="after")
    def _at_most_one(self) -> AugmentConfig:
        if self.blur + self.sharpen > 1:
            found = f"blur {self.blur:g} and sharpen {self.sharpen:g}"
            raise InputError("augment", found, "probabilities that add up to 1 or less")
        return self


class EncoderConfig(_Model):
    """Encoder by name, its options, and the projection that the loss sees.

    128 units and hidden units as many as features are assumptions on the published training.
    """

    name: str = "small"
    options: dict[str, Any] = {}
    projection_hidden: Count | None = None
    projection: Count = 128
    projection_norm: Literal["batch", "group"] = "batch"


class LossConfig(_Model):
    """Loss; a bandwidth of 10 mm is an assumption on the published training.

    The temperature and the tile are options of every kind, the others of SpatialNCE alone.

    Attributes
    ----------
    kind : {"spatialnce", "simclr", "supcon"}
        Supervised contrastive training needs patches with a ``label``.
    sigma_mm, temperature, normalise_weights, min_mass, tile
        See `cytosurf.spatialnce.spatial_nce`. A tile is stated here, so that a training has the
        same one wherever it goes on; 2,048 suits large batches on a GPU.
    within_brain : bool
        Whether only patches of one ``brain`` are positives of each other.
    surface : Path or None
        Distances along the surface in place of straight lines: a file of
        `cytosurf.spatialnce.write_surface_table`.
    """

    kind: Literal["spatialnce", "simclr", "supcon"] = "spatialnce"
    sigma_mm: Positive = 10.0
    temperature: Positive = 0.07
    normalise_weights: bool = True
    within_brain: bool = False
    surface: Path | None = None
    min_mass: Positive = 0.01
    tile: Count = 256

    @property
    def group(self) -> str | None:
        """What patches are told apart by; see `cytosurf.histology.PatchSource`."""
        if self.kind == "supcon":
            return "label"
        return "brain" if self.kind == "spatialnce" and self.within_brain else None


class OptimiserConfig(_Model):
    """Optimiser and peak learning rate; see `cytosurf.spatialnce.optim`."""

    name: Literal["lars", "sgd", "adamw"] = "lars"
    lr: NotNegative = 0.5
    momentum: Share = 0.9
    weight_decay: NotNegative = 1e-4
    trust_coefficient: Positive = 0.02
    trust: Literal["sum_norms", "norm_sum"] = "sum_norms"
    lr_in_momentum: bool = False


class ScheduleConfig(_Model):
    """Learning rate over steps; see `cytosurf.spatialnce.schedules`."""

    name: Literal["constant", "linear", "cosine"] = "constant"
    final: NotNegative = 0.0
    warmup_steps: Annotated[int, Field(ge=0)] = 0


class CheckpointConfig(_Model):
    """When checkpoints are written and which are kept."""

    every: Count = 500
    keep_last: Count = 2
    keep_every: Count | None = None


class LoaderConfig(_Model):
    """Processes that read and augment patches, and batches that each has ready."""

    workers: Annotated[int, Field(ge=0)] = 0
    prefetch: Count = 2


class TrainConfig(_Model):
    """A whole training.

    Attributes
    ----------
    steps : int
        Updates in all; with 0 the encoder is written as it is made: the untrained control.
    seed : int
        Seed of weights, order and augmentation.
    precision : {"float32", "bfloat16"}
        Of the encoder (autocast); the loss is always float32.
    log_every : int
        Updates per line of ``metrics.jsonl``.
    tensorboard : bool
        Whether to write the same for TensorBoard, which must be installed.
    max_skipped : int
        Updates in a row with a loss or gradient that is not finite, after which training stops.
    clip_norm : float or None
        Largest norm of the gradient of all parameters.
    """

    source: SourceConfig
    steps: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    subset: SubsetConfig = SubsetConfig()
    batch: BatchConfig = BatchConfig()
    augment: AugmentConfig = AugmentConfig()
    encoder: EncoderConfig = EncoderConfig()
    loss: LossConfig = LossConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    loader: LoaderConfig = LoaderConfig()
    precision: Literal["float32", "bfloat16"] = "float32"
    log_every: Count = 10
    tensorboard: bool = False
    max_skipped: Count = 5
    clip_norm: Positive | None = None

    def identity(self) -> dict[str, Any]:
        """Return what must be equal for a training to be continued, without nesting."""
        options = self.model_dump(mode="json", exclude=NOT_PART_OF_IDENTITY)
        return dict(_flat(options))


def _flat(options: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
