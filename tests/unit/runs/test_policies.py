"""One rotation policy or both: what spheres allow, and what was chosen."""

import warnings

import numpy as np
import pytest

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls import SpinAssigner
from cytosurf.runs.chunks import chunk_paths
from cytosurf.runs.extend import add_to_run, merge_into_run
from cytosurf.runs.forecasting import forecast
from cytosurf.runs.policies import chosen_policies, rotation_policies
from cytosurf.runs.shards import Shard
from tests.toy import icosphere, mirrored


def test_spheres_that_are_not_mirrored_are_spun_independently():
    """Such a space has independent rotations alone, and a warning that says what that means."""
    left = icosphere(2)
    turned = np.roll(left.vertices, 1, axis=1)
    right = type(left)(turned[::-1].copy(), (len(turned) - 1 - left.faces))
    with warnings.catch_warnings():
        warnings.simplefilter("error", CytosurfWarning)
        both = rotation_policies(SpinAssigner({"L": left, "R": mirrored(left)}))
        assert both == ("independent", "mirrored")
        assert rotation_policies(SpinAssigner({"L": left})) == ("independent",)
    with pytest.warns(CytosurfWarning, match=r"mirror image.*far too small"):
        assert rotation_policies(SpinAssigner({"L": left, "R": right})) == ("independent",)


class TestChosenRotation:
    """One rotation policy in place of both."""

    @pytest.mark.parametrize("rotation", ["independent", "mirrored"])
    def test_gives_its_part_of_both(self, named_toy, tmp_path, rotation):
        """The same nulls and exceedances; and the other policy can be added later."""
        both = named_toy(tmp_path / "both", spins=6)
        one = named_toy(tmp_path / "one", spins=6, rotation=rotation)
        of_both = {(t.features, t.baseline): t for t in both.nulls if t.rotation == rotation}
        assert {t.rotation for t in one.nulls} == {rotation}
        assert len(one.nulls) == len(of_both) == 2
        for test in one.nulls:
            np.testing.assert_array_equal(test.null, of_both[test.features, test.baseline].null)
            assert test.primary
        added = named_toy(tmp_path / "one", spins=6)
        assert [(t.rotation, t.exceed, t.primary) for t in added.nulls] == [
            (t.rotation, t.exceed, t.primary) for t in both.nulls
        ]

    @pytest.mark.parametrize("rotation", ["independent", "mirrored"])
    def test_in_shards(self, named_toy, tmp_path, rotation):
        """Spun in parts and merged as in one go, also where spins of the other policy lie about."""
        one = named_toy(tmp_path / "one", spins=6, rotation=rotation)
        named_toy(tmp_path / "run", spins=2)
        named_toy(tmp_path / "run", spins=0, rotation=rotation)
        for part in ("1/2", "2/2"):
            add_to_run(tmp_path / "run", 6, shard=Shard.parse(part))
        merged = merge_into_run(tmp_path / "run")
        assert [(t.rotation, t.exceed, t.p) for t in merged.nulls] == [
            (t.rotation, t.exceed, t.p) for t in one.nulls
        ]
        assert forecast(tmp_path / "run", 6).n_policies == 1

    def test_both_need_both(self, named_toy, tmp_path):
        """Spins of a policy that are missing altogether are missed."""
        named_toy(tmp_path / "run", spins=6)
        for path in chunk_paths(tmp_path / "run", "mirrored"):
            path.unlink()
        with pytest.raises(InputError, match="no spins 0 to 5"):
            merge_into_run(tmp_path / "run")

    def test_warns_where_scores_are_spun_independently(self):
        """It says what such a p is worth; the valid choice is silent."""
        both = ("independent", "mirrored")
        with pytest.warns(CytosurfWarning, match="score on its own is far too small"):
            assert chosen_policies(both, "independent") == ("independent",)
        with warnings.catch_warnings():
            warnings.simplefilter("error", CytosurfWarning)
            assert chosen_policies(both, "mirrored") == ("mirrored",)
            assert chosen_policies(both, "both") == both
            assert chosen_policies(("independent",), "independent") == ("independent",)

    def test_mirrored_needs_two_mirrored_spheres(self, named_toy, tmp_path):
        """Refused before anything is written."""
        with pytest.raises(InputError, match="rotation: found 'mirrored' without two spheres"):
            named_toy(tmp_path / "left", hemispheres=["L"], spins=2, rotation="mirrored")
        assert not (tmp_path / "left").exists()
