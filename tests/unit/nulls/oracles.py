"""Slow but obvious versions of what the package does fast."""

import numpy as np


def rotate(points, rotation):
    """Return ``points @ rotation``, summed in a fixed order."""
    a, b, c = np.asarray(points, np.float64).T
    return np.stack([a * r0 + b * r1 + c * r2 for r0, r1, r2 in rotation.T], axis=1)


def brute_force(points, rotation):
    """Return for each x of `points` the nearest to x @ rotation.T, ties to the lowest index."""
    points = np.asarray(points, np.float64)
    x, y, z = ((points[None, :, d] - rotate(points, rotation.T)[:, None, d]) ** 2 for d in range(3))
    return (x + y + z).argmin(axis=1)


def holm_by_definition(p):
    """Return Holm's adjusted p-values: max over j <= i of (m - j) p_(j), j from 0, at most 1."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted = [0.0] * len(p)
    for i, index in enumerate(order):
        adjusted[index] = min(1.0, max((len(p) - j) * p[order[j]] for j in range(i + 1)))
    return adjusted
