"""``cytosurf bench``: measure spins, refits and spin assignment on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cytosurf.cli.extras import from_extra
from cytosurf.cli.naming import naming_options
from cytosurf.cli.options import Changes

ARGUMENTS = ("features", "target", "baseline", "space", "spins", "peer_spins", "jobs", "seed")

app = typer.Typer(
    help="Measure speed and accuracy on this machine, beside the programs that people use now.",
    no_args_is_help=True,
)

_Features = Annotated[str, typer.Option(help="Feature sets, separated by commas.")]
_Target = Annotated[str, typer.Option(help="Parcellation to decode, or a label file.")]
_Space = Annotated[str, typer.Option(help="Space of the analysis.")]
_Seed = Annotated[int, typer.Option(help="Seed of folds and spins.")]
_Jobs = Annotated[int | None, typer.Option(help="Processes; all cores if left out.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")]


@app.command("spins")
def spins_command(
    features: _Features = "microstructure",
    target: _Target = "schaefer400-7networks",
    baseline: Annotated[
        str, typer.Option(help="Further feature sets that every spin refits.")
    ] = "coordinates",
    space: _Space = "fsLR-32k",
    spins: Annotated[int, typer.Option(help="Spins to time.")] = 20,
    peer_spins: Annotated[
        int, typer.Option(help="Spins of scikit-learn, which is slow; 0 for none.")
    ] = 4,
    jobs: _Jobs = None,
    seed: _Seed = 0,
    as_json: _Json = False,
) -> None:
    """CPU time per spin, against scikit-learn's LogisticRegression in the same processes.

    Also the time of 10,000 spins, scaling over one process, and memory. Start-up and compilation
    are reported apart.

    Example: cytosurf bench spins --features neighbourhood:pca32 --target yeo7
    """
    from cytosurf.bench import bench_spins, show

    with naming_options(ARGUMENTS):
        outcome = bench_spins(
            features,
            target,
            baseline=baseline,
            space=space,
            spins=spins,
            peer_spins=peer_spins,
            jobs=jobs,
            seed=seed,
        )
    show(outcome, as_json=as_json)


@app.command("scaling")
def scaling_command(
    features: _Features = "microstructure",
    target: _Target = "schaefer400-7networks",
    baseline: Annotated[
        str, typer.Option(help="Further feature sets that every spin refits.")
    ] = "coordinates",
    space: _Space = "fsLR-32k",
    spins: Annotated[int, typer.Option(help="Spins of a run, done twice.")] = 200,
    jobs: _Jobs = None,
    seed: _Seed = 0,
    as_json: _Json = False,
) -> None:
    """Speed of whole runs in all processes over one, and what they cost beyond the spins.

    Files are written and merged as a run does it; start-up is told apart.

    Example: cytosurf bench scaling --features neighbourhood:pca32 --target yeo7 --jobs 2
    """
    from cytosurf.bench import bench_scaling, show

    with naming_options(ARGUMENTS):
        outcome = bench_scaling(
            features, target, baseline=baseline, space=space, spins=spins, jobs=jobs, seed=seed
        )
    show(outcome, as_json=as_json)


@app.command("decoder")
def decoder_command(
    features: _Features = "microstructure,coordinates",
    target: _Target = "schaefer400-7networks",
    space: _Space = "fsLR-32k",
    spins: Annotated[int, typer.Option(help="Spun label vectors to decode.")] = 3,
    mean_tolerance: Annotated[
        float, typer.Option(help="Largest mean difference in macro-F1 of a fold.")
    ] = 5e-4,
    max_tolerance: Annotated[
        float | None,
        typer.Option(
            help="Largest difference in macro-F1 of a fold. [default: 5e-4 for up to 20 classes, "
            "3e-3 for more]",
            show_default=False,
        ),
    ] = None,
    equal_tolerance: Annotated[
        float, typer.Option(help="Smallest share of predictions that are equal.")
    ] = 0.999,
    gap_tolerance: Annotated[
        float,
        typer.Option(help="Largest gap of the two highest probabilities where they are not."),
    ] = 1e-3,
    jobs: _Jobs = None,
    seed: _Seed = 0,
    as_json: _Json = False,
) -> None:
    """Accuracy of the refits against scikit-learn's LogisticRegression, run to convergence.

    Exit code 1 if a tolerance is not kept.

    Example: cytosurf bench decoder --features neighbourhood:pca32,coordinates --target yeo7
    --spins 50
    """
    from cytosurf.bench import Tolerances, bench_decoder, show

    tolerances = Tolerances(mean_tolerance, max_tolerance, equal_tolerance, gap_tolerance)
    with naming_options(ARGUMENTS):
        outcome = bench_decoder(
            features,
            target,
            space=space,
            spins=spins,
            jobs=jobs,
            seed=seed,
            tolerances=tolerances,
        )
    show(outcome, as_json=as_json)


@app.command("assign")
def assign_command(
    space: _Space = "fsLR-32k",
    spins: Annotated[int, typer.Option(help="Spins of each measurement.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the rotations.")] = 0,
    as_json: _Json = False,
) -> None:
    """CPU time of spin assignment against SciPy, BrainSpace and neuromaps, with one thread.

    Exit code 1 if one of them gives another source vertex for the same rotation.
    """
    from cytosurf.bench import bench_assign, show

    with naming_options(ARGUMENTS):
        outcome = bench_assign(space, spins=spins, seed=seed)
    show(outcome, as_json=as_json)


@app.command("embedding")
def embedding_command(
    points: Annotated[int, typer.Option(help="Points of the table that is generated.")] = 1_000_000,
    features: Annotated[int, typer.Option(help="Features of a point.")] = 768,
    components: Annotated[int, typer.Option(help="Principal components.")] = 32,
    space: _Space = "fsLR-32k",
    seed: Annotated[int, typer.Option(help="Seed of the table.")] = 0,
    folder: Annotated[
        Path | None, typer.Option(help="Where the table is written meanwhile (3 GB).")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Time and memory from a table of embeddings to components on the cortex.

    Exit code 1 if a vertex did not take the nearest point.
    """
    from cytosurf.bench import bench_embedding, show

    with naming_options((*ARGUMENTS, "points", "components")):
        outcome = bench_embedding(
            points, features, components, space=space, seed=seed, folder=folder
        )
    show(outcome, as_json=as_json)


