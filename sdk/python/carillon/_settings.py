"""The settings of an account, and what is wrong in them."""

import dataclasses
import json
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from ._secret import Secret

T = TypeVar("T")


@dataclass(frozen=True)
class Fault:
    """One thing wrong in the settings. path names the setting ("tls.mode"); problem
    says what is wrong and what to do, and never shows a secret."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem


class Faults(Exception):
    """What Channel.open raises for wrong settings: all of them at once."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__()
        self.faults = list(faults)

    def add(self, ok: object, path: str, problem: str) -> None:
        """Records a fault where ok is false."""
        if not ok:
            self.faults.append(Fault(path, problem))

    def check(self) -> None:
        """Raises itself where there are any."""
        if self.faults:
            raise self

    def __str__(self) -> str:
        return "; ".join(map(str, self.faults))


@dataclass(frozen=True)
class AccountConfig:
    """What an account is opened with."""

    name: str = ""
    """The account's name in the engine's configuration."""
    settings: bytes = b"{}"
    """A JSON object that follows Description.settings_schema."""
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    """The resolved secrets by name. See secret."""

    def secret(self, name: str) -> Secret:
        """Returns a secret; an empty one where it is not set."""
        return self.secrets.get(name) or Secret()

    def decode(self, into: type[T]) -> T:
        """Reads the settings into a dataclass. Its fields may be of type str, bool,
        int, float, timedelta (written "1.5s", "250ms" or "2m"), list, dict, another
        dataclass, or one of these or None. A field without a default must be set.

        What can't be read (an unknown setting, a wrong type) is raised as Faults,
        all of them at once, each with its path."""
        faults = Faults()
        try:
            value = json.loads(self.settings or b"{}")
        except (ValueError, RecursionError):  # the second where lists are nested by the thousand
            value = None
        made = _object(into, value, "", faults)
        faults.check()
        return typing.cast(T, made)


def _object(into: type, value: Any, path: str, faults: Faults) -> Any:
    if not isinstance(value, dict):
        faults.add(False, path, "must be a JSON object")
        return None
    hints = typing.get_type_hints(into)
    fields = {f.name: f for f in dataclasses.fields(into) if f.init}
    made = {}
    for name in sorted(value):
        at = f"{path}.{name}".removeprefix(".")
        if name in fields:
            made[name] = _value(hints[name], value[name], at, faults)
        else:
            known = ", ".join(sorted(fields))
            faults.add(False, at, f"is no setting of this channel; known here: {known}")
    for name, f in fields.items():
        if name not in made and f.default is f.default_factory is dataclasses.MISSING:
            faults.add(False, f"{path}.{name}".removeprefix("."), "is needed")
    return None if faults.faults else into(**made)


def _value(hint: Any, value: Any, path: str, faults: Faults) -> Any:
    if dataclasses.is_dataclass(hint):
        return _object(typing.cast(type, hint), value, path, faults)
    if hint is timedelta:
        return _timedelta(value, path, faults)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in args:
            return None
        return _value(next(a for a in args if a is not type(None)), value, path, faults)
    plain = origin or hint
    if plain is Any or (plain is float and type(value) is int) or type(value) is plain:
        if plain is list and args:
            return [_value(args[0], v, f"{path}[{i}]", faults) for i, v in enumerate(value)]
        if plain is dict and args:
            return {k: _value(args[1], v, f"{path}.{k}", faults) for k, v in value.items()}
        return value
    faults.add(False, path, f"is a {_JSON.get(type(value), 'null')}, must be a {_JSON.get(plain, plain)}")
    return None


_JSON: dict[Any, str] = {
    str: "string", bool: "boolean", int: "whole number", float: "number", list: "list", dict: "JSON object",
}  # fmt: skip

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)"


def _timedelta(value: Any, path: str, faults: Faults) -> timedelta | None:
    if isinstance(value, str) and (value == "0" or re.fullmatch(f"-?({_PART})+", value)):
        seconds = sum(float(n) * _UNITS[unit] for n, unit in re.findall(_PART, value))
        return timedelta(seconds=-seconds if value.startswith("-") else seconds)
    faults.add(False, path, 'must be a duration in quotes, such as "1.5s", "250ms" or "2m"')
    return None
