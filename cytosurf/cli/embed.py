"""``cytosurf embed``: the features of every patch, as a table of embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cytosurf.cli.extras import from_extra
from cytosurf.cli.naming import naming_options
from cytosurf.cli.options import Changes


def embed_command(
    model: Annotated[
        Path, typer.Argument(metavar="DIR", help="Directory of a training, or of weights.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="HDF5 file to write.")],
    changes: Changes = [],  # noqa: B006
    layer: Annotated[str, typer.Option(help="encoder or projection.")] = "encoder",
    batch_size: Annotated[int, typer.Option(help="Patches at a time.")] = 1024,
) -> None:
    """Embed all patches of the training's source, or of another one (--set source.NAME=VALUE).

    Example: cytosurf embed spatialnce --out spatialnce.h5
    """
    with from_extra("train"):
        from cytosurf.spatialnce.embed import embed_patches

    with naming_options(("layer", "batch_size")):
        table = embed_patches(model, out, changes=changes, layer=layer, batch_size=batch_size)
    typer.echo(f"{out}: {len(table):,} patches, {table.n_features} features, {table.space}")
