"""The configuration of a run: what was asked for, resolved, readable, and enough to do it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cytosurf.compute.files import write_text
from cytosurf.decoding.torch_device import Device
from cytosurf.errors import InputError, unknown_name
from cytosurf.surfaces.parts import naming
from cytosurf.surfaces.space import Space, check_hemispheres

FILE_NAME = "config.yaml"
DEFAULT_STATISTIC = "macro_f1"
COORDINATES, MIRRORED_COORDINATES = "coordinates", "coordinates:mirrored"
# More spins, another number of processes, or more asked of the same spins: the same run.
NOT_PART_OF_IDENTITY = {
    *("spins", "rotation", "jobs"),
    *("stop_after_exceedances", "statistics", "approximate_tail"),
}


class FoldConfig(BaseModel):
    """How the cortex is divided into training and test vertices.

    Attributes
    ----------
    n_folds : int
        Folds of the cross-validation.
    n_blocks : int
        Superblocks per hemisphere.
    method : {"midthickness", "sphere"}
        Superblocks from the remeshed midthickness (our reading of the published protocol) or
        contiguous on the sphere.
    scheme : str
        Which superblocks share a fold; see `cytosurf.decoding.folds`.
    buffer_mm : float
        Training vertices closer than this to a test vertex are left out.
    repeats : int
        Decode with this many fold seeds; the first is the run, all are in `results.json`.
    block_sweep : tuple of int
        Further numbers of superblocks per hemisphere to report the scores of.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_folds: Annotated[int, Field(ge=2, le=127)] = 5
    n_blocks: Annotated[int, Field(ge=1)] = 100
    method: Literal["midthickness", "sphere"] = "midthickness"
    scheme: Literal["blocks", "homotopic", "slabs", "left-to-right", "right-to-left", "across"] = (
        "blocks"
    )
    buffer_mm: Annotated[float, Field(ge=0)] = 0.0
    repeats: Annotated[int, Field(ge=1)] = 1
    block_sweep: tuple[Annotated[int, Field(ge=1)], ...] = ()

    @property
    def between_hemispheres(self) -> bool:
        """Whether one hemisphere is trained on and the other tested."""
        return self.scheme in ("left-to-right", "right-to-left", "across")


