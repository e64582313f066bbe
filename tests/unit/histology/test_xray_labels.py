"""Labels of the X-ray data: the numbering of tissues is said by the caller, answers are checked."""

import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.histology.xray_labels import (
    CODINGS,
    RATED_CLASSES,
    TISSUES,
    read_raters,
    read_tissue,
    recode_tissue,
)


@pytest.mark.parametrize("coding", CODINGS)
def test_every_coding_names_every_tissue_once(coding):
    """Code i of a coding becomes the tissue that stands at place i of its list."""
    recoded = recode_tissue(np.arange(4), coding)
    assert sorted(CODINGS[coding]) == sorted(TISSUES)
    assert [TISSUES[tissue] for tissue in recoded] == list(CODINGS[coding])


def test_codings_disagree():
    """The three are three: none may stand for another."""
    every = {tuple(recode_tissue(np.arange(4), coding).tolist()) for coding in CODINGS}
    assert len(every) == 3


def test_tissue_is_read_by_region(tmp_path):
    """Every array of the file, in the order of `TISSUES`; a coding must be given."""
    path = tmp_path / "masks.npz"
    np.savez(path, ctx=np.array([[0, 1]], np.uint8), zi=np.array([[3, 3]], np.uint8))
    found = read_tissue(path, coding="paper")
    assert list(found) == ["CTX", "ZI"]
    assert found["CTX"].tolist() == [[0, 2]]
    assert found["ZI"].tolist() == [[1, 1]]
    with pytest.raises(TypeError):
        read_tissue(path)


def test_other_codes_and_codings_are_refused(tmp_path):
    """A code of 4, a fraction, an unknown coding, a file that is none."""
    with pytest.raises(InputError, match=r"0 1 2 3 4.*whole numbers 0 to 3"):
        recode_tissue(np.arange(5), "paper")
    with pytest.raises(InputError, match="float64"):
        recode_tissue(np.array([0.5]), "paper")
    with pytest.raises(InputError, match="Did you mean 'notebook'"):
        recode_tissue(np.arange(4), "notebok")
    for name, content in (("no.npz", None), ("bad.npz", b"PK\x03\x04")):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="no readable npz"):
            read_tissue(tmp_path / name, coding="paper")


def test_raters_come_by_set(tmp_path):
    """Key and answers, in the order of the raters' numbers."""
    key, one, two = np.array([0, 1, 5]), np.array([0, 2, 5]), np.array([1, 1, 4])
    np.savez(
        tmp_path / "r.npz", B_annot2=two, B_ans_key=key, B_annot1=one, A_ans_key=key, A_annot1=two
    )
    found = read_raters(tmp_path / "r.npz")
    assert list(found) == ["A", "B"]
    assert found["B"].key.tolist() == key.tolist()
    assert found["B"].answers.tolist() == [one.tolist(), two.tolist()]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"A_annot1": [0]}, "no answers"),
        ({"A_ans_key": [0, 1]}, "A: answers none"),
        ({"A_ans_key": [0, 1], "A_annot1": [0]}, r"A: answers \(1,\)"),
        ({"A_ans_key": [0, 6], "A_annot1": [0, 1]}, "int64 0 to 6"),
        ({"A_ans_key": [0, 1.5], "A_annot1": [0, 1]}, "float64"),
    ],
)
def test_answers_that_do_not_fit_are_refused(tmp_path, arrays, words):
    """Without a key, without answers, of other tiles, of no class."""
    np.savez(tmp_path / "r.npz", **{name: np.array(v) for name, v in arrays.items()})
    with pytest.raises(InputError, match=words):
        read_raters(tmp_path / "r.npz")


@pytest.mark.real_data
def test_the_published_files_are_read(real_data):
    """Axons in STR and TRN alone, as only the notebook's coding has it; 30 tiles of each class."""
    tissue = read_tissue(
        real_data / "xray_thc/xray_thc_microstructure_masks.npz", coding="notebook"
    )
    axons = {name: bool((mask == TISSUES.index("axon")).any()) for name, mask in tissue.items()}
    assert axons == {"CTX": False, "STR": True, "TRN": True, "ZI": False}
    for rated in read_raters(real_data / "xray_thc/xray_thc_raters.npz").values():
        assert np.bincount(rated.key).tolist() == [30] * len(RATED_CLASSES)
        assert rated.answers.shape == (2, 180)
