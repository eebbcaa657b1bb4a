"""The commands of `python -m lamina`."""
