"""The command line: one module per command, each of which calls one public function."""

from __future__ import annotations

import sys
import warnings

import typer

from cytosurf.cli.bench import app as bench_app
from cytosurf.cli.calibrate import calibrate_command
from cytosurf.cli.data import app as data_app
from cytosurf.cli.decode import decode_command
from cytosurf.cli.embed import embed_command
from cytosurf.cli.embeddings import app as embeddings_app
from cytosurf.cli.fold_vertices import fold_vertices_command
from cytosurf.cli.help_text import let_help_flow
from cytosurf.cli.increment import increment_command
from cytosurf.cli.map import map_command
from cytosurf.cli.merge import merge_command
from cytosurf.cli.probe import probe_command
from cytosurf.cli.report import report_command
from cytosurf.cli.spin import spin_command
from cytosurf.cli.train import train_command
from cytosurf.errors import FULL, CytosurfError, CytosurfWarning, InputError, WriteError

INTERRUPTED = 130  # typer's exit code for Ctrl-C

app = typer.Typer(
    name="cytosurf",
    help="Decode functional maps of the human cortex from its cellular architecture.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("decode")(decode_command)
app.command("spin")(spin_command)
app.command("merge")(merge_command)
app.command("increment")(increment_command)
app.command("calibrate")(calibrate_command)
app.command("report")(report_command)
app.command("fold-vertices")(fold_vertices_command)
app.command("map")(map_command)
app.command("train")(train_command)
app.command("embed")(embed_command)
app.command("probe")(probe_command)
app.add_typer(embeddings_app, name="embeddings")
app.add_typer(data_app, name="data")
app.add_typer(bench_app, name="bench")
let_help_flow(app)


def _print_version(asked: bool) -> None:
    if asked:
        from cytosurf import __version__

        typer.echo(f"cytosurf {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Show the version."
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line: 0 done, 1 the run failed, 2 wrong usage or bad input."""
    warnings.showwarning = _show_warning
    warnings.simplefilter("always", CytosurfWarning)
    try:
        app()
    except InputError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except CytosurfError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except OSError as error:  # of a library that writes files of its own
        if error.errno not in FULL:
            raise
        full = WriteError(error.errno, error.strerror, str(error.filename or "a file"))
        typer.echo(f"Error: {full}", err=True)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            typer.echo("Stopped. The same command goes on from what is finished.", err=True)
            sys.exit(1)
        raise


def _show_warning(
    message: Warning | str, category: type[Warning], *_: object, **__: object
) -> None:
    """Show our own warnings as one line; those of libraries are theirs to fix, not the user's."""
    if issubclass(category, CytosurfWarning):
        typer.echo(f"Warning: {message}", err=True)