@app.command("train")
def train_command(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML configuration.")],
    changes: Changes = [],  # noqa: B006
    steps: Annotated[int, typer.Option(help="Steps to measure, after two that are not.")] = 10,
    as_json: _Json = False,
) -> None:
    """Patches per second of a training, and where the time of a step goes.

    Under torchrun all processes take part, and the first one speaks.

    Example: cytosurf bench train pipelines/spatialnce_bigbrain/config.yaml
    """
    import json

    from cytosurf.spatialnce.config_files import read_config

    with from_extra("train"):
        from cytosurf.spatialnce.throughput import bench_train

    with naming_options(("steps",)):
        outcome = bench_train(read_config(config, changes), steps=steps)
    if outcome.process == 0:
        typer.echo(json.dumps(outcome.to_dict(), indent=2) if as_json else outcome.table())


@app.command("loss")
def loss_command(
    samples: Annotated[int, typer.Option(help="Samples for times.")] = 4096,
    memory_samples: Annotated[int, typer.Option(help="Samples for our memory.")] = 32768,
    width: Annotated[int, typer.Option(help="Of the embeddings.")] = 128,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option(help="Seed of embeddings and positions.")] = 0,
    as_json: _Json = False,
) -> None:
    """Time and memory of the SpatialNCE loss beside its dense form.

    Example: cytosurf bench loss --samples 8192
    """
    import json

    from cytosurf.spatialnce.benchmark import bench_loss

    with naming_options(("samples", "memory_samples", "width", "device", "seed")):
        outcome = bench_loss(
            samples=samples, memory_samples=memory_samples, width=width, device=device, seed=seed
        )
    typer.echo(json.dumps(outcome.to_dict(), indent=2) if as_json else outcome.table())


@app.command("resample")
def resample_command(
    source: Annotated[str, typer.Option("--from", help="Space of the maps.")] = "bigbrain-164k",
    target: Annotated[str, typer.Option("--to", help="Space that one step joins.")] = "fsLR-164k",
    method: Annotated[str, typer.Option(help="barycentric or adaptive.")] = "barycentric",
    columns: Annotated[int, typer.Option(help="Maps in one file.")] = 200,
    files: Annotated[int, typer.Option(help="Files of one map.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the maps.")] = 0,
    as_json: _Json = False,
) -> None:
    """Time of carrying maps to another mesh beside wb_command, reading and writing included.

    Exit code 1 if it is not as fast as promised; measure on a machine without other work.

    Example: cytosurf bench resample --from fsLR-164k --to fsLR-32k --method adaptive
    """
    from cytosurf.bench import bench_resample, show

    with naming_options(("method", "columns", "files", "target"), {"target": "to"}):
        outcome = bench_resample(source, target, method, columns=columns, files=files, seed=seed)
    show(outcome, as_json=as_json)


@app.command("parity")
def parity_command(
    seed: Annotated[int, typer.Option(help="Seed of noise, labels and mask.")] = 0,
    as_json: _Json = False,
) -> None:
    """How much resampling differs from wb_command on the real spheres, and why.

    Exit code 1 if it is not as promised.

    Example: cytosurf bench parity --json
    """
    from cytosurf.bench import bench_parity, show

    show(bench_parity(seed=seed), as_json=as_json)
