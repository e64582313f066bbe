"""``cytosurf spin``: add spins to a run directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cytosurf.cli.options import JobsOfRun, RunDirectory
from cytosurf.cli.summary import print_summary

if TYPE_CHECKING:
    from cytosurf.spinning import Forecast


def spin_command(
    run_dir: RunDirectory,
    spins: Annotated[
        int | None,
        typer.Option(help="Spins in all, of each rotation policy (default: as the run was made)."),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(help="Part of the spins to do, e.g. 3/10. Then merge tests, not this."),
    ] = None,
    jobs: JobsOfRun = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Spin on a Dask cluster: its address (tcp://host:8786), or a YAML file of Slurm "
            "jobs."
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="cpu, cuda or torch-cpu: that of the run (default: it)."),
    ] = None,
    stop_after_exceedances: Annotated[
        int | None,
        typer.Option(
            help="End the spins when so many have reached the observed difference to the baselines "
            "(20 is usual; 0: never; default: as the run was made).",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Measure a few spins, and say what those that are left take."
        ),
    ] = False,
) -> None:
    """Add spins to a run, from any number of processes or nodes; test with all of them.

    Spins that are there are not done again: a stopped command goes on where it was.

    Example: cytosurf spin cytosurf-run-yeo7 --spins 10000
    """
    from cytosurf.spinning import forecast_spins, spin

    how: dict[str, Any] = {
        "shard": shard,
        "jobs": jobs,
        "scheduler": scheduler,
        "device": device,
        "stop_after_exceedances": stop_after_exceedances,
    }
    if dry_run:
        typer.echo(_what_it_takes(forecast_spins(run_dir, spins, **how), shard))
        return
    result = spin(run_dir, spins, **how)
    if result is None:
        typer.echo(f"Shard {shard} is done. When all are: cytosurf merge {run_dir}")
    else:
        print_summary(result)


def _what_it_takes(forecast: Forecast, shard: str | None) -> str:
    minutes, hours = forecast.total_s / 60, forecast.total_s / 3600
    took = f"{hours:.1f} hours" if hours >= 2 else f"{minutes:.1f} minutes"
    policies = "one rotation policy" if forecast.n_policies == 1 else "both rotation policies"
    n_all = forecast.n_spins * forecast.n_policies
    n_there = n_all - forecast.n_left
    early = forecast.exceedances and (
        f"less if {forecast.exceedances} exceedances end it earlier; "  # which nobody can forecast
    )
    return (
        f"{f'Shard {shard}: ' if shard else ''}{forecast.n_spins:,} spins of {policies}"
        f"{f', of which {n_there:,} of {n_all:,} are there,' if n_there else ''} on "
        f"{forecast.jobs} {'process' if forecast.jobs == 1 else 'processes'}: about {took} "
        f"({early or ''}{1e3 * forecast.spin_s:.0f} ms a spin and policy, "
        f"{forecast.start_s:.0f} s to start; "
        f"{forecast.spins_per_hour:,.0f} spins an hour). Memory: {forecast.process_mb:,.0f} MB a "
        f"process, below {forecast.total_mb:,.0f} MB in all."
    )
