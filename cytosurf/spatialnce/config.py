"""The configuration of a training: YAML at the border, checked models inside.

Unknown keys are errors, and every value has a range. ``--set loss.sigma_mm=5`` changes one value.
Defaults marked as assumptions are read out of the published description of CytoNet, which does not
state them (batch, bandwidth, learning rate).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from cytosurf.errors import InputError, unknown_name

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


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BigBrainConfig(_Model):
    """Staining profiles of BigBrain, unfolded; see `cytosurf.histology.profiles`."""

    kind: Literal["bigbrain"]
    side: Count = 7
    spacing_mm: Positive = 1.0
    space: Literal["bigbrainsym", "bigbrain"] = "bigbrainsym"
    hemispheres: tuple[Literal["L", "R"], ...] = ("L", "R")
    normalise_bin_mm: Positive | None = None


class ArraysConfig(_Model):
    """An npz file with ``patches``, ``coordinates_mm`` and, if wanted, ``ids``."""

    kind: Literal["arrays"]
    path: Path
    space: PointSpace


class SectionConfig(_Model):
    """Sections as TIFF or zarr, and a table of points; see `cytosurf.histology.sections`."""

    kind: Literal["sections"]
    points: Path
    pixel_um: Positive
    space: PointSpace
    patch_px: Count = 2048


class XrayConfig(_Model):
    """The X-ray slice of the mouse thalamocortical data; see `cytosurf.histology.xray`."""

    kind: Literal["xray"]
    path: Path
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
        Patches of other hemispheres are left out (x below 0 is left).
    """

    exclude: Path | None = None
    buffer_mm: NotNegative = 0.0
    hemispheres: tuple[Literal["L", "R"], ...] = ("L", "R")


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
    """Ranges of augmentation; see `cytosurf.spatialnce.augment.Augmentation`."""

    rotate_degrees: NotNegative = 180.0
    shift_share: Share = 0.1
    mirror: Share = 0.5
    gamma: Annotated[float, Field(ge=0, lt=0.7)] = 0.1
    blur: Share = 0.25
    blur_sd_px: NotNegative = 0.7
    sharpen: Share = 0.25
    sharpen_amount: NotNegative = 1.0


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
    """Loss; a bandwidth of 10 mm is an assumption on the published training."""

    kind: Literal["spatialnce", "simclr"] = "spatialnce"
    sigma_mm: Positive = 10.0
    temperature: Positive = 0.07


class OptimiserConfig(_Model):
    """Optimiser and peak learning rate; see `cytosurf.spatialnce.optim`."""

    name: Literal["lars", "sgd", "adamw"] = "lars"
    lr: NotNegative = 0.5
    momentum: Share = 0.9
    weight_decay: NotNegative = 1e-4
    trust_coefficient: Positive = 0.02
    trust: Literal["sum_norms", "norm_sum"] = "sum_norms"


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
    seed: Annotated[int, Field(ge=0)] = 0
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


def make_config(options: dict[str, Any]) -> TrainConfig:
    """Check the options of a training.

    Parameters
    ----------
    options : dict
        As in the YAML file.

    Raises
    ------
    InputError
        Naming the first option that is unknown, missing or out of range.

    Examples
    --------
    >>> make_config({"source": {"kind": "bigbrain"}, "steps": 3}).loss.sigma_mm
    10.0
    """
    try:
        return TrainConfig(**options)
    except ValidationError as error:
        raise _input_error(error, options) from None
    except TypeError:
        raise InputError("configuration", "keys that are no text", "names of options") from None


def read_config(path: Path, changes: Iterable[str] = ()) -> TrainConfig:
    """Read a YAML configuration and apply changes such as ``loss.sigma_mm=5``.

    Parameters
    ----------
    path : pathlib.Path
        YAML file. Relative paths in it are relative to the working directory.
    changes : iterable of str
        ``a.b=value`` each, the value in YAML.

    Raises
    ------
    InputError
        If the file is no YAML mapping, a change has no ``=`` or runs into a value, or an option
        is not valid.
    """
    try:
        options = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(str(path), f"no readable YAML ({reason})", "a configuration") from None
    if not isinstance(options, dict):
        raise InputError(str(path), type(options).__name__, "a mapping of options")
    for change in changes:
        _apply(options, change)
    return make_config(options)


def config_text(config: TrainConfig) -> str:
    """Return a configuration as YAML, every value resolved."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def changed_source(config: TrainConfig, changes: Iterable[str]) -> SourceConfig:
    """Return the source of a training with changes such as ``source.space=bigbrain``.

    Raises
    ------
    InputError
        If a change is of something else than the source, or not valid.
    """
    options = config.model_dump(mode="json")
    for change in changes:
        if not change.strip().startswith("source."):
            raise InputError("--set", repr(change), "source.NAME=VALUE")
        _apply(options, change)
    return make_config(options).source


def _apply(options: dict[str, Any], change: str) -> None:
    """Set one value in nested options."""
    where, equals, text = change.partition("=")
    *parents, name = where.strip().split(".")
    if not equals or not name or not all(parents):
        raise InputError("--set", repr(change), "a.b=value")
    place = options
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise InputError("--set", repr(change), f"a value of {parent}, which has no parts")
    try:
        place[name] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError("--set", repr(change), "a value in YAML") from None


def _input_error(error: ValidationError, options: dict[str, Any]) -> InputError:
    """Say the first complaint of pydantic in our own form."""
    first = error.errors()[0]
    kinds = {"bigbrain", "arrays", "sections", "xray"}  # pydantic puts the kind into the place
    place = [str(part) for part in first["loc"] if part not in kinds]
    where = ".".join(place)
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return InputError(where, cause.found, cause.expected, cause.way_out)
    if first["type"] == "extra_forbidden":
        return unknown_name(".".join(place[:-1]) or "options", place[-1], _fields(first["loc"]))
    if first["type"] in ("missing", "union_tag_not_found"):
        return InputError(where, "nothing", "a value")
    if first["type"] == "union_tag_invalid":
        kind = options["source"]["kind"]
        return unknown_name("source.kind", str(kind), kinds)
    return InputError(where, repr(first["input"]), first["msg"].removeprefix("Input should be "))


def _fields(place: tuple[int | str, ...]) -> Iterable[str]:
    """Return the names that are known beside an unknown one."""
    model: Any = TrainConfig
    kinds = {
        "bigbrain": BigBrainConfig,
        "arrays": ArraysConfig,
        "sections": SectionConfig,
        "xray": XrayConfig,
    }
    for part in place[:-1]:
        if part in kinds:
            model = kinds[str(part)]
        elif part != "source":
            model = TrainConfig.model_fields[str(part)].annotation
    known: dict[str, Any] = model.model_fields
    return known


def _flat(options: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
