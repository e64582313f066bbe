"""Which features tell the regions of the X-ray slice apart: encoders and baselines, one protocol.

Everything that learns, learns anew in each fold, from the training tiles of that fold alone:
encoders never see a pixel or a place of a test tile, nor of the gap around it.

::

    OUT/
        probe.json              what is compared, checked when a command goes on
        fold-0.npz ...          ids of the tiles that fold 0 may not see
        MODEL/fold-0/           a training, as `cytosurf train` makes it
        MODEL/fold-0.npz        features, or predictions, of all tiles
        results.json            scores, counts, tiles
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.compute.files import check_writable, file_sha256, write_npz, write_text
from cytosurf.decoding.folds import Folds
from cytosurf.decoding.scores import mean_sd
from cytosurf.errors import CytosurfError, InputError, unknown_name
from cytosurf.histology.source import Selection
from cytosurf.histology.xray import PIXEL_UM, REGIONS, XraySource
from cytosurf.probes.folds import strip_folds
from cytosurf.probes.linear import ProbeResult, check_classes, linear_probe, score
from cytosurf.probes.pixels import pixel_components
from cytosurf.probes.supervised import classify, fit_classifier
from cytosurf.spatialnce.config import TrainConfig, XrayConfig
from cytosurf.spatialnce.config_files import make_config
from cytosurf.spatialnce.embed import embedded
from cytosurf.spatialnce.loop import train
from cytosurf.spatialnce.model import load_model
from cytosurf.spatialnce.sources import open_source, xray_file

TRAINED: dict[str, dict[str, Any]] = {
    "spatialnce": {"loss": {"kind": "spatialnce"}},
    "simclr": {"loss": {"kind": "simclr"}},
    "untrained": {"steps": 0},
}
MODELS = (*TRAINED, "supervised", "pca", "coordinates")


@dataclass(frozen=True)
class Protocol:
    """Tiles, labels and folds of a comparison.

    Parameters
    ----------
    classes : tuple of str
        Regions that are trained on and scored; others are counted.
    min_share : float
        A tile has the label of the region that covers more than this share of its pixels.
    strip_tiles, gap_tiles : int
        Width of a strip of a fold, and of the gap between training and test tiles, in tiles.
    n_folds : int
        Number of folds.
    components : int
        Principal components of the pixels.
    C : float
        Inverse strength of the penalty of the linear probe.
    """

    classes: tuple[str, ...] = ("CTX", "STR", "VP", "ZI")
    min_share: float = 0.5
    strip_tiles: int = 2
    gap_tiles: int = 1
    n_folds: int = 5
    components: int = 32
    C: float = 1.0


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a comparison came to.

    Attributes
    ----------
    results : dict of str to ProbeResult
        By model, in the order asked for.
    record : dict
        What ``results.json`` says.
    """

    results: dict[str, ProbeResult]
    record: dict[str, Any]


def compare_models(
    config: TrainConfig | dict[str, Any],
    out: str | os.PathLike[str],
    *,
    models: Sequence[str] = MODELS,
    protocol: Protocol | None = None,
    on_fold: Callable[[str, int], None] | None = None,
) -> Comparison:
    """Train, probe and score models on the X-ray slice, fold by fold.

    Parameters
    ----------
    config : TrainConfig or dict
        Training on a source of kind ``xray``, the same for all that is trained; its `loss.kind` is
        set by the model.
    out : path-like
        Directory, new or begun with the same configuration and protocol: what is there already
        is not done again.
    models : sequence of str, optional
        Of ``spatialnce``, ``simclr``, ``untrained`` (the encoder before its first update),
        ``supervised`` (trained end to end on the labels), ``pca`` (of the pixels) and
        ``coordinates`` (x and y: what position alone says).
    protocol : Protocol, optional
        Labels and folds.
    on_fold : callable, optional
        Called with model and fold when features or predictions of a fold are there.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If the source is another one, a model or class is unknown, a class cannot be learnt in a
        fold, or `out` holds something else.
    CytosurfError
        If a training was stopped by a signal.

    Examples
    --------
    >>> options = {"source": {"kind": "xray", "path": "slice.npz"}, "steps": 200}
    >>> compare_models(options, "probe").results["pca"].macro_f1  # doctest: +SKIP
    """
    checked = make_config(config) if isinstance(config, dict) else config
    task = _task(checked, Path(out), protocol or Protocol())
    for model in models:
        if model not in MODELS:
            raise unknown_name("models", model, MODELS)
    _claim(task)
    results = {model: _result(task, model, on_fold) for model in models}
    record = _record(task, results)
    write_text(task.out / "results.json", json.dumps(record, indent=2) + "\n")
    return Comparison(results, record)


