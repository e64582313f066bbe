"""``cytosurf map``: carry maps and labels between BigBrain, fs_LR and fsaverage5."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def map_command(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="IN...",
            help="One file, or a left and a right one: GIFTI, CIFTI or FreeSurfer. "
            ".label.gii, .dlabel.nii and .annot are labels.",
        ),
    ],
    to: Annotated[str, typer.Option("--to", metavar="SPACE", help="Such as fsLR-32k.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="File to write (.func.gii, .shape.gii, .label.gii, .dscalar.nii, .dlabel.nii), "
            "or the beginning of its name.",
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="SPACE", help="Needed where the files do not say it."),
    ] = None,
    unmasked: Annotated[
        bool,
        typer.Option("--unmasked", help="Let zeros of the medial wall take part in the mean."),
    ] = False,
) -> None:
    """Carry a map or labels to another space; a JSON file beside each result says how.

    CIFTI files of fsLR-32k hold the standard 59,412 cortical greyordinates of HCP files, less
    those where a map has no value.

    Example: cytosurf map G1_hemi-L.func.gii G1_hemi-R.func.gii --from bigbrain --to fsLR-32k
    --out G1_fsLR.func.gii
    """
    from cytosurf.surfaces.mapping import map_file
    from cytosurf.surfaces.space import Space

    came_from = Space.parse(source) if source else None
    for path in map_file(inputs, Space.parse(to), out, source=came_from, masked=not unmasked):
        typer.echo(path)
