"""Figures and files as data URIs, so that a page needs no other file."""

from __future__ import annotations

import base64
import io

import matplotlib as mpl
from matplotlib.figure import Figure


def svg_uri(figure: Figure) -> str:
    """Return a chart as an SVG data URI; the same chart always gives the same bytes.

    Words stay words (a tenth of the bytes of outlines), in whatever sans-serif font the reader
    has; matplotlib's own, for which space is left, is wider than most.
    """
    stream = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "cytosurf", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return data_uri(stream.getvalue(), "image/svg+xml")


def png_uri(figure: Figure, *, palette: bool = True) -> str:
    """Return a figure as a PNG data URI at its own resolution.

    Parameters
    ----------
    figure : Figure
        The figure.
    palette : bool
        Reduce it to 256 colours, a third of the bytes. Not for figures whose many class colours
        must stay exact.
    """
    from PIL import Image

    pixels = io.BytesIO()
    figure.savefig(pixels, format="rgba", dpi=figure.dpi)
    size = figure.canvas.get_width_height()
    image = Image.frombytes("RGBA", size, pixels.getvalue()).convert("RGB")
    if palette:
        image = image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=7)
    return data_uri(stream.getvalue(), "image/png")


def data_uri(content: bytes, mime_type: str) -> str:
    """Return bytes as a data URI.

    Examples
    --------
    >>> data_uri(b"a", "text/plain")
    'data:text/plain;base64,YQ=='
    """
    return f"data:{mime_type};base64,{base64.b64encode(content).decode('ascii')}"
