"""erf.

Near zero x + x P(x**2); further out 1 - Q(|x|)**8, where Q stands for erfc(|x|)**(1/8): it falls slowly, so few terms
do, and no exponential is needed. Coefficients: Remez exchange in 240-bit arithmetic, for the error of erf itself.
"""

from __future__ import annotations

from typing import Any

from lamina.codegen.vector_math.formats import at_most, polynomial, sign_bit, with_sign

_NEAR = {
    "float32": (
        0.12837915122509003, -0.37612536549568176, 0.1128268912434578, -0.02682042494416237, 0.005131833255290985,
        -0.0007567221764475107, 6.542879418702796e-05,
    ),
    "float64": (
        0.1283791670955126, -0.3761263890318375, 0.11283791670954903, -0.026866170645095735, 0.005223977625145839,
        -0.0008548327008512097, 0.00012055332488771942, -1.4925639166470954e-05, 1.6461934217919125e-06,
        -1.6363753745130044e-07, 1.4789593848812156e-08, -1.2183715469931746e-09, 8.963373568700043e-11,
        -5.361531065085632e-12, 1.9175366273440812e-13,
    ),
}  # fmt: skip
_FAR = {
    "float32": (
        1.0013586282730103, -0.1469527631998062, -0.05862777307629585, -0.013541280291974545, 0.013852518051862717,
        -0.002676853910088539, 0.0001687482581473887,
    ),
    "float64": (
        0.9999997798083925, -0.14104559305590067, -0.06963718586049186, -0.0020737175504722902, 0.006567557976170089,
        0.00020510883850673788, -0.0005190033207727944, 8.165721651645274e-05, 8.37520940149856e-06,
        -1.0888621219805607e-05, 5.7312151710299294e-06, -2.103070269594771e-06, 5.719803264610912e-07,
        -1.2157860727023491e-07, 2.0866340517222172e-08, -2.9088867513021734e-09, 3.2444119347514415e-10,
        -2.8126694876643307e-11, 1.8180344208984702e-12, -8.222867549333328e-14, 2.3195165987917752e-15,
        -3.071294391315793e-17,
    ),
}  # fmt: skip
_BORDER = {"float32": 1.2, "float64": 1.35}
_ONE_FROM = {"float32": 3.95, "float64": 5.92}


def erf(b: Any, x: Any) -> Any:
    """The error function, 2/sqrt(pi) times the integral of exp(-t**2) from 0 to x."""
    dtype = x.dtype
    sign = sign_bit(b, x)
    size = at_most(b, with_sign(b, x, sign), _ONE_FROM[dtype])
    near = b.fma(size, polynomial(b, b.mul(size, size), _NEAR[dtype]), size)
    power = polynomial(b, size, _FAR[dtype])
    for _ in range(2):
        power = b.mul(power, power)
    far = b.sub(b.const(1.0, dtype), b.mul(power, power))
    return with_sign(b, b.select(b.lt(size, b.const(_BORDER[dtype], dtype)), near, far), sign)
