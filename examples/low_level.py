"""The low-level face: tensors, variables, a gradient tape, and a function that is compiled.

Run it with `python examples/low_level.py`. It fits the same kind of line as `line.py`, without a model.
"""

import numpy as np

import lamina
from lamina import ops

random = np.random.default_rng(4)
x = random.uniform(-1, 1, (200, 1)).astype("float32")
y = 2.5 * x - 0.75 + 0.01 * random.standard_normal((200, 1)).astype("float32")

slope = lamina.Variable(np.zeros((1, 1), "float32"), name="slope")
offset = lamina.Variable(np.zeros(1, "float32"), name="offset")


def step(x, y):
    """One step of gradient descent: measure the error, ask for its gradients, move against them."""
    with lamina.GradientTape() as tape:
        error = ops.mean((x @ slope + offset - y) ** 2)
    for variable, gradient in zip([slope, offset], tape.gradient(error, [slope, offset])):
        variable.assign_sub(0.5 * gradient)
    return error


# As it stands the step runs operation by operation, so that `print` and a debugger work inside it.
before = float(step(x, y))

# The same function, compiled: the first call traces it, and from then on it is one native program.
fast_step = lamina.function(step)
for _ in range(100):
    error = fast_step(x, y)

print(f"error: {before:.4f} at first, {float(error):.6f} at the end")
print(f"learnt: y = {slope.numpy()[0, 0]:.3f} x + {offset.numpy()[0]:.3f}")

# Gradients of gradients: the second derivative of x³ is 6x, which is 12 at x = 2.
point = lamina.Variable(2.0)
with lamina.GradientTape() as outer:
    with lamina.GradientTape() as inner:
        cube = point**3
    first = inner.gradient(cube, point)
second = outer.gradient(first, point)
print(f"x³ at 2: first derivative {float(first):.1f}, second {float(second):.1f}")

assert abs(slope.numpy()[0, 0] - 2.5) < 0.01
assert abs(offset.numpy()[0] + 0.75) < 0.01
assert abs(float(second) - 12) < 1e-4
