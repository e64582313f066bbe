"""Train, embed, decode and write the whole table; the same command goes on where it stopped.

    python pipelines/spatialnce_bigbrain/table.py FOLDER [PART ...]

Parts, in the order in which they are made if none is named:

seeds        three seeds of each model, Yeo 7 and Yeo 17, and what they are compared with
bins         (a) the three models on profiles normalised in coronal slabs of 1 mm
axes         (e) R2 of each axis of position from each feature set
left         (d) trained on the left hemisphere, decoder too, tested on the right
slabs        (b) folds of coronal slabs over both hemispheres
unseen       (c) a training for each fold, without its test vertices and 5.3 mm around them
refolded     the seeds again with four other draws of superblocks and folds
joined       every set with coordinates and with harmonics:32
difumo64     the sets of seed 0 against DiFuMo 64

``FOLDER/scores.json`` then holds every score by fold, ``FOLDER/table.md`` the tables. ``--show``
makes these from what is there and computes nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from plan import AXES, BASE, DECODINGS, FOLDS, MASK, PARTS, TARGETS, embedding, trainings
from tables import Scores, tables

from cytosurf.compute.files import write_npz, write_text
from cytosurf.decoding import decode_labels, linear_r2, make_decoder
from cytosurf.decoding.scores import macro_f1
from cytosurf.features import load_feature_sets, load_features
from cytosurf.runs import load_run, write_fold_vertices
from cytosurf.runs.inputs import Inputs, load_inputs
from cytosurf.runs.options import config_of
from cytosurf.spatialnce import embed_patches, train
from cytosurf.spatialnce.config_files import read_config
from cytosurf.surfaces.space import Space
from cytosurf.workflow import decode

HERE = Path(__file__).resolve().parent


def train_and_embed(sets: Sequence[str]) -> None:
    """Make the tables of embeddings that feature sets name, where they are not there."""
    changes = trainings()
    tables = [term.split(":")[1] for name in sets for term in name.split("+") if ".h5" in term]
    for table in dict.fromkeys(tables):
        name = table.removesuffix(".h5")
        if not Path(table).exists():
            say(f"training {name}")
            if not train(read_config(HERE / "config.yaml", changes[name]), name).finished:
                sys.exit("stopped: the same command goes on")
            embed_patches(name, table)


def decode_table(folder: str) -> None:
    """Decode the sets of one entry of `DECODINGS`, each target into a run directory."""
    targets, sets, scheme, seed = DECODINGS[folder]
    train_and_embed(sets)
    for target in targets:
        out = Path("decoding") / folder / target
        if not (out / "report.html").exists():
            say(f"decoding {out}")
            decode(list(sets), target, out=out, **options(sets, scheme, seed))


def options(sets: Sequence[str], scheme: str = "blocks", seed: int = 0) -> dict[str, Any]:
    """Return the options that all decodings share."""
    baseline = "coordinates:mirrored" if scheme == "left-to-right" else "coordinates"
    return {
        "baseline": [baseline] if baseline in sets else [sets[0]],
        "folds": {"scheme": scheme},
        "mask": MASK,
        "matched_position": False,
        "spins": 0,
        "jobs": 1,
        "seed": seed,
    }


def write_mask() -> None:
    """Write the vertices that are valid in every feature set."""
    if Path(MASK).exists():
        return
    sets = [*BASE, embedding("untrained-0")]
    train_and_embed(sets)
    valid = np.logical_and.reduce([s.map.valid for s in load_feature_sets(sets).values()])
    write_npz(MASK, values=valid[:, None].astype(np.float32), valid=valid)


def decode_unseen() -> None:
    """(c) Decode each fold with the features of the training that did not see it."""
    decode_table("base")
    if not Path("folds/fold-5.npz").exists():
        record = load_run(Path("decoding/base") / TARGETS[0])
        write_fold_vertices(record, Space.parse("bigbrain-164k"), Path("folds"))
    for k in FOLDS:
        name = f"spatialnce-unseen-{k}"
        if Path(f"decoding/{name}.json").exists():
            continue
        train_and_embed([embedding(name)])
        scores: Scores = {}
        for target in TARGETS:
            inputs = same_inputs([embedding(name)], target)
            (features,) = inputs.sets.values()
            decoder = make_decoder(features.map.values, inputs.folds.only(k - 1))
            counts = decode_labels(decoder, inputs.label, len(inputs.keys)).counts
            scores[target] = {"spatialnce-unseen": macro_f1(counts).tolist()}
        keep(name, scores)
        show()


def measure_axes(name: str) -> None:
    """(e) Predict each axis of position linearly from each set of an entry of `AXES`."""
    sets = AXES[name]
    train_and_embed(sets)
    inputs = same_inputs(sets, TARGETS[0])
    x, y, z = load_features("coordinates").map.values.T
    axes = {"x": x, "abs(x)": abs(x), "y": y, "z": z}
    values = np.column_stack(list(axes.values()))
    found = {n: linear_r2(s.map.values, values, inputs.folds) for n, s in inputs.sets.items()}
    keep(
        name,
        {axis: {n: r2[:, i].tolist() for n, r2 in found.items()} for i, axis in enumerate(axes)},
    )


def same_inputs(sets: Sequence[str], target: str) -> Inputs:
    """Load feature sets and labels on the vertices and folds of the decodings."""
    (inputs,) = load_inputs([config_of(sets, target, **options(sets))])
    return inputs


def keep(name: str, scores: Scores) -> None:
    """Write scores that no run directory holds."""
    write_text(Path("decoding") / f"{name}.json", json.dumps(scores))


def collect() -> dict[str, Scores]:
    """Return the scores of everything that is there."""
    found: dict[str, Scores] = {}
    for folder, (targets, sets, *_) in DECODINGS.items():
        runs = {t: Path("decoding") / folder / t / "results.json" for t in targets}
        for target in (t for t, path in runs.items() if path.exists()):
            entries = read(runs[target])["feature_sets"]
            folds = {name: entries[name]["macro_f1"]["folds"] for name in sets}
            found.setdefault(folder, {})[target] = folds
    for path in (Path("decoding") / f"{name}.json" for name in AXES):
        for axis, scores in (read(path) if path.exists() else {}).items():
            found.setdefault("axes", {}).setdefault(axis, {}).update(scores)
    paths = {k: Path(f"decoding/spatialnce-unseen-{k}.json") for k in FOLDS}
    unseen = {k: read(path) for k, path in paths.items() if path.exists()}
    if unseen:  # the folds that are there, of the other sets too
        found["unseen"] = {
            target: {
                "spatialnce-unseen": [s[target]["spatialnce-unseen"][0] for s in unseen.values()]
            }
            | {
                name: [folds[k - 1] for k in unseen]
                for part in ("seed-0", "base")
                for name, folds in found[part][target].items()
            }
            for target in TARGETS
        }
    return found


def read(path: Path) -> Any:
    """Return what a JSON file holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def show() -> None:
    """Write scores.json and table.md from what is there."""
    found = collect()
    write_text("scores.json", json.dumps(found, indent=1))
    made = tables(found)
    write_text("table.md", "\n".join(f"## {title}\n\n{made[title]}" for title in made))


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


SPECIAL: dict[str, Callable[[], None]] = {
    "unseen": decode_unseen,
    **{name: partial(measure_axes, name) for name in AXES},
}


def main(folder: str, *parts: str) -> None:
    """Make parts of the table in a folder, all if none is named."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    if parts != ("--show",):
        write_mask()
        for part in parts or PARTS:
            for name in PARTS[part]:
                SPECIAL.get(name, partial(decode_table, name))()
                show()
    show()


if __name__ == "__main__":
    main(*sys.argv[1:])
