"""Reading a training's configuration: YAML, changes on the way, and errors that name the option."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from cytosurf.errors import InputError, unknown_name
from cytosurf.spatialnce.config import (
    ArraysConfig,
    BigBrainConfig,
    SectionConfig,
    SourceConfig,
    TrainConfig,
    XrayConfig,
)

KINDS: dict[str, Any] = {
    "bigbrain": BigBrainConfig,
    "arrays": ArraysConfig,
    "sections": SectionConfig,
    "xray": XrayConfig,
}


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
    # Pydantic puts the kind of the source into the place.
    place = [str(part) for part in first["loc"] if part not in KINDS]
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
        return unknown_name("source.kind", str(kind), KINDS)
    return InputError(where, repr(first["input"]), first["msg"].removeprefix("Input should be "))


def _fields(place: tuple[int | str, ...]) -> Iterable[str]:
    """Return the names that are known beside an unknown one."""
    model: Any = TrainConfig
    for part in place[:-1]:
        if part in KINDS:
            model = KINDS[str(part)]
        elif part != "source":
            model = TrainConfig.model_fields[str(part)].annotation
    known: dict[str, Any] = model.model_fields
    return known
