"""Draw the scores of each question, from expected.json into scores.png beside it.

python pipelines/spatialnce_bigbrain/figure.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from plan import QUESTIONS
from tables import Scores, of_question

HERE = Path(__file__).resolve().parent
COLOURS = {  # of Okabe and Ito, told apart without red and green
    "spatialnce": "#d55e00",
    "simclr": "#0072b2",
    "untrained": "#56b4e9",
    "neighbourhood:pca32": "#009e73",
    "coordinates": "#555555",
    "coordinates:mirrored": "#b0b0b0",
}
TITLES = {"yeo7": "Yeo 7", "yeo17": "Yeo 17"}


def draw(axes: Axes, found: dict[str, Scores], target: str) -> None:
    """Draw macro-F1: a small dot for each fold, a large one for their mean."""
    for row, question in enumerate(QUESTIONS):
        scores = of_question(found, question, target)
        for i, (name, colour) in enumerate(COLOURS.items()):
            if name in scores:
                y = row + 0.12 * (i - (len(COLOURS) - 1) / 2)
                folds = scores[name]
                axes.plot(folds, np.full(len(folds), y), ".", color=colour, markersize=3)
                axes.plot(np.mean(folds), y, "o", color=colour, markersize=7, label=name)
    axes.set(title=TITLES[target], xlabel="macro-F1", xlim=(0, None))
    axes.set_yticks(range(len(QUESTIONS)), QUESTIONS)
    axes.set_ylim(len(QUESTIONS) - 0.5, -0.5)
    axes.grid(axis="x", color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Write scores.png."""
    found = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))["scores"]
    figure = Figure(figsize=(10, 5), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, target in zip(panels, TITLES, strict=True):
        draw(axes, found, target)
    handles, labels = panels[0].get_legend_handles_labels()
    shown = dict(zip(labels, handles, strict=True))
    figure.legend(
        shown.values(), shown, loc="outside lower center", ncols=len(shown), frameon=False
    )
    figure.savefig(HERE / "scores.png", dpi=110)


if __name__ == "__main__":
    main()
