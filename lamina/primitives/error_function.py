"""The error function in float64, which NumPy does not have.

Source: W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of Computation 23 (1969),
631-637, with the coefficients of its full-precision (double) approximations.
"""

from __future__ import annotations

import numpy as np

# erf(x) = x P(x^2) / Q(x^2) for |x| <= 0.46875; highest power first, here and below.
_NEAR_P = (1.85777706184603153e-1, 3.16112374387056560e00, 1.13864154151050156e02, 3.77485237685302021e02,
           3.20937758913846947e03)  # fmt: skip
_NEAR_Q = (1.0, 2.36012909523441209e01, 2.44024637934444173e02, 1.28261652607737228e03,
           2.84423683343917062e03)  # fmt: skip
# erfc(x) = exp(-x^2) P(x) / Q(x) for 0.46875 < x <= 4.
_MIDDLE_P = (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e00, 6.61191906371416295e01,
             2.98635138197400131e02, 8.81952221241769090e02, 1.71204761263407058e03, 2.05107837782607147e03,
             1.23033935479799725e03)  # fmt: skip
_MIDDLE_Q = (1.0, 1.57449261107098347e01, 1.17693950891312499e02, 5.37181101862009858e02, 1.62138957456669019e03,
             3.29079923573345963e03, 4.36261909014324716e03, 3.43936767414372164e03,
             1.23033935480374942e03)  # fmt: skip
# erfc(x) = exp(-x^2) / x (1 / sqrt(pi) - P(1 / x^2) / (x^2 Q(1 / x^2))) for x > 4.
_FAR_P = (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
          1.60837851487422766e-2, 6.58749161529837803e-4)  # fmt: skip
_FAR_Q = (1.0, 2.56852019228982242e00, 1.87295284992346725e00, 5.27905102951428412e-1, 6.05183413124413191e-2,
          2.33520497626869185e-3)  # fmt: skip
# From here on erf is 1 in double precision.
_SATURATED = 6.0


def erf(x: np.ndarray) -> np.ndarray:
    """erf of floats, computed in float64 to about 1e-16 and rounded to the dtype of `x`."""
    wide = np.asarray(x, np.float64)
    size = np.minimum(np.abs(wide), _SATURATED)  # NaN stays
    result = np.where(size <= 0.46875, _near(size), 1 - np.where(size <= 4, _middle(size), _far(size)))
    return np.asarray(np.copysign(result, wide), x.dtype)


def _near(x: np.ndarray) -> np.ndarray:
    return x * np.polyval(_NEAR_P, x * x) / np.polyval(_NEAR_Q, x * x)


def _middle(x: np.ndarray) -> np.ndarray:
    return np.exp(-x * x) * np.polyval(_MIDDLE_P, x) / np.polyval(_MIDDLE_Q, x)


def _far(x: np.ndarray) -> np.ndarray:
    inverse = 1 / np.square(np.maximum(x, 4))
    tail = inverse * np.polyval(_FAR_P, inverse) / np.polyval(_FAR_Q, inverse)
    return np.exp(-x * x) * np.sqrt(inverse) * (1 / np.sqrt(np.pi) - tail)