@dataclass(frozen=True, eq=False)
class _Task:
    """What all models share."""

    config: TrainConfig
    out: Path
    protocol: Protocol
    source: XraySource
    labels: npt.NDArray[np.int64]
    classes: tuple[int, ...]
    folds: Folds


def _task(config: TrainConfig, out: Path, protocol: Protocol) -> _Task:
    if not isinstance(config.source, XrayConfig):
        raise InputError("source.kind", config.source.kind, "xray, which has labelled regions")
    for name in protocol.classes:
        if name not in REGIONS[1:]:
            raise unknown_name("classes", name, REGIONS[1:])
    source = open_source(config.source)
    assert isinstance(source, XraySource)
    tile_mm = config.source.tile_px * PIXEL_UM / 1000
    folds = strip_folds(
        source.coordinates_mm,
        width_mm=protocol.strip_tiles * tile_mm,
        gap_mm=(1 + protocol.gap_tiles) * tile_mm,
        n_folds=protocol.n_folds,
    )
    labels = source.regions(protocol.min_share)
    classes = tuple(REGIONS.index(name) for name in protocol.classes)
    check_classes(labels, folds, classes)
    if not 0 < protocol.C < np.inf:
        raise InputError("C", str(protocol.C), "a number above 0")
    fewest = min(int(folds.train(k).sum()) for k in range(folds.n_folds))
    if not 1 <= protocol.components < fewest:
        found = f"{protocol.components} of {fewest} training tiles"
        raise InputError("components", found, f"1 to {fewest - 1}")
    return _Task(config, out, protocol, source, labels, classes, folds)


def _claim(task: _Task) -> None:
    """Write what is compared into a new directory, or check that it is the same."""
    config = {k: v for k, v in task.config.identity().items() if k != "loss.kind"}
    config["source.path"] = file_sha256(xray_file(task.config.source))  # type: ignore[arg-type]
    asked = json.loads(json.dumps({"config": config, "protocol": asdict(task.protocol)}))
    check_writable(task.out)
    path = task.out / "probe.json"
    if not path.exists():
        if any(task.out.glob("*")):
            raise InputError("--out", f"{task.out}, not empty", "a new or empty folder")
        write_text(path, json.dumps(asked, indent=2) + "\n")
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        parts = [(before[part], asked[part]) for part in asked]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            str(path), "a damaged file", "what is compared", "Use another --out."
        ) from None
    for old, new in parts:
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                raise InputError(
                    f"--out {task.out}",
                    f"a comparison with {name} = {old.get(name)}",
                    f"one with {name} = {new.get(name)}",
                    "Choose another --out.",
                )


def _result(task: _Task, model: str, on_fold: Callable[[str, int], None] | None) -> ProbeResult:
    """Return the scores of a model over all folds."""
    values = []
    for k in range(task.folds.n_folds):
        values.append(_of_fold(task, model, k))
        if on_fold is not None:
            on_fold(model, k)
    if model == "supervised":
        prediction = np.full(len(task.labels), -1, np.int64)
        for k, predicted in enumerate(values):
            prediction[task.folds.test(k)] = predicted[task.folds.test(k)]
        return score(prediction, task.labels, task.folds, task.classes)
    return linear_probe(np.stack(values), task.labels, task.folds, task.classes, C=task.protocol.C)


