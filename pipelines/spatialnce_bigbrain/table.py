"""Train, embed, decode and write the whole table; the same command goes on where it stopped.

    python pipelines/spatialnce_bigbrain/table.py FOLDER [PART ...]

Parts, in the order in which they are made if none is named:

seeds        three seeds of each model, Yeo 7 and Yeo 17, and what they are compared with
bins         (a) SpatialNCE, and untrained, on profiles normalised in coronal slabs of 1 mm
axes         (e) R2 of each axis of position from each feature set
left         (d) trained on the left hemisphere, decoder too, tested on the right
slabs        (b) folds of coronal slabs over both hemispheres
unseen       (c) a training for each fold, without its test vertices and 5.3 mm around them
refolded     the seeds again with four other draws of superblocks and folds
joined       every set with coordinates and with harmonics:32
simclr-bins  SimCLR on the normalised profiles of (a)
difumo64     the sets of seed 0 against DiFuMo 64

``FOLDER/scores.json`` then holds every score by fold, ``FOLDER/table.md`` the tables. ``--show``
makes these from what is there and computes nothing.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

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
MODELS = {"spatialnce": [], "simclr": ["loss.kind=simclr"], "untrained": ["steps=0"]}
SEEDS = (0, 1, 2)
FOLDS = range(1, 6)
PATCH_REACH_MM = 5.3
TARGETS = ("yeo7", "yeo17")
POSITION = ("coordinates", "coordinates:mirrored", "harmonics:32")
MAPS = ("neighbourhood:pca32", "hist", "micro", "func")
MASK = "cortex.npz"  # vertices valid in every set, so that all decodings share their folds

Scores = dict[str, dict[str, list[float]]]  # target (or axis) -> feature set -> one per fold


def trainings() -> dict[str, list[str]]:
    """Return the changes of config.yaml of every training, by its name."""
    runs = {f"{m}-{seed}": [*c, f"seed={seed}"] for seed in SEEDS for m, c in MODELS.items()}
    runs |= {f"{m}-bins": [*c, "source.normalise_bin_mm=1.0"] for m, c in MODELS.items()}
    runs["spatialnce-left"] = ["subset.hemispheres=[L]"]
    for k in FOLDS:
        exclude = [f"subset.exclude=folds/fold-{k}.npz", f"subset.buffer_mm={PATCH_REACH_MM}"]
        runs[f"spatialnce-unseen-{k}"] = exclude
    return runs


def embedding(name: str) -> str:
    """Return the feature set of a training: 32 components of its table."""
    return f"embedding:{name}.h5:pca32"


def of_seed(seed: int) -> list[str]:
    """Return the feature sets of one seed of each model."""
    return [embedding(f"{model}-{seed}") for model in MODELS]


def joined(sets: Sequence[str]) -> list[str]:
    """Return sets with coordinates, and with harmonics:32."""
    return [f"{name}+{position}" for position in ("coordinates", "harmonics:32") for name in sets]


BASE = (*POSITION, *MAPS)
LEFT = [embedding(name) for name in ("spatialnce-left", "spatialnce-0", "simclr-0", "untrained-0")]


class Decoding(NamedTuple):
    """What is decoded from what, how."""

    targets: tuple[str, ...]
    sets: Sequence[str]
    scheme: str = "blocks"
    seed: int = 0  # of superblocks and folds


OF_SEEDS = [name for seed in SEEDS for name in of_seed(seed)]
DECODINGS = {
    "base": Decoding(TARGETS, BASE),
    **{f"seed-{seed}": Decoding(TARGETS, of_seed(seed)) for seed in SEEDS},
    "bins": Decoding(TARGETS, [embedding(f"{m}-bins") for m in ("spatialnce", "untrained")]),
    "simclr-bins": Decoding(TARGETS, [embedding("simclr-bins")]),
    "left": Decoding(TARGETS, [*LEFT, *BASE[1:]], "left-to-right"),
    "slabs": Decoding(TARGETS, [*of_seed(0), *BASE], "slabs"),
    **{
        f"folds-{seed}": Decoding(TARGETS, [*OF_SEEDS, *BASE[:2], BASE[3]], seed=seed)
        for seed in range(1, 5)
    },
    "joined-base": Decoding(TARGETS, joined(MAPS)),
    "joined-seed-0": Decoding(TARGETS, joined(of_seed(0))),
    "difumo64": Decoding(("difumo64",), [*of_seed(0), *BASE]),
    "difumo64-joined": Decoding(("difumo64",), joined([*of_seed(0), *MAPS])),
}
AXES = {
    "axes": [*of_seed(0), *MAPS],
    "axes-bins": [embedding(f"{m}-bins") for m in ("spatialnce", "untrained")],
}
JOINED = ("joined-seed-0", "joined-base")
QUESTIONS = {
    "published folds": ("seed-0", "base"),
    "(a) even slabs": ("bins", "simclr-bins", "base"),
    "(b) folds of slabs": ("slabs",),
    "(c) unseen folds": ("unseen",),
    "(d) left to right": ("left",),
}
PARTS = {
    "seeds": ["base", *(f"seed-{seed}" for seed in SEEDS)],
    "bins": ["bins", "axes-bins"],
    "axes": ["axes"],
    "left": ["left"],
    "slabs": ["slabs"],
    "unseen": ["unseen"],
    "refolded": [name for name in DECODINGS if name.startswith("folds-")],
    "joined": ["joined-base", "joined-seed-0"],
    "simclr-bins": ["simclr-bins"],
    "difumo64": ["difumo64", "difumo64-joined"],
}


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


def label(name: str) -> str:
    """Return a feature set as the tables call it: without the number of its seed."""
    return re.sub(r"embedding:(.+?)(-\d)?\.h5:pca32", r"\1", name)


def score(folds: Sequence[float]) -> str:
    """Return mean ± SD over folds."""
    return f"{np.mean(folds):.3f}" + (f" ± {np.std(folds):.3f}" if len(folds) > 1 else "")


def difference(folds: Sequence[float], others: Sequence[float]) -> str:
    """Return mean ± SD of the paired differences, in how many folds they are positive."""
    d = np.subtract(folds, others)
    if not d.any():
        return "–"
    if len(d) == 1:
        return f"{d[0]:+.3f}"
    text = f"{d.mean():+.3f} ± {d.std():.3f}"
    return f"{f'**{text}**' if d.mean() > d.std() else text} ({(d > 0).sum()} of {len(d)})"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def seeds_table(found: dict[str, Scores], target: str) -> str:
    """Return scores of every set, and SpatialNCE minus it in every seed."""
    seeds = [s for s in SEEDS if target in found.get(f"seed-{s}", {})]
    by_seed = [found["base"][target] | found[f"seed-{s}"][target] for s in seeds]
    rows = []
    for kind in [*map(embedding, MODELS), *BASE]:
        names = [kind.replace(".h5", f"-{s}.h5") if ".h5" in kind else kind for s in seeds]
        folds = [scores[name] for scores, name in zip(by_seed, names, strict=True)]
        alone = [score(f) for f in (folds if ".h5" in kind else folds[:1])]
        of = [
            scores[embedding(f"spatialnce-{s}")] for s, scores in zip(seeds, by_seed, strict=True)
        ]
        minus = [difference(a, b) for a, b in zip(of, folds, strict=True)]
        rows.append([f"`{label(names[0])}`", "; ".join(alone), *minus])
    head = ["features", "macro-F1 (by seed)", *(f"SpatialNCE minus it, seed {s}" for s in seeds)]
    return markdown(head, rows)


def refolded_table(found: dict[str, Scores], target: str) -> str:
    """Return SpatialNCE minus each set, for every seed and every other draw of the folds."""
    draws = [name for name in found if name.startswith("folds-") and target in found[name]]
    rows = []
    for seed in SEEDS:
        first, *models = of_seed(seed)
        for name in (*models, "neighbourhood:pca32", "coordinates", "coordinates:mirrored"):
            by_draw = [found[draw][target] for draw in draws]
            minus = [difference(scores[first], scores[name]) for scores in by_draw]
            rows.append([str(seed), f"`{label(name)}`", *minus])
    return markdown(["seed", "SpatialNCE minus", *(f"folds of seed {d[6:]}" for d in draws)], rows)


def table(scores: dict[str, list[float]]) -> str:
    """Return each set's score, and that of the first set minus it."""
    first = next(iter(scores.values()))
    rows = [
        [f"`{label(n)}`", score(folds), difference(first, folds)] for n, folds in scores.items()
    ]
    return markdown(["features", "macro-F1", "first row minus it"], rows)


