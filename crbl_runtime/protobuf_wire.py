"""Reads the wire format of protobuf strictly: bounded, without copies, and without a length that is believed.

It is described at protobuf.dev/programming-guides/encoding. What may follow where is a table of the caller, `Message`;
what is not in it is an error, and so is a field twice that may come once, which other readers would join or replace.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

# A varint of 64 bits has ten bytes at most, the last of which holds one bit.
_LONGEST_VARINT = 10
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5

Kind = Literal["integer", "integers", "text", "bytes"]


class WireFormatError(ValueError):
    """Bytes that are no message of the kind that was expected. Its text continues "The file ..."."""


@dataclass(frozen=True)
class Field:
    """A field of a message: `kind` is what it holds, `repeated` whether it may come more than once.

    "integers" may be packed and are repeated always. Bytes are given as a view of the file.
    """

    name: str
    kind: "Kind | Message"
    repeated: bool = False


@dataclass(frozen=True)
class Message:
    """What a message may hold.

    Attributes:
        called: "a node", as messages name it. fields: by their number.
        refused: what a field means that is known and not allowed, by its number.
    """

    called: str
    fields: dict[int, Field]
    refused: dict[int, str] = field(default_factory=dict)


# The values of each field that is there, in their order, by its name: integers are 0 to 2**64 - 1, as they are stored.
Values = dict[str, list[Any]]


def only(values: Values, name: str, default: Any = None) -> Any:
    """The value of a field that may come once."""
    found = values.get(name)
    return found[0] if found else default


class Reader:
    """Reads messages until they have more values than `most_values` together, so that no file takes long."""

    def __init__(self, most_values: int) -> None:
        self._most_values = most_values
        self._left = most_values

    def read(self, content: memoryview, message: Message) -> Values:
        """The values of a message and of all messages in it. Only as deep as the tables are.

        Raises:
            WireFormatError: the bytes are no such message.
        """
        values: Values = {}
        for number, wire_type, value in _fields(content):
            known = message.fields.get(number)
            if known is None:
                meaning = message.refused.get(number, f"a field {number}, which no CRBL model has")
                raise WireFormatError(f"has {message.called} with {meaning}")
            found = self._values(known, wire_type, value, message)
            self._left -= max(len(found), 1)
            if self._left < 0:
                raise WireFormatError(f"has more than {self._most_values} values")
            if known.name in values and not (known.repeated or known.kind == "integers"):
                raise WireFormatError(f"has {message.called} with two fields '{known.name}', expected one")
            values.setdefault(known.name, []).extend(found)
        return values

    def _values(self, known: Field, wire_type: int, value: int | memoryview, message: Message) -> list[Any]:
        kind = known.kind
        if kind in ("integer", "integers") and wire_type == _VARINT:
            return [value]
        if isinstance(value, memoryview):
            if isinstance(kind, Message) and wire_type == _LENGTH:
                return [self.read(value, kind)]
            if kind == "text" and wire_type == _LENGTH:
                return [_text(value, message)]
            if kind == "bytes" and wire_type == _LENGTH:
                return [value]
            if kind == "integers" and wire_type == _LENGTH and len(value) <= self._left * _LONGEST_VARINT:
                return list(packed_integers(value))
        raise WireFormatError(f"has {message.called} whose '{known.name}' has the wrong type or length")


def _fields(content: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Number, wire type and value of each field: an integer, or a view of its bytes."""
    position, end = 0, len(content)
    while position < end:
        key, position = _varint(content, position)
        number, wire_type = key >> 3, key & 7
        if not 0 < number < 2**29:
            raise WireFormatError(f"has a field with the number {number}")
        if wire_type == _VARINT:
            value, position = _varint(content, position)
            yield number, wire_type, value
            continue
        if wire_type == _LENGTH:
            length, position = _varint(content, position)
        elif wire_type in (_FOUR_BYTES, _EIGHT_BYTES):
            length = 4 if wire_type == _FOUR_BYTES else 8
        else:
            raise WireFormatError(f"has a field of the wire type {wire_type}")
        if length > end - position:
            raise WireFormatError(f"has a field of {length} bytes where only {end - position} follow")
        yield number, wire_type, content[position : position + length]
        position += length


def _varint(content: memoryview, position: int) -> tuple[int, int]:
    """The integer that starts at a position, and the position after it."""
    value = 0
    for place, byte in enumerate(content[position : position + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            if value >= 2**64:
                break
            return value, position + place + 1
    raise WireFormatError("has an integer that does not end or has more than 64 bits")


def packed_integers(content: memoryview) -> Iterator[int]:
    """The integers of a packed field, 0 to 2**64 - 1.

    Raises:
        WireFormatError: the last one does not end, or one has more than 64 bits.
    """
    position = 0
    while position < len(content):
        value, position = _varint(content, position)
        yield value


def _text(content: memoryview, message: Message) -> str:
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError as error:
        raise WireFormatError(f"has {message.called} that is no UTF-8") from error
