"""Lookup tables of a header, read as they were meant (DICOM PS3.3 C.11.1.1 and C.11.2.1.1).

Their descriptors are often wrong: entries of 12 bits that are said to have 16, a first value written with the other
sign, two entries of 8 bits in each word of what is said to be 16. Where the data itself tells what was meant, that is
taken and said; where it does not, the table cannot be used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ho_imaging.messages import Message
from ho_imaging.reading.values import numbers_of, values_of

__all__ = ["LookupTable", "LookupTableError", "read_lookup_table"]

_MOST_BITS = 16
_WORDS = 1 << 16


class LookupTableError(ValueError):
    """A lookup table cannot be used; ``wrong`` says why, as a part of a message."""

    def __init__(self, wrong: Message) -> None:
        super().__init__(str(wrong))
        self.wrong = wrong


@dataclass(frozen=True, eq=False)
class LookupTable:
    """``entries[i]`` is what ``first + i`` becomes, int64 of ``bits`` bits; values outside take the nearest entry.

    ``doubts``: where the descriptor and the data disagree, each as a part of a message.
    """

    entries: NDArray[np.int64]
    first: int
    bits: int
    explanation: str
    doubts: tuple[Message, ...]

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Look values up."""
        places = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1).astype(np.int64)
        return np.asarray(self.entries[places], dtype=np.float64)

    def shown(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Look values up as parts of the whole range of an entry, 0 to 1."""
        return self.apply(values) / float((1 << self.bits) - 1)


def read_lookup_table(
    item: Dataset, *, little_endian: bool, signed_input: bool, occurring: tuple[float, float]
) -> LookupTable:
    """Read one item of a Modality or VOI LUT Sequence.

    Parameters
    ----------
    item
        With LUT Descriptor and LUT Data, of whatever value representation.
    little_endian
        The order of bytes in the data set.
    signed_input
        Whether the values that are looked up may be negative: then so may the first value mapped.
    occurring
        Smallest and largest value that is looked up.

    Raises
    ------
    LookupTableError
        If there is no descriptor of three numbers, no data, or less data than stated.

    """
    doubts: list[Message] = []
    count, first, bits = _descriptor(item, little_endian=little_endian)
    words = _words(item, little_endian=little_endian)
    if len(words) < count and len(words) in {(count + 1) // 2, (count + 1) // 2 + 1}:
        # Two entries of 8 bits in each word, the first in its low byte.
        if bits > 8:
            doubts.append(Message("wrong.entries_in_words", bits=bits))
            bits = 8
        words = words.astype("<u2").view(np.uint8)
    if len(words) < count:
        raise LookupTableError(Message("wrong.entries_few", stated=count, held=len(words)))
    entries = words[:count].astype(np.int64)
    if int(entries.max()) == 0:
        raise LookupTableError(Message("wrong.entries_zero"))
    needed = int(entries.max()).bit_length()
    if bits != needed:
        # Fewer bits in use than stated leave the film dark, more would be cut off.
        if bits:
            doubts.append(Message("wrong.entry_bits", stated=bits, held=needed))
        else:
            doubts.append(Message("wrong.entry_bits_unstated", held=needed))
        bits = needed
    first, doubt = _first_mapped(first, count, signed_input=signed_input, occurring=occurring)
    if doubt:
        doubts.append(doubt)
    explanation = str(item.get("LUTExplanation", "") or "").strip()
    return LookupTable(entries, first, bits, explanation, tuple(doubts))


def _descriptor(item: Dataset, *, little_endian: bool) -> tuple[int, int, int]:
    values = values_of(item, "LUTDescriptor")
    if len(values) == 1 and isinstance(values[0], bytes) and len(values[0]) == 6:
        values = list(np.frombuffer(values[0], dtype="<u2" if little_endian else ">u2").tolist())
    numbers = numbers_of(values)
    if numbers is None or len(numbers) != 3 or any(number != int(number) for number in numbers):
        raise LookupTableError(Message("wrong.no_descriptor"))
    count, first, bits = (int(number) for number in numbers)
    # 0 stands for 65536, and what was written as signed wraps (PS3.3 C.11.1.1).
    count = count & (_WORDS - 1) or _WORDS
    return count, first, bits if 0 < bits <= _MOST_BITS else 0


def _words(item: Dataset, *, little_endian: bool) -> NDArray[np.uint16]:
    values = values_of(item, "LUTData")
    if len(values) == 1 and isinstance(values[0], bytes):
        data = values[0]
        return np.frombuffer(data + b"\0" * (len(data) % 2), dtype="<u2" if little_endian else ">u2").astype(np.uint16)
    if not values:
        raise LookupTableError(Message("wrong.no_data"))
    try:
        numbers = np.asarray([int(value) for value in values])  # type: ignore[call-overload]  # the except is the check
    except (TypeError, ValueError) as error:
        raise LookupTableError(Message("wrong.data_no_numbers")) from error
    if numbers.min() < -(_WORDS // 2) or numbers.max() >= _WORDS:
        raise LookupTableError(Message("wrong.entries_wide"))
    return (numbers & (_WORDS - 1)).astype(np.uint16)


def _first_mapped(
    stated: int, count: int, *, signed_input: bool, occurring: tuple[float, float]
) -> tuple[int, Message | None]:
    """Return the first value mapped, signed as the values are that are looked up.

    It has 16 bits, and whether it was written as signed or unsigned says nothing. The other sign is taken only where
    the right one leaves every value outside the table and the other does not.
    """
    cell = stated & (_WORDS - 1)
    negative = cell - _WORDS if cell >= _WORDS // 2 else cell
    first, other = (negative, cell) if signed_input else (cell, negative)

    def reached(start: int) -> bool:
        return start <= occurring[1] and start + count > occurring[0]

    if first != other and not reached(first) and reached(other):
        return other, Message("wrong.first_value_sign")
    return first, None
