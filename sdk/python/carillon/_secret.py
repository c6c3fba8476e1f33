"""A value that never shows itself."""

from collections.abc import Callable
from typing import NoReturn

_REDACTED = "[redacted]"


class Secret:
    """Hides a value: every way of printing it gives "[redacted]", and it can't be
    pickled. It has no attributes in which a debugger or a logger would find it.
    """

    __slots__ = ("_reveal",)

    def __init__(self, value: str = "") -> None:
        self._reveal: Callable[[], str] = lambda: value  # a cell of a function is in no dump of attributes

    def reveal(self) -> str:
        """Returns the value; "" where there is none."""
        return self._reveal()

    def __bool__(self) -> bool:
        return self._reveal() != ""

    def __repr__(self) -> str:
        return _REDACTED

    def __format__(self, spec: str) -> str:
        return _REDACTED

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not written anywhere; write the value that reveal() returns if you must")
