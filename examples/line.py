"""The first lesson: one neuron learns the line y = 3x + 1 from six points.

Run it with `python examples/line.py`. Nobody tells the neuron the rule; it sees six pairs of numbers.
"""

import numpy as np

import lamina as keras

# The six points. Each x is one row with one column: a row is an example, a column is a property of it.
x = np.array([[-1.0], [0.0], [1.0], [2.0], [3.0], [4.0]])
y = np.array([[-2.0], [1.0], [4.0], [7.0], [10.0], [13.0]])

# One layer of one neuron computes kernel * x + bias: two numbers to be learnt.
model = keras.Sequential([keras.Input(shape=(1,)), keras.layers.Dense(1)])

# Stochastic gradient descent moves both numbers a little, 500 times, in the direction that lowers the error.
model.compile(optimizer="sgd", loss="mean_squared_error")
history = model.fit(x, y, epochs=500, verbose=0)

answer = float(model.predict(np.array([[10.0]]), verbose=0)[0, 0])
kernel, bias = model.get_weights()

print(f"loss: {history.history['loss'][0]:.3f} in the first epoch, {history.history['loss'][-1]:.6f} in the last")
print(f"learnt: y = {kernel[0, 0]:.3f} x + {bias[0]:.3f}")
print(f"for x = 10 it says {answer:.3f}; the rule says 31")

# Close, and not exact: six points and 500 small steps leave a little error.
assert abs(answer - 31) < 0.1
