"""``cytosurf data``: list, fetch, import and verify the data that cytosurf works on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Data sources: list, fetch, import, verify. Files lie in the folder named by "
    "CYTOSURF_DATA, or in the user cache; CYTOSURF_OFFLINE=1 forbids downloads.",
    no_args_is_help=True,
)

MOST_SHOWN = 20  # unknown files of an imported folder that are listed one by one


@app.command("list")
def list_sources(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show the files of this source.")
    ] = None,
) -> None:
    """List all data sources with their terms of use, or the files of one."""
    from cytosurf import data
    from cytosurf.data.manifest import load_source
    from cytosurf.data.notice import licence_notice

    if name is not None:
        source = load_source(name)
        typer.echo(f"{licence_notice(source)}\n")
        if not source.files:
            typer.echo(f"{source.description}\nNo files to fetch; see {source.homepage}")
            return
        _print_table(
            ("space", "density", "hemisphere", "size", "file"),
            (
                (f.space or "", f.density or "", f.hemisphere or "", _size(f.bytes), f.name)
                for f in source.files
            ),
        )
        return
    present = data.count_present()
    _print_table(
        ("source", "here", "size", "commercial", "title"),
        (
            (
                source.name,
                f"{present[source.name]}/{len(source.files)}" if source.files else source.access,
                _size(sum(file.bytes for file in source.files)),
                {True: "yes", False: "no", None: "unknown"}[source.commercial_use],
                source.title,
            )
            for source in data.sources().values()
        ),
    )


@app.command()
def fetch(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Sources, as listed by `data list`.")
    ],
) -> None:
    """Download the files of one or several sources that are not here yet."""
    from cytosurf import data

    for name in names:
        n_files = len(data.fetch(name))
        where = data.data_directory() if n_files else "the data directory are needed"
        typer.echo(f"{name}: {n_files} files in {where}")


@app.command("import")
def import_folder(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with data files, under any names.")
    ],
) -> None:
    """Take all known files from a folder, whatever their names; the folder is only read."""
    from cytosurf import data

    report = data.import_directory(folder)
    typer.echo(f"{report}; data directory {data.data_directory()}")
    for part in report.incomplete:
        typer.echo(f"incomplete: {part.source}/{part.name} ({part.n_found} of {part.n_needed})")
    for left in report.unknown[:MOST_SHOWN]:
        typer.echo(f"unknown: {left.path} ({left.reason})")
    if len(report.unknown) > MOST_SHOWN:
        typer.echo(f"unknown: and {len(report.unknown) - MOST_SHOWN} more")


@app.command()
def verify() -> None:
    """Compare every file in the data directory with its checksum; exit code 1 if one differs."""
    from cytosurf import data

    report = data.verify()
    _print_table(
        ("source", "ok", "damaged", "missing"),
        (
            (name, str(len(status.ok)), str(len(status.damaged)), str(len(status.missing)))
            for name, status in report.items()
        ),
    )
    damaged = [f"{name}/{file}" for name, status in report.items() for file in status.damaged]
    for file in damaged:
        typer.echo(f"damaged: {file} (fetch or import its source again)", err=True)
    raise typer.Exit(1 if damaged else 0)


def _size(n_bytes: int) -> str:
    from rich.filesize import decimal

    return decimal(n_bytes) if n_bytes else ""


def _print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Draw a table on a terminal; elsewhere write tab-separated lines that scripts can read."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        for row in (header, *rows):
            typer.echo("\t".join(row))
        return
    table = Table(box=SIMPLE_HEAD)
    for column in header:
        table.add_column(column, no_wrap=column != header[-1], overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)
