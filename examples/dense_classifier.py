"""A classifier with three dense layers: who of 2,100 people in a trial had side effects?

Run it with `python examples/dense_classifier.py`. The data is made here: people are from 13 to 100 years old; of those
of 65 and above 95 % had side effects, of the younger ones 5 %. Nobody can do better than 95 %, because the other 5 %
are chance.
"""

import numpy as np

import lamina as keras

keras.utils.set_random_seed(3)
random = np.random.default_rng(3)

ages = np.concatenate([random.integers(13, 65, 1050), random.integers(65, 101, 1050)])
unusual = random.random(2100) < 0.05
had_side_effects = ((ages >= 65) ^ unusual).astype("int64")

# Shuffled, because the validation split takes the last rows as they stand; ages from 0 to 1.
order = random.permutation(2100)
inputs = ((ages[order] - 13) / 87).reshape(-1, 1).astype("float32")
labels = had_side_effects[order]

model = keras.Sequential(
    [
        keras.Input(shape=(1,)),
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(2, activation="softmax"),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.0001),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
history = model.fit(inputs, labels, validation_split=0.1, batch_size=10, epochs=20, verbose=2)

for age in (20, 40, 60, 70, 90):
    none, some = model.predict(np.array([[(age - 13) / 87]], "float32"), verbose=0)[0]
    print(f"at {age} years: side effects with a probability of {some:.0%}, none with {none:.0%}")

accuracy = history.history["val_accuracy"][-1]
print(f"accuracy on the {len(labels) // 10} people kept aside: {accuracy:.1%}")

assert accuracy > 0.85
