"""The user's data as arrays and batches that a program can read, or an error that says what is wrong with it."""

from lamina.data.arrays import to_array
from lamina.data.batches import Batch, BatchSource
from lamina.data.dataset import ArrayData
from lamina.data.pydataset import PyDataset
from lamina.data.sequences import BucketedSequences, bucket_by_length, pad_sequences
from lamina.data.timeseries import TimeSeries, timeseries_dataset_from_array

__all__ = [
    "ArrayData", "Batch", "BatchSource", "BucketedSequences", "PyDataset", "TimeSeries", "bucket_by_length",
    "pad_sequences", "timeseries_dataset_from_array", "to_array",
]  # fmt: skip