class RunConfig(BaseModel):
    """One run: feature sets, one target, folds, decoder and spins.

    Attributes
    ----------
    features : tuple of str
        Names of feature sets.
    target : str
        Name of the parcellation to decode.
    baseline : tuple of str
        Feature sets that the others are compared with; see `make_config` for what is taken when
        none is named.
    space : str
        Space of the analysis, in whatever spelling; kept as ``"fsLR-32k"``.
    hemispheres : tuple of str
        ``("L", "R")`` or one of them.
    spins : int
        Number of spins.
    seed : int
        Seed of superblocks, folds, bootstrap and spins.
    jobs : int or None
        Processes; None for all cores.
    folds : FoldConfig
        Cross-validation.
    mask : str or None
        File whose non-zero vertices alone are analysed.
    min_class_vertices : int
        Classes with fewer analysed vertices are left out.
    C : float
        Inverse strength of the penalty.
    device : {"cpu", "cuda", "torch-cpu"}
        Where refits are done, see `cytosurf.decoding.torch_device.check_device`. Part of what a
        run is: last bits differ.
    classifier : str or None
        Another classifier than the softmax regression, as it prints itself (Python API only).
    matched_position : bool
        Whether position with about as many columns is decoded beside every feature set.
    rotation : {"both", "independent", "mirrored"}
        Rotation policies of the spins: how the two hemispheres turn.
    stop_after_exceedances : int or None
        Spins end early once the tests that the run is about have this many exceedances (Besag and
        Clifford's rule); None for all spins.
    statistics : tuple of str
        Statistics that are tested besides macro-F1; see `cytosurf.nulls.statistic_named`.
    approximate_tail : bool
        Whether tests with few exceedances get an approximate p from a generalised Pareto tail too.
    max_distortion : float or None
        Spins that change distances along the cortex by more than this share on average are left
        out of every test; None for no such filter.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: Annotated[tuple[str, ...], Field(min_length=1)]
    target: str
    baseline: tuple[str, ...] = (COORDINATES,)
    space: str = "fsLR-32k"
    hemispheres: tuple[str, ...] = ("L", "R")
    spins: Annotated[int, Field(ge=0)] = 0
    seed: Annotated[int, Field(ge=0)] = 0
    jobs: Annotated[int, Field(ge=1)] | None = None
    folds: FoldConfig = FoldConfig()
    mask: str | None = None
    min_class_vertices: Annotated[int, Field(ge=1)] = 1
    C: Annotated[float, Field(gt=0)] = 1.0
    device: Device = "cpu"
    classifier: str | None = None
    matched_position: bool = True
    rotation: Literal["both", "independent", "mirrored"] = "both"
    stop_after_exceedances: Annotated[int, Field(ge=1)] | None = None
    statistics: tuple[str, ...] = ()
    approximate_tail: bool = False
    max_distortion: Annotated[float, Field(gt=0)] | None = None

    @field_validator("statistics")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name in value if name != DEFAULT_STATISTIC))

    @field_validator("hemispheres")
    @classmethod
    def _known_hemispheres(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        check_hemispheres(value, "hemispheres")
        return value

    @field_validator("space")
    @classmethod
    def _one_spelling(cls, value: str) -> str:
        return str(Space.parse(value))

    def identity(self) -> dict[str, Any]:
        """Return what must be equal for a run directory to be continued, without nesting."""
        options = self.model_dump(mode="json", exclude=NOT_PART_OF_IDENTITY)
        folds = options.pop("folds")
        return options | {f"folds.{name}": value for name, value in folds.items()}


def make_config(options: dict[str, Any]) -> RunConfig:
    """Validate the options of a run.

    Parameters
    ----------
    options : dict
        Fields of `RunConfig`. A baseline of None is the published one, ``coordinates``, or
        ``coordinates:mirrored`` where one hemisphere is trained on and the other tested: a signed
        x learnt on the left says nothing about the right.

    Raises
    ------
    InputError
        Naming the first option that is unknown or out of range.

    Examples
    --------
    >>> make_config({"features": ["hist"], "target": "yeo7", "spins": 99}).folds.n_folds
    5
    """
    given = {k: v for k, v in options.items() if not (k == "baseline" and v is None)}
    try:
        config = RunConfig(**given)
    except ValidationError as error:
        raise _input_error(error) from None
    if "baseline" not in given and config.folds.between_hemispheres:
        return config.model_copy(update={"baseline": (MIRRORED_COORDINATES,)})
    return config


def _input_error(error: ValidationError) -> InputError:
    """Say the first complaint of pydantic in our own form."""
    first = error.errors()[0]
    *parents, name = (str(part) for part in first["loc"])
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return cause
    if first["type"] == "extra_forbidden":
        fields = FoldConfig.model_fields if parents else RunConfig.model_fields
        return unknown_name(".".join(parents) or "options", name, fields)
    where = ".".join((*parents, name))
    if first["type"] == "missing":
        return InputError(where, "nothing", "a value")
    if first["type"] == "too_short":
        return InputError(where, "none", f"at least {first['ctx']['min_length']}")
    return InputError(where, repr(first["input"]), first["msg"].removeprefix("Input should be "))


def write_config(directory: Path, config: RunConfig) -> None:
    """Write ``config.yaml`` of a run directory."""
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
    write_text(directory / FILE_NAME, text)


def read_config(directory: Path) -> RunConfig:
    """Read ``config.yaml`` of a run directory.

    Raises
    ------
    InputError
        If there is none, or it is not a configuration.
    """
    path = directory / FILE_NAME
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise InputError(
            str(path),
            "no readable configuration",
            "a run directory",
            "Make one with: cytosurf decode --out DIR",
        ) from None
    if not isinstance(content, dict):
        raise InputError(str(path), type(content).__name__, "a mapping of options")
    with naming(path):
        return make_config(content)
