"""What the fast decoder must agree with: dense float64 arithmetic, and scikit-learn."""

import warnings

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cytosurf.decoding.blocks import TILE


def dense_gradient(x, label, weight, coefficients, intercepts):
    """Return the gradient of the weighted log-loss over rows, in float64."""
    logits = x.astype(np.float64) @ coefficients.astype(np.float64).T + intercepts
    residual = softmax(logits, axis=1)
    residual[np.arange(len(label)), label] -= 1
    residual *= weight[:, None]
    return residual.T @ x, residual.sum(axis=0)


def balanced_weights(label):
    """Return n / (K n_k) for each row."""
    classes, index, n = np.unique(label, return_inverse=True, return_counts=True)
    return (len(label) / (len(classes) * n))[index]


def logistic_regression(C=1.0):
    """Return what the decoder promises to equal, unfitted and run to convergence."""
    model = LogisticRegression(class_weight="balanced", C=C, tol=1e-8, max_iter=10_000)
    return make_pipeline(StandardScaler(), model)


def fit_reference(x, label, C=1.0):
    """Return the promised pipeline, fitted to convergence."""
    with warnings.catch_warnings():
        # Rounding may stop L-BFGS at the minimum before its own rule does.
        warnings.filterwarnings("ignore", message="lbfgs failed to converge.*\n?ABNORMAL")
        return logistic_regression(C).fit(x, label)


def random_problem(seed, *, n, p, k, noise=1.0):
    """Return features and labels of a multinomial logistic model with correlated features."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p)) @ (np.eye(p) + 0.3 * rng.standard_normal((p, p)))
    utility = x @ rng.standard_normal((p, k)) / np.sqrt(p) + rng.standard_normal(k)
    label = (utility + noise * rng.gumbel(size=(n, k))).argmax(axis=1)
    return x, label


def random_tiles(seed, n_features, n_classes, n_tiles=4):
    """Return tiles, labels, weights (some 0), coefficients and intercepts."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n_tiles, n_features, TILE)).astype(np.float32)
    label = rng.integers(0, n_classes, (n_tiles, TILE)).astype(np.int16)
    weight = rng.uniform(0, 3, (n_tiles, TILE)).astype(np.float32)
    weight[rng.random((n_tiles, TILE)) < 0.3] = 0
    coefficients = rng.standard_normal((n_classes, n_features)).astype(np.float32)
    return x, label, weight, coefficients, rng.standard_normal(n_classes).astype(np.float32)


def rows_of(x, tiles):
    """Return the slots of some tiles as rows, (n, n_features)."""
    return x[tiles].transpose(0, 2, 1).reshape(-1, x.shape[1])
