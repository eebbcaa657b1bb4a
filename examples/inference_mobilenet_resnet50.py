"""How many pictures of 224x224 pixels a second two well-known networks look at, one at a time and 16 at once.

Run it with `python examples/inference_mobilenet_resnet50.py`; `--quick` takes pictures of 64x64 pixels, and
`--data FOLDER` your own photographs (JPEG, PNG; needs Pillow) instead of random numbers.

The networks have the shapes of MobileNetV2 (Sandler et al., 2018, https://arxiv.org/abs/1801.04381) and ResNet-50 (He
et al., 2015, https://arxiv.org/abs/1512.03385), but random weights: the speed is that of the real ones, the answers
mean nothing.
"""

import argparse
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

import lamina as keras
from lamina import layers


def convolution(x, filters, size, strides=1, activation=None):
    """Convolution, batch normalisation and perhaps an activation; when predicting they run as one kernel."""
    x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x) if activation else x


def inverted_block(x, expansion, filters, strides):
    """MobileNetV2's block: wider by a 1x1 convolution, a 3x3 convolution in each channel alone, narrow again."""
    channels = x.shape[-1]
    y = convolution(x, expansion * channels, 1, activation="relu6") if expansion > 1 else x
    y = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(y)
    y = layers.Activation("relu6")(layers.BatchNormalization()(y))
    y = convolution(y, filters, 1)
    return layers.add([x, y]) if strides == 1 and channels == filters else y


def mobilenet_v2(side):
    inputs = keras.Input(shape=(side, side, 3))
    x = convolution(inputs, 32, 3, strides=2, activation="relu6")
    stages = [  # expansion, filters, blocks, strides of the first block
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]
    for expansion, filters, blocks, strides in stages:
        for number in range(blocks):
            x = inverted_block(x, expansion, filters, strides if number == 0 else 1)
    x = convolution(x, 1280, 1, activation="relu6")
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(1000, activation="softmax")(x), name="mobilenet_v2")


def bottleneck(x, filters, strides, first):
    """ResNet-50's block: narrow by a 1x1 convolution, 3x3, four times as wide, and the shortcut."""
    shortcut = convolution(x, 4 * filters, 1, strides) if first else x
    y = convolution(x, filters, 1, activation="relu")
    y = convolution(y, filters, 3, strides, activation="relu")
    y = convolution(y, 4 * filters, 1)
    return layers.Activation("relu")(layers.add([y, shortcut]))


def resnet50(side):
    inputs = keras.Input(shape=(side, side, 3))
    x = convolution(inputs, 64, 7, strides=2, activation="relu")
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for filters, blocks, strides in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        for number in range(blocks):
            x = bottleneck(x, filters, strides if number == 0 else 1, first=number == 0)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(1000, activation="softmax")(x), name="resnet50")


def photographs(folder, side):
    """The photographs of a folder, each cut to its middle square."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise SystemExit("--data needs Pillow to read photographs: pip install pillow") from None
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not files:
        raise SystemExit(f"There are no photographs (.jpg, .jpeg, .png) in {folder}.")
    squares = [ImageOps.fit(Image.open(file).convert("RGB"), (side, side)) for file in files]
    return np.stack([np.asarray(square, dtype="float32") / 127.5 - 1 for square in squares])


def seconds_a_call(predict, x, at_least):
    """The median of calls that take so many seconds together, of three at least."""
    times = []
    while len(times) < 3 or sum(times) < at_least:
        start = perf_counter()
        predict(x)
        times.append(perf_counter() - start)
    return median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of photographs to look at; default: random numbers")
    parser.add_argument("--quick", action="store_true", help="a small try: pictures of 64x64 pixels, less time")
    options = parser.parse_args()
    side, seconds = (64, 0.1) if options.quick else (224, 5.0)

    keras.utils.set_random_seed(50)
    if options.data:
        photos = photographs(options.data, side)
    else:
        photos = np.random.default_rng(50).normal(size=(16, side, side, 3)).astype("float32")

    print(f"pictures of {side}x{side}x3, random weights")
    for network in (mobilenet_v2, resnet50):
        model = network(side)
        print(f"{model.name}: {model.count_params() / 1e6:.1f} million weights")
        predict = keras.function(model)
        for batch in (1, 16):
            x = np.resize(photos, (batch, side, side, 3))
            # The first call compiles the program, or finds it in the cache.
            start = perf_counter()
            answers = predict(x).numpy()
            print(f"    batch {batch:2d}: the first call took {perf_counter() - start:.2f} s;", end=" ")
            assert answers.shape == (batch, 1000)
            assert np.allclose(answers.sum(axis=1), 1, atol=1e-4)
            each = seconds_a_call(predict, x, seconds)
            print(f"then {batch / each:.1f} pictures a second ({1000 * each:.1f} ms a call)")


if __name__ == "__main__":
    main()
