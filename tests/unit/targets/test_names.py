"""The list of targets."""

from cytosurf.targets import known_targets
from cytosurf.targets.registry import TARGETS


def test_every_loader_has_one_line_of_description():
    """The list for --help: all names, short, without line breaks."""
    known = known_targets()
    assert set(known) == {*TARGETS, "nilearn:ATLAS", "siibra:PARCELLATION"}
    assert all(0 < len(text) <= 90 and "\n" not in text for text in known.values())


def test_the_promised_names_are_there():
    """The names that other people's scripts rely on."""
    promised = {"yeo7", "yeo17", "yeo7:bigbrain", "yeo17:bigbrain", "difumo64", "schaefer400"}
    promised |= {"schaefer400-7networks", "mesulam", "julich", "schaefer100", "schaefer1000"}
    assert promised <= set(known_targets())
