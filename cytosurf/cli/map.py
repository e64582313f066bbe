"""``cytosurf map``: carry maps, labels and volumes to BigBrain, fs_LR and fsaverage5."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cytosurf.cli.naming import naming_options, parsed_space

# What errors about volumes name, where the option is called otherwise.
_OPTION_OF = {
    "method": "interpolation",
    "n_samples": "samples",
    "hemispheres": "hemisphere",
    "space of the volume": "from",
    "space to map a volume to": "to",
}


def map_command(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="IN...",
            help="One file, or a left and a right one, or several such: GIFTI, CIFTI or "
            "FreeSurfer. .label.gii, .dlabel.nii and .annot are labels. Or volumes: NIfTI.",
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="SPACE", help="bigbrain-164k, fsLR-164k, fsLR-32k or fsaverage-10k."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="File to write (.func.gii, .shape.gii, .label.gii, .dscalar.nii, .dlabel.nii), "
            "or the beginning of its name; for several maps, a folder.",
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SPACE",
            help="Needed where the files do not say it. Of volumes: MNI152NLin6Asym, "
            "MNI152NLin2009cAsym, MNI152NLin2009bSym or bigbrain.",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            help="barycentric (default), adaptive (with vertex areas; best to a coarser mesh) or "
            "nearest.",
        ),
    ] = None,
    areas: Annotated[
        str | None,
        typer.Option("--areas", help="Of adaptive: midsurface (default) or sphere."),
    ] = None,
    mask: Annotated[
        list[Path] | None,
        typer.Option(
            "--mask",
            metavar="FILE",
            help="A map above 0 at the vertices that count, on the mesh of IN; once, or for "
            "left and right.",
        ),
    ] = None,
    unmasked: Annotated[
        bool,
        typer.Option("--unmasked", help="Let zeros of the medial wall take part in the mean."),
    ] = False,
    interpolation: Annotated[
        str | None,
        typer.Option("--interpolation", help="Volumes: linear (default) or nearest."),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option("--samples", metavar="N", help="Volumes: samples from white to pial; 5."),
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels", help="Volumes: the values are labels; most samples win.")
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Volumes: label of the largest value above this."),
    ] = None,
    hemisphere: Annotated[
        str | None,
        typer.Option("--hemisphere", metavar="L|R", help="Volumes: one hemisphere alone."),
    ] = None,
    warp: Annotated[
        Path | None,
        typer.Option(
            "--warp",
            metavar="FILE",
            help="Volumes: displacement field (NIfTI) that resamples them into the space of the "
            "surfaces.",
        ),
    ] = None,
    warp_convention: Annotated[
        str | None,
        typer.Option(
            "--warp-convention",
            help="itk (ANTs) or fsl (FNIRT), where the header of the field does not say it.",
        ),
    ] = None,
    by_neuromaps: Annotated[
        bool,
        typer.Option(
            "--by-neuromaps",
            help="Another route: registration fusion of volumes, or the transforms of neuromaps.",
        ),
    ] = False,
) -> None:
    """Carry a map or labels to another space; a JSON file beside each result says how.

    Several maps at once go into a folder, called as before but for the entities of the new space.
    CIFTI files of fsLR-32k hold the standard 59,412 cortical greyordinates of HCP files, less
    those where a map has no value.

    Example: cytosurf map G1_hemi-L.func.gii G1_hemi-R.func.gii --from bigbrain --to fsLR-32k
    --out G1_fsLR.func.gii

    Example: cytosurf map pet.nii.gz --from MNI152NLin2009cAsym --to fsLR-32k --out pet
    """
    from cytosurf.connectors import map_by_neuromaps
    from cytosurf.surfaces.mapping import map_files
    from cytosurf.surfaces.volume_files import map_inputs_as_volumes, refuse_for_volumes

    of_surfaces: dict[str, Any] = {"method": method, "areas": areas, "mask": mask}
    of_volumes: dict[str, Any] = {
        "method": interpolation,
        "n_samples": samples,
        "labels": labels,
        "threshold": threshold,
        "hemispheres": hemisphere,
        "warp": warp,
        "warp_convention": warp_convention,
    }
    target = parsed_space(to, "to")
    written: list[Path] | None
    if by_neuromaps:
        own = {_OPTION_OF.get(name, name): value for name, value in of_volumes.items()}
        own |= {**of_surfaces, "unmasked": unmasked}
        written = map_by_neuromaps(inputs, target, out, source=source, own=own)
    else:
        refuse_for_volumes(inputs, **of_surfaces, unmasked=unmasked)
        with naming_options({*of_volumes, *_OPTION_OF}, _OPTION_OF):
            written = map_inputs_as_volumes(inputs, target, out, source=source, **of_volumes)
    if written is None:
        given = {name: value for name, value in of_surfaces.items() if value}
        came_from = parsed_space(source, "from") if source else None
        with naming_options(of_surfaces):
            written = map_files(inputs, target, out, source=came_from, masked=not unmasked, **given)
    for path in written:
        typer.echo(path)
