"""Maps, labels and files that the tests of this room share."""

import nibabel as nib
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.space import Space

TOY = Space("toy", "12")
KEYS = [1, 2, 7, 2**31 - 1]
N = 12
FSLR_32K = Space("fsLR", "32k")

# What XML can hold, without the white space that readers strip and the mark of an absolute path.
texts = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp"), exclude_characters="￾￿/"),
    min_size=1,
    max_size=12,
)
hemisphere_sets = st.sampled_from([("L",), ("R",), ("L", "R")])


@st.composite
def maps(draw):
    """Draw maps with any float32 values (infinite, NaN, -0.0, subnormal), names and masks."""
    hemispheres = draw(hemisphere_sets)
    n_rows, n_columns = N * len(hemispheres), draw(st.integers(1, 3))
    values = draw(hnp.arrays(np.float32, (n_rows, n_columns), elements=st.floats(width=32)))
    columns = tuple(draw(st.lists(texts, min_size=n_columns, max_size=n_columns)))
    valid = draw(hnp.arrays(bool, n_rows))
    # CIFTI cannot hold a hemisphere without a vertex, nor a vertex without a value.
    valid[::N] = True
    values[::N] = 1.5
    return SurfaceMap(values, TOY, columns, valid, hemispheres)


@st.composite
def parcellations(draw):
    """Draw labels with any keys and distinct names."""
    hemispheres = draw(hemisphere_sets)
    some_key = st.sampled_from([0, *KEYS])
    keys = draw(hnp.arrays(np.int32, N * len(hemispheres), elements=some_key))
    # Key 0 is written as "???", which a label above 0 cannot be called as well.
    name = texts.filter(lambda text: text != "???")
    names = draw(st.lists(name, min_size=4, max_size=4, unique=True))
    return Parcellation(keys, TOY, dict(zip(KEYS, names, strict=True)), hemispheres)


def same_bits(a, b):
    """Return whether two float32 arrays have the same bits (NaN equals NaN of any kind)."""
    nan = np.isnan(a)
    return np.array_equal(nan, np.isnan(b)) and np.array_equal(
        a[~nan].view(np.uint32), b[~nan].view(np.uint32)
    )


def gifti(path, arrays, intent="NIFTI_INTENT_NORMAL", structure=None, names=None, labels=None):
    """Write a GIFTI file with nibabel alone, as another program would."""
    table = nib.gifti.GiftiLabelTable()
    for key, name in (labels or {}).items():
        label = nib.gifti.GiftiLabel(key, 0.5, 0.5, 0.5, 1.0)
        label.label = name
        table.labels.append(label)
    darrays = [
        nib.gifti.GiftiDataArray(
            np.asarray(array), intent, meta={"Name": names[i]} if names else None
        )
        for i, array in enumerate(arrays)
    ]
    meta = {"AnatomicalStructurePrimary": structure} if structure else {}
    image = nib.gifti.GiftiImage(
        darrays=darrays, meta=nib.gifti.GiftiMetaData(meta), labeltable=table
    )
    path.write_bytes(image.to_bytes())
    return path


def damaged(raw):
    """Return damaged versions of the bytes of a file, by what is wrong with them."""
    middle = len(raw) // 2
    return {
        "truncated": raw[:middle],
        "almost complete": raw[:-20],
        "zeros in the middle": raw[: middle - 50] + bytes(100) + raw[middle + 50 :],
        "another format": b"vertex,value\n" * 100,
        "HTML": b"<html><body>404 Not Found</body></html>",
        "empty": b"",
    }
