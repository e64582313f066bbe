"""Options of a run from a file of the user."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cytosurf.errors import InputError, unknown_name
from cytosurf.runs.config import RunConfig


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
