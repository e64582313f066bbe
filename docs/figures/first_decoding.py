"""Draw the figure of the README from a run of `cytosurf decode` without options.

Run it as ``python docs/figures/first_decoding.py cytosurf-run-schaefer400-7networks``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import cytosurf
from cytosurf.report.colours import class_colours
from cytosurf.report.surface_plot import label_row, scene_of, surface_figure

FILE = Path(__file__).with_suffix(".png")
TITLES = {
    "microstructure": "Decoded from five maps of microstructure",
    "harmonics:5": "Decoded from position alone, in as many columns",
}


def draw(run_directory: str) -> None:
    """Write the networks, and what is predicted for them, beside this script."""
    record = cytosurf.load_run(run_directory).record
    maps = {"Seven functional networks": record.truth}
    for name, title in TITLES.items():
        score = record.results["feature_sets"][name]["macro_f1"]["mean"]
        maps[f"{title}: macro-F1 {score:.2f}"] = record.prediction[name]
    scene = scene_of(record.space, record.hemispheres, pixels_per_mm=1.4)
    rows = []
    for title, keys in maps.items():
        index = np.where(keys > 0, np.searchsorted(record.labels, keys), -1)
        names = record.label_names
        rows.append(label_row(scene, title, index, names, class_colours(names)))
    surface_figure(scene, rows).savefig(FILE)
    few_colours = Image.open(FILE).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    few_colours.save(FILE, optimize=True)


if __name__ == "__main__":
    draw(sys.argv[1])
