"""A network of nine parameters guesses from weight and height whether a person is a man or a woman.

Run it with `python examples/man_or_woman.py`. Two inputs, two hidden neurons, one output: 2*2 + 2 weights and biases in
the hidden layer and 2*1 + 1 in the output make nine numbers. All neurons use the sigmoid, which squeezes any
number into the range from 0 to 1.
"""

import numpy as np

import lamina as keras

keras.utils.set_random_seed(1)

# Weight in kilograms and height in centimetres; 1 stands for a woman, 0 for a man.
people = np.array([[60.3, 165.0], [72.6, 183.0], [69.0, 178.0], [54.4, 152.0]])
is_woman = np.array([[1.0], [0.0], [0.0], [1.0]])

# Numbers around zero are easier to learn from. New people must be shifted and scaled by these same numbers.
mean, spread = people.mean(axis=0), people.std(axis=0)


def scaled(rows):
    return (np.asarray(rows) - mean) / spread


model = keras.Sequential(
    [
        keras.Input(shape=(2,)),
        keras.layers.Dense(2, activation="sigmoid", name="hidden"),
        keras.layers.Dense(1, activation="sigmoid", name="output"),
    ]
)
model.summary()
assert model.count_params() == 9

model.compile(optimizer=keras.optimizers.SGD(learning_rate=1.0), loss="mean_squared_error")
history = model.fit(scaled(people), is_woman, epochs=1000, verbose=0)
print(f"loss: {history.history['loss'][0]:.4f} in the first epoch, {history.history['loss'][-1]:.4f} in the last")

# Two people that the network has never seen.
emily, frank = model.predict(scaled([[58.0, 160.0], [70.3, 173.0]]), verbose=0)[:, 0]
print(f"Emily, 58 kg and 160 cm: {emily:.3f} (1 is a woman)")
print(f"Frank, 70.3 kg and 173 cm: {frank:.3f} (0 is a man)")

assert history.history["loss"][-1] < 0.01
assert emily > 0.9
assert frank < 0.3
