"""How is an English word pronounced? An LSTM reads its letters, another says its sounds and attends to the letters.

Run it with `python examples/phonemes_lstm.py --data FOLDER`, or with `--download` to fetch the dictionary first.

The reader goes over the letters in both directions. The speaker begins with the state in which the reader ended; at
each sound it looks back at the letters and sums what the reader made of them, weighted by how well it fits (attention;
Bahdanau et al., 2015, in the simpler form of Luong et al., 2015).

After one pass over 130,691 pairs it says 4,000 words that it has never seen with 13.6 % wrong sounds when it takes the
likeliest sound each time, and with 13.2 % when it follows the four likeliest beginnings (beam search). Half of the
words are all right. More passes and units help.
"""

import phonemes
from phonemes import END, LETTERS, MOST_SOUNDS, PADDING, SOUNDS, START

import lamina as keras
from lamina import generation, layers, ops


class Pronouncer(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.letters = layers.Embedding(len(LETTERS), units, mask_zero=True)
        self.reader = layers.Bidirectional(layers.LSTM(units, return_sequences=True, return_state=True))
        self.sounds = layers.Embedding(len(SOUNDS), units)
        self.speaker = layers.LSTM(2 * units, return_sequences=True, return_state=True)
        self.look_back = layers.Attention()
        self.mix = layers.Dense(2 * units, activation="tanh")
        self.scores = layers.Dense(len(SOUNDS))

    def read(self, letters):
        """What the reader made of each letter, and the state in which the speaker begins."""
        memory, *states = self.reader(self.letters(letters))
        forwards, backwards = states[:2], states[2:]
        return memory, [ops.concatenate(pair, axis=-1) for pair in zip(forwards, backwards)]

    def speak(self, so_far, state, memory, there):
        """Scores of the sound after each of those so far, and the state after the last."""
        spoken, *state = self.speaker(self.sounds(so_far), initial_state=state)
        seen = self.look_back([spoken, memory], mask=[None, there])
        return self.scores(self.mix(ops.concatenate([spoken, seen], axis=-1))), state

    def call(self, inputs):
        letters, so_far = inputs
        memory, state = self.read(letters)
        return self.speak(so_far, state, memory, letters != PADDING)[0]

    def next_sound(self, sound, known, place):
        state, memory, there = known
        scores, state = self.speak(sound[:, None], state, memory, there)
        return scores[:, 0], (state, memory, there)

    @keras.function
    def pronounce(self, letters, sampler):
        """The sounds of words: reading, and the loop that says sound after sound, are one native program."""
        memory, state = self.read(letters)
        known = (state, memory, letters != PADDING)
        start = ops.full_like(letters[:, :1], START)
        tokens = generation.generate(self.next_sound, start, 2 + MOST_SOUNDS, known, sampler, end_token_id=END)
        return tokens[:, 1:]


def main():
    options = phonemes.arguments(__doc__, epochs=1).parse_args()
    keras.utils.set_random_seed(1)
    train, test = phonemes.load(options)

    model = Pronouncer(options.units)
    phonemes.train(model, train, test, options)
    error = phonemes.judge(model.pronounce, test)

    # All words, seen once, reach less than this; a few words cannot.
    assert error < 0.18 or len(train) < 100_000


if __name__ == "__main__":
    main()
