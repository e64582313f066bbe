"""How the scores are shown: Markdown tables of scores by fold and their paired differences."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from plan import BASE, JOINED, MODELS, QUESTIONS, SEEDS, TARGETS, embedding, of_seed

Scores = dict[str, dict[str, list[float]]]  # target (or axis) -> feature set -> one per fold


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
        if "spatialnce" in of:
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
            made[f"bins, {target}"] = table(found["bins"][target] | alone)
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
