"""Records of runs on two small spheres, for the tests of the report."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np

from cytosurf.nulls.pvalues import clopper_pearson
from cytosurf.runs import NullRecord, RunRecord
from cytosurf.runs.class_tests import class_test
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import Space
from tests.toy import icosphere, mirrored

TOY = Space("toy", "162")
SKILL = {"stain": 0.8, "coordinates": 0.5, "harmonics:8": 0.7}


def toy_meshes(hemispheres=("L", "R")):
    """Return two spheres of radius 30 that are mirror images, apart from each other."""
    sphere = icosphere(2, radius=30)
    right = Mesh(sphere.vertices + np.array([40, 0, 0]), sphere.faces)
    meshes = {"L": mirrored(right), "R": right}
    return {h: meshes[h] for h in hemispheres}


def macro_f1(counts):
    """Return the macro-F1 of (K, K) counts over the classes in truth or prediction."""
    hits, union = np.diag(counts), counts.sum(0) + counts.sum(1)
    return float(np.mean(2 * hits[union > 0] / union[union > 0]))


def fold_counts(truth, prediction, fold, labels):
    """Return confusion counts (n_folds, K, K) of the analysed vertices."""
    k = len(labels)
    counts = np.zeros((fold.max() + 1, k, k), np.int64)
    seen = truth > 0
    rows = np.searchsorted(labels, truth[seen])
    np.add.at(counts, (fold[seen], rows, np.searchsorted(labels, prediction[seen])), 1)
    return counts


def set_scores(counts, n_features, role, matched=None, interval=True):
    """Return the entry of a feature set in results.json."""
    folds = [macro_f1(c) for c in counts]
    pooled = macro_f1(counts.sum(0))
    recall = np.diag(counts.sum(0)) / np.maximum(counts.sum(0).sum(1), 1)
    return {
        "role": role,
        "n_features": n_features,
        "macro_f1": {"mean": float(np.mean(folds)), "sd": float(np.std(folds)), "folds": folds},
        "pooled_macro_f1": pooled,
        "ci95": [pooled - 0.02, pooled + 0.02] if interval else None,
        "balanced_accuracy": {"mean": float(recall.mean()), "sd": 0.01, "folds": folds},
        "mcc": {"mean": 0.4, "sd": 0.01, "folds": folds},
        "log_loss": {"mean": 1.2, "sd": 0.01, "folds": folds},
        "matched_position": matched,
    }


def null_record(features, baseline, rotation, observed, null, primary=False, p_holm=None):
    """Return a spin test with the p-value of its null."""
    exceed = int(np.sum(null >= observed - 1e-12))
    statistic = "macro_f1 difference" if baseline else "macro_f1"
    return NullRecord(
        features=features,
        baseline=baseline,
        statistic=statistic,
        rotation=rotation,
        observed=observed,
        null=null,
        exceed=exceed,
        p=(exceed + 1) / (len(null) + 1),
        p_ci95=clopper_pearson(exceed, len(null)),
        primary=primary,
        p_holm=p_holm,
    )


def toy_nulls(sets, features="stain", baseline="coordinates", n_spins=99, seed=1):
    """Return the four tests of a run of one feature set against one baseline."""
    draw = np.random.default_rng(seed).normal
    score = sets[features]["macro_f1"]["mean"]
    gain = score - sets[baseline]["macro_f1"]["mean"]
    return [
        null_record(features, baseline, "independent", gain, draw(0, 0.05, n_spins), primary=True),
        null_record(features, baseline, "mirrored", gain, draw(0, 0.08, n_spins)),
        null_record(features, None, "mirrored", score, draw(0.3, 0.05, n_spins), primary=True),
        null_record(features, None, "independent", score, draw(0.28, 0.03, n_spins)),
    ]


def under_one_policy(record, rotation):
    """Return a record of a run that was spun under one rotation policy."""
    nulls = [replace(null, primary=True) for null in record.nulls if null.rotation == rotation]
    return replace(record, nulls=nulls)


def with_class_tests(record, n_spins=99, **changes):
    """Return a record with the F1 of its classes beside their nulls: the first one stands out."""
    tests = []
    for baseline, mean in ((None, 0.3), ("coordinates", 0.0)):
        null = np.random.default_rng(2).normal(mean, 0.05, (n_spins, len(record.labels)))
        observed = np.full(len(record.labels), mean)
        observed[0] += 0.4
        test = class_test(observed, null, **changes)
        tests.append({"features": "stain", "baseline": baseline, "rotation": "mirrored"} | test)
    return replace(record, results=_with(record, per_class=tests))


def with_other_statistics(record):
    """Return a record that was asked for another statistic."""
    other = [
        replace(null, statistic=null.statistic.replace("macro_f1", "mcc"), primary=True)
        for null in record.nulls[2:3]
    ]
    return replace(record, other_nulls=other)


def with_increment(record, p=0.01):
    """Return a record with an increment test of 99 spins."""
    null = np.random.default_rng(3).normal(0, 0.01, 99)
    observed = float(np.sort(null)[-round(p * 100)]) + 1e-6
    test = null_record("stain", "harmonics:8", "mirrored", observed, null, primary=True)
    entry = {
        "features": "stain",
        "position": "harmonics:8",
        "rotation": "mirrored",
        "null": "spins",
        "statistic": "macro_f1 increment",
        "folder": "toy",
        "score": 0.7 + observed,
        "score_position": 0.7,
        "observed": observed,
        "p": test.p,
        "exceed": test.exceed,
        "n_spins": 99,
        "p_ci95": list(test.p_ci95),
        "untestable": 0,
        "n_features": 8,
        "n_position": 8,
        "n_vertices": 290,
        "seed": 7,
        "kept": {"mean": 0.9, "min": 0.8},
    }
    results = record.results | {"increment_tests": [entry]}
    return replace(record, results=results, increment_nulls=[test])


def with_features_alone(record, draws="surrogates"):
    """Return a record with a test of its features alone beside its increment test."""
    made = with_increment(record)
    (entry,), (test,) = made.results["increment_tests"], made.increment_nulls
    alone = entry | {"null": draws, "statistic": "macro_f1 difference"}
    nulls = [replace(test, statistic="macro_f1 difference", draws=draws)]
    return replace(made, results=made.results | {"feature_tests": [alone]}, feature_nulls=nulls)


def with_spin_test(record, **changes):
    """Return a record whose spin test says something else in results.json."""
    return replace(record, results=_with(record, **changes))


def _with(record, **changes):
    return record.results | {"spin_test": record.results["spin_test"] | changes}


def toy_record(directory, n_classes=3, hemispheres=("L", "R"), spins=True, names=None):
    """Return a run on spheres of 162 vertices: features better than both kinds of position."""
    generator = np.random.default_rng(0)
    n = 162 * len(hemispheres)
    labels = np.arange(1, n_classes + 1, dtype=np.int32) * 3
    names = names or [f"class {i + 1}" for i in range(n_classes)]
    truth = np.tile(labels, n // n_classes + 1)[:n]
    truth[::10] = 0
    fold = np.where(truth > 0, np.arange(n) // 6 % 5, -1).astype(np.int8)
    prediction = {
        name: np.where(
            truth == 0, 0, np.where(generator.random(n) < p, truth, generator.choice(labels, n))
        ).astype(np.int32)
        for name, p in SKILL.items()
    }
    counts = {name: fold_counts(truth, p, fold, labels) for name, p in prediction.items()}
    prior = fold_counts(truth, np.where(truth > 0, labels[0], 0), fold, labels)
    sets = {
        "coordinates": set_scores(counts["coordinates"], 3, "baseline"),
        "stain": set_scores(counts["stain"], 8, "features", "harmonics:8"),
        "harmonics:8": set_scores(counts["harmonics:8"], 8, "matched position"),
        "prior": set_scores(prior, 0, "reference", interval=False),
    }
    return RunRecord(
        directory=Path(directory),
        config=toy_config(spins, hemispheres),
        info=toy_info(),
        results=toy_results(sets, truth, labels, names, spins),
        space=TOY,
        hemispheres=hemispheres,
        labels=labels,
        label_names=list(names),
        truth=truth,
        fold=fold,
        block=np.where(truth > 0, np.arange(n) // 6, -1).astype(np.int32),
        counts=counts,
        prediction=prediction,
        probability={
            name: generator.dirichlet(np.ones(n_classes), n).astype(np.float16) for name in SKILL
        },
        nulls=toy_nulls(sets) if spins else [],
    )


def toy_config(spins, hemispheres):
    """Return what config.yaml holds."""
    return {
        "features": ["stain"],
        "target": "toy target",
        "baseline": ["coordinates"],
        "space": "toy-162",
        "hemispheres": list(hemispheres),
        "spins": 99 if spins else 0,
        "seed": 7,
        "folds": {"n_folds": 5, "n_blocks": 30, "method": "midthickness", "scheme": "blocks"},
    }


def toy_info():
    """Return what run.json holds."""
    return {
        "versions": {"python": "3.11.7", "cytosurf": "0.1.0", "numpy": "2.1.0"},
        "inputs": {"features stain": "ab" * 32},
        "machine": {"cpu": "Toy CPU", "cores": 2, "platform": "Linux"},
        "timings_s": {"inputs": 0.5, "decoding": 1.5},
        "started": "2025-01-02T03:04:05+00:00",
        "command": "cytosurf decode --features stain",
        "warnings": ["A class was absent from one training fold."],
        "sources": [
            {
                "name": "bigbrainwarp",
                "title": "BigBrain surfaces",
                "licence": "CC BY-NC-SA 4.0",
                "commercial_use": False,
                "citations": ["Amunts et al., 2013, BigBrain, Science 340:1472", "a talk"],
                "homepage": "https://bigbrainproject.org",
            },
            {
                "name": "file:mine.gii",
                "title": "mine.gii",
                "licence": "the user's own",
                "commercial_use": None,
                "citations": [],
                "homepage": "",
            },
        ],
        "notes": ["stain: components fitted on both hemispheres"],
    }


def toy_results(sets, truth, labels, names, spins):
    """Return what results.json holds."""
    pair = [np.array(sets[s]["macro_f1"]["folds"]) for s in ("stain", "coordinates")]
    gain = pair[0] - pair[1]
    quality = {"kept": {"mean": 0.9, "min": 0.875}, "distinct": {"mean": 0.94, "min": 0.93}}
    test = {"n_spins": 99, "seed": 7, "seconds": 20.0, "quality": {"mirrored": quality}}
    return {
        "schema": 1,
        "target": "toy target",
        "space": "toy",
        "density": "162",
        "n_vertices": int((truth > 0).sum()),
        "n_vertices_mask": len(truth),
        "n_folds": 5,
        "feature_sets": sets,
        "classes": [
            {"key": int(k), "name": n, "n_vertices": int((truth == k).sum())}
            for k, n in zip(labels, names, strict=True)
        ],
        "absent_in_training": [],
        "differences": [
            {
                "features": "stain",
                "baseline": "coordinates",
                "mean": float(gain.mean()),
                "sd": float(gain.std()),
                "folds": gain.tolist(),
            }
        ],
        "spin_test": test if spins else None,
    }


def with_config(record, **changes):
    """Return a record with other options; fold options by their names."""
    folds = {
        k: changes.pop(k) for k in list(changes) if k in record.config["folds"] or k == "buffer_mm"
    }
    config = record.config | changes | {"folds": record.config["folds"] | folds}
    return replace(record, config=config)


def one_fold(record):
    """Return the record of a run whose scheme has a single fold."""
    results = copy.deepcopy(record.results)
    entries = [e["macro_f1"] for e in results["feature_sets"].values()] + results["differences"]
    for entry in entries:
        entry.update(mean=entry["folds"][0], sd=0.0, folds=entry["folds"][:1])
    return replace(record, results=results | {"n_folds": 1})


def untested_folds(record, n_tested=3):
    """Return the record of a run whose first folds test no labelled vertex: null in the files."""
    results = copy.deepcopy(record.results)
    entries = [e["macro_f1"] for e in results["feature_sets"].values()] + results["differences"]
    for entry in entries:
        left = entry["folds"][-n_tested:]
        nothing = [None] * (len(entry["folds"]) - n_tested)
        entry.update(mean=float(np.mean(left)), sd=float(np.std(left)), folds=nothing + left)
    return replace(record, results=results)


def with_sets(record, *names, notes=(), target="toy target"):
    """Return a record with feature sets of other names."""
    sets = record.results["feature_sets"]
    named = dict.fromkeys(names, sets["stain"]) | {"coordinates": sets["coordinates"]}
    results = record.results | {"feature_sets": named, "target": target}
    return replace(record, results=results, info=record.info | {"notes": list(notes)}, nulls=[])
