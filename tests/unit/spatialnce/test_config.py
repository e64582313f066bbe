"""The options of a training: defaults, and what makes two trainings the same."""

from cytosurf.spatialnce.config_files import make_config

SMALL = {"source": {"kind": "bigbrain"}, "steps": 3}


def test_defaults_that_are_assumptions_are_the_documented_ones():
    """Batch 2,048, 10 mm, 0.07, trust 0.02, momentum 0.9, weight decay 1e-4, 128 units."""
    config = make_config(SMALL)
    assert (config.batch.size, config.loss.sigma_mm, config.loss.temperature) == (2048, 10, 0.07)
    optimiser = config.optimiser
    assert (optimiser.name, optimiser.trust_coefficient, optimiser.momentum) == ("lars", 0.02, 0.9)
    assert (optimiser.weight_decay, config.encoder.projection) == (1e-4, 128)


def test_identity_leaves_out_what_does_not_change_the_result():
    """Workers, checkpoints and logging; nothing else."""
    base = make_config(SMALL).identity()
    same = make_config({**SMALL, "loader": {"workers": 2}, "checkpoint": {"every": 1}})
    assert same.identity() == base
    assert make_config({**SMALL, "loss": {"sigma_mm": 5}}).identity() != base
