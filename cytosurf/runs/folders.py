"""Where runs go: the folder of a caller or a scratch one, and one folder for each target."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cytosurf.errors import InputError
from cytosurf.runs.config import FILE_NAME
from cytosurf.runs.names import folder_name


def check_not_above_runs(folder: Path) -> None:
    """Raise `InputError` for a folder that is no run and holds runs, naming them."""
    inside = sorted(path.parent for path in folder.glob(f"*/{FILE_NAME}"))
    if inside and not (folder / FILE_NAME).exists():
        raise InputError(
            str(folder),
            f"a folder with {len(inside)} run directories in it",
            "run directories",
            f"Name those inside: cytosurf report {shlex.join(map(str, inside))}",
        )


@contextmanager
def folder_or_scratch(out: str | Path | None) -> Iterator[Path]:
    """Give the folder of the caller, or one that is gone afterwards."""
    if out is not None:
        yield Path(out)
        return
    with tempfile.TemporaryDirectory(prefix="cytosurf-") as scratch:
        yield Path(scratch)


def run_directories(root: Path, names: list[str]) -> list[Path]:
    """Return the folder of each target: `root` itself for one, folders in it for several."""
    if len(names) == 1:
        return [root]
    if (root / FILE_NAME).exists():
        raise InputError(
            f"--out {root}",
            "the run of a single target",
            "a folder for the runs of several targets",
            "Choose another --out.",
        )
    folders = [folder_name(name) for name in names]
    for name, folder in zip(names, folders, strict=True):
        if folders.count(folder) > 1:
            found = f"{name!r} and another one, both with a folder {folder!r}"
            raise InputError("target", found, "targets with different file names")
    return [root / folder for folder in folders]
