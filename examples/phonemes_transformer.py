"""How is an English word pronounced? A transformer reads its letters and says its sounds, one after the other.

Run it with `python examples/phonemes_transformer.py --data FOLDER`, or with `--download` to fetch the dictionary first.

Two layers read: each looks from every letter at all others. Two layers speak: each looks from every sound at those
before it, and at what was made of the letters (Vaswani et al., 2017).

After one pass over 130,691 pairs it says 4,000 words that it has never seen with 12.8 % wrong sounds when it takes the
likeliest sound each time, and with 12.6 % when it follows the four likeliest beginnings (beam search).
"""

import phonemes
from phonemes import END, LETTERS, MOST_LETTERS, MOST_SOUNDS, PADDING, SOUNDS, START

import lamina as keras
from lamina import generation, layers, ops

HEADS = 4


class Pronouncer(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.units = units
        self.letters = layers.TokenAndPositionEmbedding(len(LETTERS), MOST_LETTERS, units)
        self.sounds = layers.TokenAndPositionEmbedding(len(SOUNDS), MOST_SOUNDS + 1, units)
        settings = {"num_heads": HEADS, "activation": "gelu", "normalize_first": True}
        self.readers = [layers.TransformerEncoder(4 * units, **settings) for _ in range(2)]
        self.speakers = [layers.TransformerDecoder(4 * units, **settings) for _ in range(2)]
        self.normalize_memory = layers.LayerNormalization(epsilon=1e-5)
        self.normalize = layers.LayerNormalization(epsilon=1e-5)
        self.scores = layers.Dense(len(SOUNDS))

    def read(self, letters):
        """What was made of each letter, and which of them are there, not padding."""
        memory, there = self.letters(letters), letters != PADDING
        for reader in self.readers:
            memory = reader(memory, padding_mask=there)
        return self.normalize_memory(memory), there

    def call(self, inputs):
        letters, so_far = inputs
        memory, there = self.read(letters)
        x = self.sounds(so_far)
        for speaker in self.speakers:
            x = speaker(x, memory, encoder_padding_mask=there)
        return self.scores(self.normalize(x))

    def speak(self, sound, place, caches, there, memory=None):
        """Scores of the sound after the one at a place, and the keys and values that are kept.

        With those of earlier sounds, nothing is computed again for these. Those of the letters are computed where the
        memory is given, once before the loop.
        """
        x, kept = self.sounds(sound, start_index=place), []
        for speaker, (of_sounds, of_letters) in zip(self.speakers, caches):
            x, of_sounds, of_letters = speaker(
                x,
                memory,
                encoder_padding_mask=there,
                self_attention_cache=of_sounds,
                self_attention_cache_update_index=place,
                cross_attention_cache=of_letters,
                cross_attention_cache_update_index=None if memory is None else 0,
            )
            kept.append((of_sounds, of_letters))
        return self.scores(self.normalize(x))[:, 0], kept

    def next_sound(self, sound, known, place):
        caches, there = known
        scores, caches = self.speak(sound[:, None], place, caches, there)
        return scores, (caches, there)

    @keras.function
    def pronounce(self, letters, sampler):
        """The sounds of words: reading, and the loop that says sound after sound, are one native program."""
        memory, there = self.read(letters)
        sizes = (HEADS, self.units // HEADS)
        of_sounds = ops.zeros((ops.shape(letters)[0], 2, MOST_SOUNDS + 1, *sizes))
        of_letters = ops.zeros((ops.shape(letters)[0], 2, MOST_LETTERS, *sizes))
        start = ops.full_like(letters[:, :1], START)
        _, caches = self.speak(start, 0, [(of_sounds, of_letters)] * 2, there, memory)
        tokens = generation.generate(
            self.next_sound, start, 2 + MOST_SOUNDS, (caches, there), sampler, end_token_id=END
        )
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
