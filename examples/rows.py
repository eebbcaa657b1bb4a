"""Four rows of three numbers, each with the answer 0 or 1, learnt by a small network.

Run it with `python examples/rows.py`. It shows the usual round: data, model, compile, fit, evaluate, predict.
"""

import numpy as np

import lamina as keras

keras.utils.set_random_seed(2)

rows = np.array([[1.4, 2.7, 1.9], [3.8, 3.4, 3.2], [6.4, 2.8, 1.7], [4.1, 0.1, 0.2]])
answers = np.array([0, 0, 1, 0])

# Three numbers go in, one probability comes out. The hidden layer lets the answer depend on them together.
model = keras.Sequential(
    [
        keras.Input(shape=(3,)),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.02), loss="binary_crossentropy", metrics=["accuracy"])
model.fit(rows, answers, epochs=500, verbose=0)

loss, accuracy = model.evaluate(rows, answers, verbose=0)
probabilities = model.predict(rows, verbose=0)[:, 0]

for row, answer, probability in zip(rows, answers, probabilities):
    print(f"{row}: the answer is {answer}, the network says {probability:.3f}")
print(f"loss {loss:.4f}, accuracy {accuracy:.0%}")

assert accuracy == 1.0
assert loss < 0.1