def of_question(found: dict[str, Scores], question: str, target: str) -> dict[str, list[float]]:
    """Return the scores of a question by what the features are; the first are those asked about."""
    sets = [s for part in QUESTIONS[question] for s in found.get(part, {}).get(target, {}).items()]
    scores: dict[str, list[float]] = {}
    for name, folds in sets:
        scores.setdefault(re.sub("-(bins|unseen|left)$", "", label(name)), folds)
    return scores


def summary_table(found: dict[str, Scores], target: str) -> str:
    """Return the score of SpatialNCE in each question, and what it has above the others."""
    others = ("simclr", "untrained", "neighbourhood:pca32", "coordinates", "coordinates:mirrored")
    rows = []
    for question in QUESTIONS:
        of = of_question(found, question, target)
        if of:
            own = of["spatialnce"]
            minus = [difference(own, of[name]) if name in of else "" for name in others]
            rows.append([question, score(own), *minus])
    return markdown(["question", "SpatialNCE", *(f"minus `{name}`" for name in others)], rows)


def axes_table(scores: Scores) -> str:
    """Return R2 of each axis from each set."""
    names = next(iter(scores.values()))
    rows = [[f"`{label(n)}`", *(score(of_axis[n]) for of_axis in scores.values())] for n in names]
    return markdown(["features", *scores], rows)