def _of_fold(task: _Task, model: str, k: int) -> npt.NDArray[Any]:
    """Return features, or predictions, of all tiles by what fold `k` trains on; kept in a file."""
    path = task.out / model / f"fold-{k}.npz"
    stored = _stored(path)
    if stored is not None:
        return stored
    path.parent.mkdir(exist_ok=True)
    if model == "coordinates":
        values: npt.NDArray[Any] = task.source.coordinates_mm[:, :2]
    elif model == "pca":
        every = task.source.read(np.arange(len(task.source.ids)))
        values = pixel_components(every, task.folds.train(k), task.protocol.components)
    elif model == "supervised":
        values = _supervised(task, k)
    else:
        values = _contrastive(task, model, k)
    write_npz(path, values=values)
    return values


def _stored(path: Path) -> npt.NDArray[Any] | None:
    """Return what is kept in a file; None where it is not there or damaged, and made again."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            values: npt.NDArray[Any] = arrays["values"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    return values


def _contrastive(task: _Task, model: str, k: int) -> npt.NDArray[np.float32]:
    unseen = task.out / f"fold-{k}.npz"
    if not unseen.exists():
        write_npz(unseen, ids=task.source.ids[~task.folds.train(k)])
    options = task.config.model_dump(mode="json")
    for name, change in TRAINED[model].items():
        options[name] = {**options[name], **change} if isinstance(change, dict) else change
    options["subset"] = {**options["subset"], "exclude": str(unseen), "buffer_mm": 0.0}
    run = task.out / model / f"fold-{k}"
    if not train(make_config(options), run).finished:
        raise CytosurfError(f"{run}: stopped by a signal. The same command goes on.")
    trained, _, _ = load_model(run)
    chunks: Iterator[npt.ArrayLike] = (c.features for c in embedded(trained, task.source))
    return np.concatenate([np.asarray(chunk, np.float32) for chunk in chunks])


def _supervised(task: _Task, k: int) -> npt.NDArray[np.int64]:
    rows = np.flatnonzero(task.folds.train(k) & np.isin(task.labels, task.classes))
    place = np.zeros(len(REGIONS), np.int64)
    place[list(task.classes)] = np.arange(len(task.classes))
    part = Selection(task.source, rows)
    classifier = fit_classifier(task.config, part, place[task.labels[rows]], len(task.classes))
    return np.array(task.classes)[classify(classifier, task.source)]


def _record(task: _Task, results: dict[str, ProbeResult]) -> dict[str, Any]:
    """Return scores, and how many tiles they are of."""

    def tiles(rows: npt.NDArray[np.bool_]) -> dict[str, int]:
        count = np.bincount(task.labels[rows] + 1, minlength=len(REGIONS) + 1).tolist()
        return {"none": count[0] + count[1], **dict(zip(REGIONS[1:], count[2:], strict=True))}

    scores = {}
    for model, result in results.items():
        mean, sd = mean_sd(result.macro_f1)
        scores[model] = {
            "macro_f1": {"mean": float(mean), "sd": float(sd), "folds": result.macro_f1.tolist()},
            "pooled_macro_f1": result.pooled_macro_f1,
            "f1": dict(zip(task.protocol.classes, result.f1.tolist(), strict=True)),
            "counts": result.counts.tolist(),
        }
    return {
        "seed": task.config.seed,
        "protocol": {**asdict(task.protocol), "classes": list(task.protocol.classes)},
        "tiles": tiles(task.folds.mask),
        "folds": [
            {"train": tiles(task.folds.train(k)), "test": tiles(task.folds.test(k))}
            for k in range(task.folds.n_folds)
        ],
        "models": scores,
    }
