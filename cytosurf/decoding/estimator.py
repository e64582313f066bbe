r"""The softmax regression as a scikit-learn estimator, solved in float64.

`SoftmaxRegression` minimises what ``LogisticRegression`` does, with weights :math:`w_i`:

.. math:: C \sum_i w_i \left( \log \sum_k e^{z_{ik}} - z_{i y_i} \right)
          + \tfrac12 \sum_k \lVert W_k \rVert^2, \qquad z_i = W x_i + b

in which two classes share one coefficient vector (twice the penalty of two). It has nothing of the
spin engine (`cytosurf.decoding.softmax`), whose features are float32 and standardised within the
training rows: behind a ``StandardScaler``, with balanced classes, both reach the same solution.

The numbers are made by `cytosurf.decoding.newton`; here are scikit-learn's conventions.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from cytosurf.decoding.newton import solve_softmax
from cytosurf.errors import InputError

Float64 = npt.NDArray[np.float64]
Floating = npt.NDArray[np.floating]


class SoftmaxRegression(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Multinomial logistic regression with an L2 penalty, as scikit-learn states it.

    A drop-in for ``LogisticRegression`` that runs to the minimum whatever the scale of the
    columns, and for the default decoder: ``cytosurf.decode(..., classifier=SoftmaxRegression(
    class_weight="balanced"))`` gives the same result. Features are not standardised.

    Parameters
    ----------
    C : float
        Inverse strength of the penalty.
    class_weight : dict, "balanced" or None
        Weight of each class, 1 where a dict has none. ``"balanced"`` gives all classes the same
        total weight, `sample_weight` counted.
    fit_intercept : bool
        Whether there are intercepts, which are not penalised.
    tol : float
        A fit ends when the estimated distance of its objective to the minimum, in units of the
        mean log-loss, is below this; one more step is then taken.
    max_iter : int
        Newton steps before a fit is given up with a warning.

    Attributes
    ----------
    classes_ : (K,) array
        The classes that have a row of positive weight, sorted.
    coef_ : (K, n_features) array, or (1, n_features) for two classes
        Coefficients, of the second class if there are two. float32 if `X` was, else float64;
        solved in float64.
    intercept_ : (K,) or (1,) array
        Intercepts, 0 without `fit_intercept`.
    n_iter_ : int
        Newton steps taken.
    n_features_in_ : int
        Columns of `X`.
    feature_names_in_ : (n_features,) array of str
        Names of the columns, if `X` was a data frame with names.

    Examples
    --------
    >>> from cytosurf import SoftmaxRegression
    >>> X, y = [[-2.0], [-1.0], [0.5], [2.0]], ["V1", "V1", "V2", "V2"]
    >>> model = SoftmaxRegression(class_weight="balanced").fit(X, y)
    >>> model.predict([[-3.0], [3.0]]).tolist()
    ['V1', 'V2']
    >>> model.predict_proba([[1.0]]).round(2).tolist()
    [[0.24, 0.76]]
    """

    def __init__(
        self,
        *,
        C: float = 1.0,
        class_weight: Mapping[Any, float] | str | None = None,
        fit_intercept: bool = True,
        tol: float = 1e-14,
        max_iter: int = 100,
    ) -> None:
        self.C = C
        self.class_weight = class_weight
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SoftmaxRegression:
        """Fit the model.

        Parameters
        ----------
        X : (n_samples, n_features) array or data frame
            Finite features.
        y : (n_samples,) array
            Class of each row, of any type.
        sample_weight : (n_samples,) array, optional
            Weight of each row, at least 0: a row of weight 2 counts as two, of weight 0 as none.

        Returns
        -------
        SoftmaxRegression
            Itself.

        Raises
        ------
        InputError
            If a parameter is out of range, or fewer than two classes have a weight.
        ValueError, TypeError
            scikit-learn's own, of `X`, `y` and `sample_weight` that are no such arrays. Sparse
            matrices are refused; names in `class_weight` that no class has, too, unless every
            class has a weight.
        """
        self._check_parameters()
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        used = weight > 0
        self.classes_, index = np.unique(y[used], return_inverse=True)
        if len(self.classes_) < 2:
            found = f"{len(self.classes_)} class of positive weight"
            raise InputError("y", found, "at least 2 classes")
        weight = weight[used] * self._class_weights(index, weight[used])[index]
        two = len(self.classes_) == 2
        coefficients, intercepts, self.n_iter_, converged = solve_softmax(
            X[used].astype(np.float64),
            index,
            weight,
            C=self.C / 2 if two else self.C,
            fit_intercept=self.fit_intercept,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        if not converged:
            message = (
                f"The fit did not reach tol={self.tol:g} in max_iter={self.max_iter} Newton steps. "
                "Raise max_iter, or lower C if the classes are separable."
            )
            warnings.warn(message, ConvergenceWarning, stacklevel=2)
        if two:
            coefficients, intercepts = np.diff(coefficients, axis=0), np.diff(intercepts)
        self.coef_ = coefficients.astype(X.dtype)
        self.intercept_ = intercepts.astype(X.dtype)
        return self

    def decision_function(self, X: Any) -> Floating:
        """Return the logits.

        Parameters
        ----------
        X : (n_samples, n_features) array or data frame

        Returns
        -------
        (n_samples, K) array, or (n_samples,) for two classes
            Of two classes, the log-odds of the second.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        logits: Floating = X @ self.coef_.T + self.intercept_
        return logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: Any) -> Floating:
        """Return the probability of each class.

        Parameters
        ----------
        X : (n_samples, n_features) array or data frame

        Returns
        -------
        (n_samples, K) array
            In the order of ``classes_``.
        """
        logits = self.decision_function(X)
        if logits.ndim == 1:
            return np.stack([expit(-logits), expit(logits)], axis=1)
        probability: Floating = softmax(logits, axis=1)
        return probability

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the most probable class.

        Parameters
        ----------
        X : (n_samples, n_features) array or data frame

        Returns
        -------
        (n_samples,) array
            Of the type of ``classes_``.
        """
        logits = self.decision_function(X)
        index = (logits > 0).astype(int) if logits.ndim == 1 else logits.argmax(axis=1)
        predicted: npt.NDArray[Any] = self.classes_[index]
        return predicted

    def _check_parameters(self) -> None:
        """Refuse parameters out of range."""
        for name in ("C", "tol"):
            value = getattr(self, name)
            if not isinstance(value, Real) or not 0 < float(value) < np.inf:
                raise InputError(name, repr(value), "a number above 0")
        n: Any = self.max_iter
        if not isinstance(n, Integral) or int(n) < 1:
            raise InputError("max_iter", repr(n), "a whole number above 0")
        weight = self.class_weight
        if not (weight is None or weight == "balanced" or isinstance(weight, Mapping)):
            raise InputError("class_weight", repr(weight), "None, 'balanced' or a dict")

    def _class_weights(self, index: npt.NDArray[np.int64], weight: Float64) -> Float64:
        """Return the weight of each class."""
        if self.class_weight == "balanced":
            balanced: Float64 = weight.sum() / (len(self.classes_) * np.bincount(index, weight))
            return balanced
        result: Float64 = compute_class_weight(
            self.class_weight, classes=self.classes_, y=self.classes_[index]
        )
        if not ((result > 0) & (result < np.inf)).all():
            raise InputError("class_weight", repr(self.class_weight), "weights above 0")
        return result
