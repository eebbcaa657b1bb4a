"""Sentences of film reviews for the two examples of sentiment. It is imported by them, not run.

The 10,605 sentences come with the Python package vaderSentiment (MIT licence; C. J. Hutto and E. Gilbert, "VADER: A
Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text", 2014). Twenty people gave each of them a
score from -4 (awful) to 4 (wonderful); here a score above zero is a good review, 1, and any other a bad one, 0.
"""

import re
import tarfile
from collections import Counter

import numpy as np
import sequence_data

FILE = "movieReviewSnippets_GroundTruth.txt"
LENGTH = 40  # Words; of a hundred sentences, one is longer.
PADDING, UNKNOWN = 0, 1
TRY = ["A warm and funny film that I would see again.", "Two hours of my life that nobody will give me back."]


def download(folder):
    package = sequence_data.from_pypi(folder, "vadersentiment==2.5", "--no-binary", ":all:")
    with tarfile.open(package) as outer:
        name = next(name for name in outer.getnames() if name.endswith("hutto_ICWSM_2014.tar.gz"))
        with tarfile.open(fileobj=outer.extractfile(name)) as inner:
            (folder / FILE).write_bytes(inner.extractfile(f"hutto_ICWSM_2014/{FILE}").read())


def read(path):
    """Sentences, and 1 for each good one or 0, from lines of number, score and sentence with tabs between."""
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    if not lines or any(len(line) != 3 for line in lines):
        raise SystemExit(f"{path} has not lines of number, score and sentence with tabs between.")
    return [line[2] for line in lines], np.array([float(line[1]) > 0 for line in lines], "int64")


def made_up():
    """Six hundred sentences that anyone can judge."""
    words = np.random.default_rng(1)
    subjects = ["this film", "the plot", "the whole cast", "her last picture", "that ending"]
    verdicts = ["a bore", "a mess", "dull and tired", "a waste of time"], ["a joy", "a gem", "warm and witty", "superb"]
    good = words.integers(0, 2, 600)
    return [f"{words.choice(subjects)} is {words.choice(verdicts[label])}." for label in good], good


def words_of(sentence):
    return re.findall(r"[a-z0-9']+|[!?]", sentence.lower().replace("''", " "))


class Vocabulary:
    """The words that two sentences of the training set have, each with a number from 2 up."""

    def __init__(self, sentences):
        counts = Counter(word for sentence in sentences for word in dict.fromkeys(words_of(sentence)))
        known = [word for word, count in counts.most_common() if count > 1]
        self.numbers = {word: number for number, word in enumerate(known, start=2)}

    def __len__(self):
        return len(self.numbers) + 2

    def __call__(self, sentences):
        """Numbers of words `(n, LENGTH)`, filled up with `PADDING`."""
        rows = np.full((len(sentences), LENGTH), PADDING, "int32")
        for row, sentence in zip(rows, sentences):
            numbers = [self.numbers.get(word, UNKNOWN) for word in words_of(sentence)[:LENGTH]]
            row[: len(numbers)] = numbers
        return rows


def arguments(description):
    parser = sequence_data.arguments(description, "sentiment", FILE)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("sentences", nargs="*", default=TRY, help="what the network is to judge in the end")
    return parser


def load(options):
    """The vocabulary, and sentences as rows of numbers with their labels, for training and for testing.

    A fifth of the sentences, chosen by chance, is for testing. The sizes and rates of the networks were chosen on parts
    of the other four fifths, without a look at it.
    """
    if options.download and not options.quick:
        download(options.data)
    sentences, good = (
        made_up() if options.quick else read(sequence_data.find_file(options.data, FILE, "the package vadersentiment"))
    )
    order = np.random.default_rng(0).permutation(len(sentences))
    test, train = np.split(order, [len(sentences) // 5])
    vocabulary = Vocabulary([sentences[row] for row in train])
    rows = vocabulary(sentences)
    return vocabulary, (rows[train], good[train]), (rows[test], good[test])


def naive_bayes(train, test, words):
    """The accuracy of who only counts in how many good and bad sentences each word was, whatever its place."""

    def has(rows):
        found = np.zeros((len(rows), words), "float32")
        found[np.arange(len(rows))[:, None], rows] = 1
        found[:, PADDING] = 0
        return found

    (rows, good), (test_rows, test_good) = train, test
    counts = np.array([has(rows[good == label]).sum(axis=0) + 1 for label in (0, 1)])
    per_word = np.log(counts / counts.sum(axis=1, keepdims=True))
    evidence = has(test_rows) @ (per_word[1] - per_word[0]) + np.log(good.mean() / (1 - good.mean()))
    return ((evidence > 0) == test_good).mean()


def report(model, options, vocabulary, train, test, seconds):
    """Print what the network learnt, and what it makes of some sentences; returns its accuracy."""
    _, accuracy = model.evaluate(*test, verbose=0)
    for sentence, good in zip(options.sentences, model.predict(vocabulary(options.sentences), verbose=0)[:, 0]):
        print(f"{good:4.0%} good: {sentence}")
    print(f"training on {len(train[0])} sentences took {seconds:.0f} s")
    print(f"naive Bayes, which only counts words: {naive_bayes(train, test, len(vocabulary)):.1%}")
    print(f"accuracy on {len(test[0])} sentences it has never seen: {accuracy:.1%}")
    return accuracy
