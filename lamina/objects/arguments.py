"""The arguments of constructors: what there is, and the error for one that there is not."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from lamina.base.errors import UnknownArgumentError

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

# What other libraries call the same.
_MEANT = {
    "bias": "use_bias", "eps": "epsilon", "hidden_size": "units", "lr": "learning_rate",
    "out_channels": "filters", "out_features": "units", "p": "rate", "stride": "strides",
}  # fmt: skip


class TellsArguments:
    """The base of classes whose constructors are called by users: a misspelt argument is told with the right name."""

    def __new__(cls: type[T], *args: Any, **kwargs: Any) -> T:
        if cls.__init__ is object.__init__ and args:
            raise TypeError(f"{cls.__name__}() takes no arguments")  # as Python says of classes without `__new__`
        if kwargs:
            check_arguments(cls, args, kwargs)
        return super().__new__(cls)  # type: ignore[misc]


@functools.lru_cache(maxsize=1024)
def _signature(cls: type) -> inspect.Signature:
    return inspect.signature(cls.__init__)  # type: ignore[misc]


def argument_names(cls: type) -> set[str]:
    """The arguments that the constructor of a class has, with those that it hands on to the class's bases."""
    names: set[str] = set()
    for base in cls.__mro__:
        if "__init__" not in base.__dict__ or base is object:
            continue
        parameters = list(_signature(base).parameters.values())[1:]
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        names |= {p.name for p in parameters if p.kind in named}
        if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
            break
    return {name for name in names if not name.startswith("_")}


def check_arguments(cls: type, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Raises UnknownArgumentError where Python would refuse the call, because a keyword is not the right one."""
    try:
        if cls.__init__ is object.__init__:  # type: ignore[misc]
            raise TypeError
        _signature(cls).bind(None, *args, **kwargs)
    except TypeError:
        names = argument_names(cls)
        wrong = [name for name in kwargs if name not in names]
        if wrong:
            raise unknown_argument(cls.__name__, wrong[0], names) from None


def tells_arguments(method: F) -> F:
    """Decorator of methods with many arguments: a misspelt one is told with the right name."""
    names = frozenset(list(inspect.signature(method).parameters)[1:])

    @functools.wraps(method)
    def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not kwargs.keys() <= names:
            wrong = next(name for name in kwargs if name not in names)
            raise unknown_argument(f"{type(self).__name__}.{method.__name__}()", wrong, names)
        return method(self, *args, **kwargs)

    return cast(F, checked)


def unknown_argument(owner: str, name: str, known: Iterable[str]) -> UnknownArgumentError:
    """The error for an argument that `owner` does not have; it tells the most similar one, or all."""
    import difflib  # only errors need it

    names = sorted(known)
    close = [_MEANT[name]] if _MEANT.get(name) in names else difflib.get_close_matches(name, names, n=1)
    close = close or [known for known in names if name in known.split("_")]
    if close:
        advice = f"Did you mean {' or '.join(map(repr, close))}?"
    else:
        advice = f"It has: {', '.join(names)}." if names else "It has none."
    return UnknownArgumentError(f"{owner} does not have the argument {name!r}. {advice}")
