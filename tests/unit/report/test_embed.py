"""Figures as data URIs."""

import base64
import io
import xml.etree.ElementTree as ET

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from cytosurf.report.embed import data_uri, png_uri, svg_uri


def chart():
    """Return a small figure with words and a clipped line."""
    figure = Figure(figsize=(2, 1), dpi=100)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 5])
    axes.set_ylim(1, 2)
    axes.set_title("some <words> & more")
    return figure


def decoded(uri):
    """Return the bytes of a data URI."""
    return base64.b64decode(uri.partition(",")[2])


def test_svg_is_valid_deterministic_and_has_no_date():
    """Same chart, same bytes; words stay words."""
    svg = decoded(svg_uri(chart()))
    assert svg == decoded(svg_uri(chart()))
    ET.fromstring(svg)
    assert b"some &lt;words&gt; &amp; more" in svg
    assert b"dc:date" not in svg


def test_making_an_svg_leaves_matplotlib_as_it_was():
    """No setting of the user's is changed."""
    before = dict(mpl.rcParams)
    svg_uri(chart())
    assert dict(mpl.rcParams) == before


def test_png_has_the_figure_s_pixels_with_or_without_a_palette():
    """The palette is smaller and nearly the same."""
    images = [
        Image.open(io.BytesIO(decoded(png_uri(chart(), palette=palette))))
        for palette in (True, False)
    ]
    assert [i.size for i in images] == [(200, 100)] * 2
    assert [i.mode for i in images] == ["P", "RGB"]
    small, exact = (np.asarray(i.convert("RGB"), float) for i in images)
    assert np.abs(small - exact).mean() < 1


def test_a_data_uri_holds_its_bytes():
    """Round trip."""
    content = bytes(range(256))
    uri = data_uri(content, "application/octet-stream")
    assert uri.startswith("data:application/octet-stream;base64,")
    assert decoded(uri) == content
