"""Options and inputs of a run as users give them: in a call in Python, or in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from cytosurf.errors import InputError, unknown_name
from cytosurf.runs.config import FoldConfig, RunConfig, make_config
from cytosurf.runs.inputs import Inputs, load_inputs
from cytosurf.runs.names import listed


def read_options(path: str | Path) -> dict[str, Any]:
    """Read keyword arguments of `decode` from a YAML file, such as a run's ``config.yaml``.

    Raises
    ------
    InputError
        If the file cannot be read, or names an option that `decode` does not have.
    """
    try:
        options = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        found = f"{error.problem}{where}"
        raise InputError(f"--config {path}", found, "a readable YAML file") from None
    except OSError as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)
        raise InputError(f"--config {path}", found, "a readable YAML file") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        first_line = str(error).splitlines()[0]
        raise InputError(f"--config {path}", first_line, "a readable YAML file") from None
    if not isinstance(options, dict) or not {"features", "target"} <= options.keys():
        raise InputError(f"--config {path}", "no features and target", "options of cytosurf decode")
    for name in ("features", "target"):
        values = options[name] if isinstance(options[name], list) else [options[name]]
        if not all(isinstance(value, str) for value in values):
            found = f"{name} = {options[name]}"
            raise InputError(f"--config {path}", found, "a name, or a list of names")
    if not isinstance(options.get("folds", {}), dict):
        raise InputError(f"--config {path}", f"folds = {options['folds']}", "a mapping of options")
    for name in options:
        if name not in RunConfig.model_fields:
            raise unknown_name(f"--config {path}", name, RunConfig.model_fields)
    if options.get("classifier") is not None:
        raise InputError(
            f"--config {path}",
            f"the classifier {options['classifier']}",
            "the softmax regression",
            "Other classifiers are for the Python API.",
        )
    return options


def config_of(features: Sequence[str], target: str, **options: Any) -> RunConfig:
    """Return the configuration of a call in Python, from arguments named like its fields.

    Parameters
    ----------
    features : sequence of str
        Names of the feature sets.
    target : str
        Name of the target.
    **options
        Other fields of `RunConfig` as callers give them: folds may be None or a dictionary,
        the mask a path, and a baseline or statistics one name, several separated by commas, or a
        sequence.

    Raises
    ------
    InputError
        Naming the first option that is unknown or out of range.

    Examples
    --------
    >>> config_of(["hist"], "yeo7", folds=None, baseline="coordinates,hist").baseline
    ('coordinates', 'hist')
    """
    given = {"features": list(features), "target": target, **options}
    for name in ("baseline", "statistics"):
        if given.get(name) is not None:
            given[name] = listed(given[name])
    if given.get("folds") is None:
        given["folds"] = FoldConfig()
    if given.get("mask") is not None:
        given["mask"] = str(given["mask"])
    return make_config(given)


def inputs_of(config: RunConfig, features: Sequence[Any] | None, target: Any) -> Inputs:
    """Load the inputs of one run from what a caller gave: names, paths, or maps in memory.

    Parameters
    ----------
    config : RunConfig
        From `config_of`.
    features : sequence, optional
        The feature sets of the caller, in their order; those that the configuration names if None.
    target : str, Path, Target or Parcellation
        What is decoded.
    """
    sets = None if features is None else listed(list(features))
    (inputs,) = load_inputs([config], sets, listed([target]))
    return inputs