def joined_table(alone: dict[str, list[float]], both: dict[str, list[float]]) -> str:
    """Return scores of each set alone and with position, and what it adds to position."""
    rows = []
    for name in [n for n in alone if f"{n}+coordinates" in both]:
        row = [f"`{label(name)}`", score(alone[name])]
        for position in ("coordinates", "harmonics:32"):
            joint = both[f"{name}+{position}"]
            row += [score(joint), difference(joint, alone[position])]
        rows.append(row)
    with_position = ["with coordinates", "minus coordinates", "with harmonics:32"]
    return markdown(["features", "alone", *with_position, "minus harmonics:32"], rows)


def tables(found: dict[str, Scores]) -> dict[str, str]:
    """Return every table by its title: part and target."""
    made = {}
    for target in TARGETS:
        alone = found.get("seed-0", {}).get(target, {}) | found.get("base", {}).get(target, {})
        both = {n: f for part in JOINED for n, f in found.get(part, {}).get(target, {}).items()}
        if target in found.get("seed-0", {}):
            made[f"summary, {target}"] = summary_table(found, target)
            made[f"seeds, {target}"] = seeds_table(found, target)
        if target in found.get("folds-1", {}):
            made[f"refolded, {target}"] = refolded_table(found, target)
        if both:
            made[f"joined, {target}"] = joined_table(alone, both)
        if target in found.get("bins", {}):
            normalised = found["bins"][target] | found.get("simclr-bins", {}).get(target, {})
            made[f"bins, {target}"] = table(normalised | alone)
        for part in ("left", "slabs", "unseen"):
            if target in found.get(part, {}):
                made[f"{part}, {target}"] = table(found[part][target])
    if "axes" in found:
        made["axes"] = axes_table(found["axes"])
    for part, scores in found.get("difumo64", {}).items():
        made[part] = table(scores)
    for part, scores in found.get("difumo64-joined", {}).items():
        made[f"joined, {part}"] = joined_table(found["difumo64"][part], scores)
    return made


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
