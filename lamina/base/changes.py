"""Whether variables may have changed: what programs keep of their weights from call to call is void once they did."""

from __future__ import annotations


class Changes:
    """What happened to the memory of variables in this process; the one instance is `changes`.

    Attributes:
        count: grows with every change, by an assignment or a program.
        exposed: whether another library was given the memory of a variable, and may write to it unseen.
    """

    def __init__(self) -> None:
        self.count = 0
        self.exposed = False

    def note(self) -> None:
        """To be called whenever the memory of a variable has changed."""
        self.count += 1


changes = Changes()
