"""Tomorrow's highest temperature from the weather of the last four days: a GRU, and what it is better than.

Run it with `python examples/weather_forecast.py --data FOLDER`, with `--download` to fetch the data first, or with
`--quick` for a try on made-up weather that needs no data.

The data is the weather of Seattle on the 1,461 days of 2012 to 2015. The network learns from the first three years and
is tested on the last. What it sees and says are departures from what is usual at that time of the year, for that much
needs no network. A forecast is worth what it is better than, so here are its mean errors on the days of 2015, in
degrees Celsius, beside those of simpler rules:

    days ahead                    1      2      3
    as today                   2.25   3.14   3.48
    as usual at this time      3.00   3.00   3.00
    a linear rule              2.10   2.68   2.84
    the network                2.08   2.64   2.80

It is clearly better than both rules of thumb, and hardly than the linear one: the weather of a single place, once a
day, does not tell more about the next.
"""

import csv
from datetime import date, timedelta
from time import perf_counter

import numpy as np
import sequence_data

import lamina as keras
from lamina import layers

FILE = "seattle-weather.csv"
NUMBERS = ["temp_max", "temp_min", "precipitation", "wind"]
KINDS = ["drizzle", "fog", "rain", "snow", "sun"]
KNOWN, AHEAD = 4, 3  # Days.
TEST = 365


def download(folder):
    """The file is in the Python package vega-datasets (MIT licence)."""
    sequence_data.unzip(sequence_data.from_pypi(folder, "vega-datasets==0.9.0"), f"/{FILE}")


def made_up():
    """Three years of weather: the season, and warm and cold spells that follow one another every ten days or so."""
    random = np.random.default_rng(2)
    rows, spell, before = [], 0.0, 0.0
    for number in range(3 * 365):
        spell, before = 1.5 * spell - 0.9 * before + random.normal(), spell
        warm = 15 - 9 * np.cos(2 * np.pi * number / 365.25) + spell
        wet = random.random() < 0.4 - 0.1 * spell
        values = [warm, warm - 8 + random.normal(), 5 * wet, random.uniform(1, 9)]
        day = date(2013, 1, 1) + timedelta(number)
        rows.append({"date": f"{day:%Y/%m/%d}", "weather": "rain" if wet else "sun", **dict(zip(NUMBERS, values))})
    return rows


def load(options):
    """Days, each a dict with the keys "date", those of `NUMBERS` and "weather"."""
    if options.quick:
        return made_up()
    if options.download:
        download(options.data)
    path = sequence_data.find_file(options.data, FILE, "the package vega-datasets")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    columns = ["date", *NUMBERS, "weather"]
    if len(rows) < 2 * TEST or any(row.get(name) is None for row in rows for name in columns):
        raise SystemExit(f"{path} has not {2 * TEST} days and more with the columns {', '.join(columns)}.")
    return rows


def usual(rows, values):
    """What is usual at each day's time of the year: waves of a year and half a year through all years but the last."""
    days = [date(*map(int, row["date"].split("/"))).timetuple().tm_yday for row in rows]
    angle = 2 * np.pi * np.array(days) / 365.25
    waves = np.stack([np.ones(len(rows)), *(f(n * angle) for n in (1, 2) for f in (np.sin, np.cos))], axis=1)
    return waves @ np.linalg.lstsq(waves[:-TEST], values[:-TEST], rcond=None)[0]


def prepare(rows):
    """What is usual `(days, 4)` of `NUMBERS`, the departures from it, and which kind of weather each day had."""
    measured = np.array([[float(row[name]) for name in NUMBERS] for row in rows])
    measured[:, 2] = np.sqrt(measured[:, 2])  # Most days have little rain and some have very much.
    expected = usual(rows, measured)
    kinds = np.array([[row["weather"] == kind for kind in KINDS] for row in rows], float)
    return expected, measured - expected, kinds


def windows(array, size):
    return np.lib.stride_tricks.sliding_window_view(array, size, axis=0)


def linear(x, y, train):
    """The linear function of all the known days that fits the rows before `train` best (and has small weights)."""
    flat = np.concatenate([x.reshape(len(x), -1), np.ones((len(x), 1))], axis=1)
    known = flat[:train]
    return flat @ np.linalg.solve(known.T @ known + 10 * np.eye(flat.shape[1]), known.T @ y[:train])


def main():
    parser = sequence_data.arguments(__doc__, "weather", FILE)
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()

    keras.utils.set_random_seed(8)
    rows = load(options)
    expected, departures, kinds = prepare(rows)
    scale = departures[:-TEST].std(axis=0)
    days = np.concatenate([departures / scale, kinds], axis=1).astype("float32")

    # Row i of x holds the days i to i + KNOWN - 1, row i of y the departures of the AHEAD days after them.
    x = windows(days[:-AHEAD], KNOWN).transpose(0, 2, 1)
    y = windows(days[KNOWN:, 0], AHEAD)
    test = len(rows) - TEST - KNOWN  # The first row of which all days ahead are in the last year.
    train = test - AHEAD + 1  # The rows before this one have no day of it.

    model = keras.Sequential(
        [
            keras.Input((KNOWN, days.shape[1])),
            layers.GaussianNoise(0.3),
            layers.GRU(8),
            layers.Dropout(0.2),
            layers.Dense(AHEAD),
        ]
    )
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, decay_steps=options.epochs * -(-train // 32))
    model.compile(keras.optimizers.Adam(schedule), loss="mean_squared_error")
    start = perf_counter()
    model.fit(x[:train], y[:train], batch_size=32, epochs=options.epochs, verbose=2)
    print(f"{options.epochs} epochs on {train} stretches of {KNOWN} days took {perf_counter() - start:.0f} s")

    season = windows(expected[KNOWN:, 0], AHEAD)[test:]
    truth = season + scale[0] * y[test:]
    today = (expected + departures)[KNOWN - 1 : -AHEAD, :1][test:]
    guesses = {
        "as today": today,
        "as usual at this time": season,
        "a linear rule": season + scale[0] * linear(x, y, train)[test:],
        "the network": season + scale[0] * model.predict(x[test:], verbose=0),
    }
    errors = {name: np.abs(guess - truth).mean(axis=0) for name, guess in guesses.items()}
    print(f"mean error on {TEST} days that it has never seen, in degrees:")
    print("days ahead              " + "".join(f"{ahead:7}" for ahead in range(1, AHEAD + 1)))
    for name, error in errors.items():
        print(f"{name:24}" + "".join(f"{degrees:7.2f}" for degrees in error))

    for rule in ("as today", "as usual at this time"):
        assert (errors["the network"] < errors[rule]).all()


if __name__ == "__main__":
    main()
