"""``cytosurf embeddings``: tables of features at points in the brain, and their maps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cytosurf.cli.naming import naming_options, parsed_space
from cytosurf.cli.options import listed

app = typer.Typer(
    help="Embeddings at points in the brain (CytoNet, say): import tables, map them to a surface. "
    "An imported table is also a feature set: cytosurf decode --features embedding:FILE:pca32",
    no_args_is_help=True,
)

ARGUMENTS = (
    *("space", "points", "features", "unit", "method", "k", "sigma_mm", "max_distance_mm"),
    *("midsurface", "mesh_space"),
)
SPACES = "bigbrain (histological), bigbrainsym (ICBM), colin27, or other:NAME."


@app.command("import")
def import_command(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="npz, HDF5, parquet, csv or tsv.")],
    out: Annotated[Path, typer.Option("--out", metavar="TABLE", help="Table to write, *.h5.")],
    space: Annotated[
        str | None,
        typer.Option(help=f"Space of the points, never guessed: {SPACES}", show_default=False),
    ] = None,
    points: Annotated[
        str | None,
        typer.Option(
            help="Array (n, 3), or x,y,z: three arrays or columns (default: points; x,y,z in "
            "tables).",
            show_default=False,
        ),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            help="Arrays or columns, separated by commas; * in names of columns (default: "
            "features; all other columns in tables).",
            show_default=False,
        ),
    ] = None,
    ids: Annotated[str | None, typer.Option(help="Array or column of ids.")] = None,
    unit: Annotated[str, typer.Option(help="Unit of the coordinates: mm, um, nm, cm or m.")] = "mm",
) -> None:
    """Import embeddings from the file of another program, some rows at a time.

    Example: cytosurf embeddings import patches.parquet --space bigbrain --points px,py,pz
    --features "emb_*" --ids patch --unit um --out patches.h5
    """
    from cytosurf.features.embedding_import import import_embeddings

    with naming_options(ARGUMENTS):
        table = import_embeddings(
            source,
            out,
            space=space,
            points=None if points is None else listed(points),
            features=None if features is None else listed(features),
            ids=ids,
            unit=unit,
        )
    typer.echo(f"{out}: {len(table):,} points in {table.space}, {table.n_features:,} features")


@app.command("map")
def map_command(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="As `import` wrote it.")],
    to: Annotated[str, typer.Option("--to", metavar="SPACE", help="Such as fsLR-32k.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="File to write (.func.gii, .shape.gii, .dscalar.nii), or the beginning of its "
            "name.",
        ),
    ],
    pca: Annotated[
        int | None, typer.Option(help="Write so many principal components in place of features.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="nearest (published), inverse-distance or gaussian.")
    ] = "nearest",
    k: Annotated[int | None, typer.Option(help="Points of a weighted mean; 8 if left out.")] = None,
    sigma_mm: Annotated[
        float | None, typer.Option(help="Width of the Gaussian; 1 if left out.")
    ] = None,
    max_distance_mm: Annotated[
        float, typer.Option(help="Points further away are not taken; inf for the published rule.")
    ] = 5.0,
    midsurface: Annotated[
        str | None,
        typer.Option(
            help="Your own midsurface in the space of the points, {hemi} for L and R in its name."
        ),
    ] = None,
    mesh_space: Annotated[
        str | None, typer.Option(help="Mesh of --midsurface; bigbrain-164k if left out.")
    ] = None,
    tolerance_mm: Annotated[
        float | None,
        typer.Option(help="90 % of the points must lie this near to the midsurface."),
    ] = None,
) -> None:
    """Carry embeddings to the cortex: features, distances of the nearest points, JSON beside them.

    Example: cytosurf embeddings map patches.h5 --to fsLR-32k --pca 32 --out patches.dscalar.nii
    """
    from cytosurf.features.embedding_set import map_embeddings

    options: dict[str, Any] = {"method": method, "k": k, "sigma_mm": sigma_mm}
    target = parsed_space(to, "to")
    mesh = parsed_space(mesh_space, "mesh_space") if mesh_space else None
    with naming_options(ARGUMENTS):
        files = map_embeddings(
            table,
            target,
            out,
            n_components=pca,
            max_distance_mm=max_distance_mm,
            midsurface=midsurface,
            mesh_space=mesh,
            tolerance_mm=tolerance_mm,
            **options,
        )
    for path in files:
        typer.echo(path)


@app.command("generate")
def generate_command(
    features: Annotated[
        str, typer.Argument(metavar="SET", help="A feature set of BigBrain, such as profiles.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="TABLE", help="Table to write, *.h5.")],
    space: Annotated[str, typer.Option(help="bigbrain or bigbrainsym.")] = "bigbrain",
    share: Annotated[float, typer.Option(help="Share of the vertices that become points.")] = 1.0,
    jitter_mm: Annotated[float, typer.Option(help="SD by which points are moved.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the choice and of the jitter.")] = 0,
) -> None:
    """Make a table from a feature set of BigBrain, at the vertices of the midsurface.

    Example: cytosurf embeddings generate profiles --out profiles.h5
    """
    from cytosurf.features.embedding_generated import generate_embeddings

    with naming_options(("space", "share", "jitter_mm")):
        table = generate_embeddings(
            features, out, space=space, share=share, jitter_mm=jitter_mm, seed=seed
        )
    typer.echo(f"{out}: {len(table):,} points in {table.space}, {table.n_features:,} features")
