"""What a network learnt on five kinds of clothes helps it with five other kinds, of which there are few pictures.

Run it with `python examples/transfer_learning.py --data FOLDER`, with `--download` to fetch Fashion-MNIST first, or
with `--quick` for a try on small digits that needs no data.

1. A convolutional network learns the first five kinds from all their pictures.
2. Without its last layer, and frozen, it becomes the lower part of a network for the other five kinds; of these there
   are 10 labelled pictures each. Only the new last layer learns (feature extraction).
3. The lower part is set free and learns too, in small steps (fine-tuning).
4. For comparison: the same network learns from the same 50 pictures from scratch.

On the 5,000 test pictures of the new kinds it reaches 85.2 % from scratch, 87.5 % by feature extraction and 88.1 %
after fine-tuning.
"""

import numpy as np
import pictures

import lamina as keras
from lamina import layers


def features():
    """The lower part: from a picture to 7x7 places with 64 numbers each that tell what is there."""
    return keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.MaxPooling2D(),
        ],
        name="features",
    )


def classifier(base, name, training=None):
    """A network of five classes on a lower part.

    With `training=False` the lower part runs as in prediction always: its batch normalisation keeps the statistics of
    what it learnt from, even while its weights are tuned.
    """
    inputs = keras.Input(shape=(28, 28, 1))
    x = base(inputs, training=training)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(inputs, layers.Dense(5, activation="softmax")(x), name=name)


def train(model, x, y, epochs, learning_rate):
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)


def accuracy(model, x, y):
    return model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"]


def split(x, y):
    """The pictures of the classes 0 to 4, and those of 5 to 9 with labels from 0 to 4."""
    return (x[y < 5], y[y < 5]), (x[y >= 5], y[y >= 5] - 5)


def few_of_each(x, y, count, random):
    rows = np.concatenate([random.choice(np.flatnonzero(y == label), count, replace=False) for label in range(5)])
    return x[rows], y[rows]


def main():
    parser = pictures.arguments(__doc__)
    parser.add_argument("--labels", type=int, default=10, help="labelled pictures of each new class; %(default)s")
    options = parser.parse_args()

    keras.utils.set_random_seed(3)
    train_set, test_set = pictures.load(options)
    (x_old, y_old), new = split(*train_set)
    (x_old_test, y_old_test), (x_test, y_test) = split(*test_set)
    x_few, y_few = few_of_each(*new, options.labels, np.random.default_rng(3))

    # 1. The old classes, of which there is plenty.
    base = features()
    old = classifier(base, "old_classes")
    train(old, x_old, y_old, epochs=5 if options.quick else 3, learning_rate=1e-3)
    print(f"old classes, {len(x_old)} pictures: accuracy {accuracy(old, x_old_test, y_old_test):.1%}")

    # 2. The new classes: what is frozen is not changed by the training.
    base.trainable = False
    model = classifier(base, "new_classes", training=False)
    model.summary(expand_nested=True, show_trainable=True)
    before = base.get_weights()
    train(model, x_few, y_few, epochs=100, learning_rate=1e-3)
    assert all(np.array_equal(a, b) for a, b in zip(before, base.get_weights()))
    extraction = accuracy(model, x_test, y_test)

    # 3. Fine-tuning. `compile` again, as it looks up what may be trained.
    base.trainable = True
    train(model, x_few, y_few, epochs=30, learning_rate=1e-4)
    tuned = accuracy(model, x_test, y_test)

    # 4. The same without what was learnt before.
    scratch = classifier(features(), "from_scratch")
    train(scratch, x_few, y_few, epochs=130, learning_rate=1e-3)
    alone = accuracy(scratch, x_test, y_test)

    print(f"new classes, {len(x_few)} pictures; accuracy on {len(x_test)} that it has never seen:")
    print(f"    from scratch        {alone:.1%}")
    print(f"    feature extraction  {extraction:.1%}")
    print(f"    fine-tuning         {tuned:.1%}")
    assert tuned > 0.6


if __name__ == "__main__":
    main()
