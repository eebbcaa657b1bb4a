"""Networks over time, each defined once; Keras, PyTorch, JAX and a plan of weights and work answer the definition.

Peers import this too: only NumPy may be needed here.
"""

from __future__ import annotations

from benchmarks.sequences.recurrent import bidirectional_lstm, gru_language_model, lstm_classifier
from benchmarks.sequences.sequence import Sequence
from benchmarks.sequences.transformers import encoder, gpt

SEQUENCES: dict[str, Sequence] = {
    sequence.name: sequence
    for sequence in (
        Sequence(
            "lstm",
            lstm_classifier,
            {"steps": 100, "vocabulary": 5000, "embedding": 64, "units": 64},
            {"steps": 7, "vocabulary": 30, "embedding": 5, "units": 6},
            target="binary",
        ),
        Sequence(
            "bilstm",
            bidirectional_lstm,
            {"steps": 200, "features": 64, "units": 128, "classes": 10},
            {"steps": 7, "features": 5, "units": 6, "classes": 4},
            target="label",
        ),
        Sequence(
            "gru-lm",
            gru_language_model,
            {"steps": 64, "vocabulary": 5000, "embedding": 256, "units": 256},
            {"steps": 7, "vocabulary": 30, "embedding": 5, "units": 6},
            target="tokens",
        ),
        Sequence(
            "transformer",
            encoder,
            {"steps": 128, "vocabulary": 5000, "size": 256, "layers": 4, "heads": 4, "inner": 1024},
            {"steps": 7, "vocabulary": 30, "size": 8, "layers": 2, "heads": 2, "inner": 12},
            target="tokens",
            learning_rate=0.0003,
        ),
        Sequence(
            "gpt",
            gpt,
            {"steps": 256, "vocabulary": 128, "size": 384, "layers": 6, "heads": 6, "inner": 1536},
            {"steps": 7, "vocabulary": 30, "size": 8, "layers": 2, "heads": 2, "inner": 12},
            target="tokens",
            learning_rate=0.0003,
        ),
    )
}
