"""Augmentations are functions of (seed, step, position), and do what they say."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from cytosurf.spatialnce.augment import (
    N_DRAWS,
    Augmentation,
    augment,
    draws,
    gamma_changed,
    gaussian_blurred,
    moved,
    sharpened_or_blurred,
)

NONE = Augmentation(0, 0, 0, 0, 0, 0, 0, 0)
IMAGES = torch.rand(48, 3, 9, 9, generator=torch.Generator().manual_seed(0))


def middle(**places):
    """Return one row of random numbers, 0.5 (which changes nothing) but in some places."""
    row = torch.full((1, N_DRAWS), 0.5)
    for place, number in places.items():
        row[0, int(place[1:])] = number
    return row


def test_a_patch_is_changed_alike_in_any_slice_of_the_batch():
    """To the bit: whole batch, slices of two, four and odd sizes."""
    positions = np.arange(48)
    whole = augment(IMAGES, draws(5, 7, positions), Augmentation())
    for cut in ([0, 24, 48], [0, 12, 24, 36, 48], [0, 1, 6, 13, 48]):
        parts = [
            augment(IMAGES[a:b], draws(5, 7, positions[a:b]), Augmentation())
            for a, b in itertools.pairwise(cut)
        ]
        assert torch.equal(torch.cat(parts), whole)


def test_the_number_of_threads_does_not_matter():
    """A worker has one, the training itself more."""
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(augment(IMAGES, draws(0, 0, np.arange(48)), Augmentation()))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*results)


def test_seed_step_position_and_view_all_count():
    """Change one, and the numbers are others."""
    rows = [
        draws(*k)
        for k in ((0, 0, [3]), (1, 0, [3]), (0, 1, [3]), (0, 0, [4]), (0, 0, [3], 1))
        for k in [(k[0], k[1], np.array(k[2]), *k[3:])]
    ]
    assert len({tuple(row[0].tolist()) for row in rows}) == 5
    assert torch.equal(draws(0, 0, np.array([3])), rows[0])


def test_nothing_asked_for_is_nothing_done():
    """Not one bit changes."""
    assert torch.equal(augment(IMAGES, draws(0, 0, np.arange(48)), NONE), IMAGES)


def test_a_quarter_turn_moves_pixels():
    """Without changing a value."""
    turned = moved(IMAGES[:1], middle(d0=0.75), replace(NONE, rotate_degrees=180))
    torch.testing.assert_close(turned, torch.rot90(IMAGES[:1], 1, (2, 3)), atol=2e-6, rtol=0)


def test_a_mirror_image_flips_columns():
    """Where the number is below the probability, and only there."""
    flipped = moved(IMAGES[:1], middle(d3=0.1), replace(NONE, mirror=0.5))
    torch.testing.assert_close(flipped, IMAGES[:1].flip(3), atol=2e-6, rtol=0)
    kept = moved(IMAGES[:1], middle(d3=0.6), replace(NONE, mirror=0.5))
    torch.testing.assert_close(kept, IMAGES[:1], atol=2e-6, rtol=0)


def test_a_shift_is_a_share_of_the_side():
    """By a third of nine pixels: three, with the edge repeated."""
    shifted = moved(IMAGES[:1], middle(d1=1.0), replace(NONE, shift_share=1 / 3))
    torch.testing.assert_close(shifted[..., :-3], IMAGES[:1, ..., 3:], atol=1e-5, rtol=0)
    torch.testing.assert_close(
        shifted[..., -3:], IMAGES[:1, ..., -1:].expand(1, 3, 9, 3), atol=1e-5, rtol=0
    )


def test_gamma_is_the_unbiased_one():
    """The exponent of the paper, and on average over gammas a grey scale stays where it was."""
    z = 0.3
    exponent = math.log(0.5 + z / math.sqrt(2)) / math.log(0.5 - z / math.sqrt(2))
    half = gamma_changed(torch.full((1, 1, 1, 1), 0.5), torch.tensor([(z / 0.4 + 1) / 2]), 0.4)
    assert float(half) == pytest.approx(0.5**exponent, rel=1e-5)
    steps = torch.linspace(0, 1, 401)
    ramp = torch.linspace(0, 1, 1001).expand(401, 1, 1, 1001)
    assert float(gamma_changed(ramp, steps, 0.5).mean()) == pytest.approx(0.5, abs=0.005)


def test_a_blur_keeps_the_mean_and_a_constant():
    """And takes variance away; an SD of nearly 0 changes nothing."""
    assert torch.allclose(
        gaussian_blurred(torch.full((2, 1, 5, 5), 0.3), torch.ones(2)), torch.tensor(0.3)
    )
    soft = gaussian_blurred(IMAGES, torch.ones(48))
    assert (soft.var((2, 3)) < IMAGES.var((2, 3))).all()
    assert torch.equal(gaussian_blurred(IMAGES, torch.zeros(48)), IMAGES)


def test_sharpening_adds_what_a_blur_takes_away():
    """Some are blurred, some sharpened, the rest left alone, none both."""
    options = replace(NONE, blur=0.25, blur_sd_px=1.0, sharpen=0.25, sharpen_amount=1.0)
    numbers = torch.tensor([[0.1, 1.0], [0.3, 1.0], [0.6, 1.0]])
    changed = sharpened_or_blurred(IMAGES[:3], numbers, options)
    soft = gaussian_blurred(IMAGES[:3], torch.ones(3))
    torch.testing.assert_close(changed[0], soft[0])
    torch.testing.assert_close(changed[1], 2 * IMAGES[1] - soft[1])
    assert torch.equal(changed[2], IMAGES[2])


def test_values_stay_grey_values():
    """Between 0 and 1, whatever is done."""
    strong = Augmentation(gamma=0.6, blur=0.0, sharpen=1.0, sharpen_amount=20.0)
    changed = augment(IMAGES, draws(0, 0, np.arange(48)), strong)
    assert changed.min() >= 0
    assert changed.max() <= 1
