"""One step on one batch, for loops that the user writes."""

from __future__ import annotations

from typing import Any

from lamina.models.epochs import run_batch
from lamina.objects import tells_arguments


class SingleBatches:
    """What a model can do with a single batch."""

    @tells_arguments
    def train_on_batch(
        self: Any,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step of training on one batch.

        Returns:
            The results of this batch alone, as `evaluate` returns them; the metrics begin anew.
        """
        data = self._ready(self._data(x, y, sample_weight).weighted(class_weight))
        self.reset_metrics()
        run_batch(self._training(data, shuffle=False, whole=False), data)
        return self._shown(self._read_logs(), return_dict)

    @tells_arguments
    def test_on_batch(self: Any, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics on one batch, and of it alone; returns them as `train_on_batch` does."""
        data = self._ready(self._data(x, y, sample_weight))
        self.reset_metrics()
        run_batch(self._evaluation(data, whole=False), data)
        return self._shown(self._read_logs(), return_dict)

    @tells_arguments
    def predict_on_batch(self: Any, x: Any) -> Any:
        """The outputs for one batch, as NumPy arrays."""
        data = self._data(x)
        program = self._prediction(data)
        return program.nest(run_batch(program, data))
