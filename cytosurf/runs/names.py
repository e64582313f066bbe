"""Names of inputs: what a caller gave, as lists, names to tell them apart by, and folders."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from cytosurf.errors import InputError


def listed(value: Any) -> list[Any]:
    """Return a list: names separated by commas are taken apart, a single object is wrapped.

    Examples
    --------
    >>> listed("hist, profiles"), listed(Path("maps/mine.gii"))
    (['hist', 'profiles'], ['maps/mine.gii'])
    """
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    values = list(value) if isinstance(value, list | tuple) else [value]
    return [str(v) if isinstance(v, os.PathLike) else v for v in values]


def name_of(given: Any, otherwise: str) -> str:
    """Return the name of an input: a text or path itself, what an object in memory is called.

    Examples
    --------
    >>> name_of("yeo7", "target"), name_of(object(), "target")
    ('yeo7', 'target')
    """
    if isinstance(given, str | os.PathLike):
        return str(given)
    return str(getattr(given, "name", otherwise))


def names_of(what: str, given: list[Any]) -> list[str]:
    """Return names to tell inputs apart by; those in memory without a name are numbered.

    Raises
    ------
    InputError
        If there are none, or one name stands for two.

    Examples
    --------
    >>> names_of("features", ["hist", object()])
    ['hist', 'features-2']
    """
    names = [name_of(value, f"{what}-{i + 1}") for i, value in enumerate(given)]
    if not names:
        raise InputError(what, "none", "at least one")
    for name in names:
        if names.count(name) > 1:
            raise InputError(what, f"{name!r} {names.count(name)} times", "different names")
    return names


def folder_name(name: str) -> str:
    """Return a target's name, or that of its file, as the name of a folder.

    Examples
    --------
    >>> folder_name("yeo7:bigbrain"), folder_name("/data/{hemi}_areas.label.gii")
    ('yeo7-bigbrain', 'areas')
    """
    stem = Path(name).name.split(".")[0].replace("{hemi}", "")
    return re.sub(r"[^\w-]+", "-", stem).strip("-_") or "target"
