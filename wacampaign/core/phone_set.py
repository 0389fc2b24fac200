"""An exact set of phone numbers in bounded memory: a million in 25 MB, where a dict takes 110."""

from array import array
from collections.abc import Iterator
from typing import Final

#: 2**64 divided by the golden ratio (Fibonacci hashing): numbers of one list differ in their last
#: digits only, and this spreads neighbours over the whole table.
_SPREAD: Final = 0x9E3779B97F4A7C15
_MASK64: Final = (1 << 64) - 1
#: Slots; the table is kept at most two thirds full.
_SLOTS_MIN: Final = 1 << 10


class PhoneSet:
    """Phones seen so far and the line each was seen on first. Exact: no false repeat.

    An open-addressing table: 8 bytes a slot for the number (15 digits fit in 50 bits), 4 for its
    line, at most two thirds full; 25 MB for a million numbers, half as much again while it
    grows.
    """

    __slots__ = ("_lines", "_numbers", "_room", "_shift", "_slots")

    def __init__(self) -> None:
        self._allocate(_SLOTS_MIN)

    def _allocate(self, slots: int) -> None:
        self._slots = slots
        self._shift = 64 - (slots.bit_length() - 1)
        self._room = slots * 2 // 3
        self._numbers = array("Q", [0]) * slots
        self._lines = array("I", [0]) * slots

    def add(self, phone: str, line: int) -> int:
        """Remember `phone` (ASCII digits, not all zero) as seen on `line` (from 1 to 2**32 - 1).

        Returns 0 when it is new, else the line on which it was seen first.
        """
        number = int(phone)
        numbers = self._numbers
        slot = ((number * _SPREAD) & _MASK64) >> self._shift
        while present := numbers[slot]:
            if present == number:
                return self._lines[slot]
            slot = (slot + 1) & (self._slots - 1)
        numbers[slot] = number
        self._lines[slot] = line
        self._room -= 1
        if self._room <= 0:
            self._grow()
        return 0

    def __len__(self) -> int:
        """Different phones."""
        return self._slots * 2 // 3 - self._room

    def __iter__(self) -> Iterator[int]:
        """Each phone once, as a number, in no order."""
        return (number for number in self._numbers if number)

    def _grow(self) -> None:
        numbers, lines = self._numbers, self._lines
        self._allocate(self._slots * 2)
        shift, mask, new_numbers, new_lines = (
            self._shift,
            self._slots - 1,
            self._numbers,
            self._lines,
        )
        for old, number in enumerate(numbers):
            if not number:
                continue
            slot = ((number * _SPREAD) & _MASK64) >> shift
            while new_numbers[slot]:
                slot = (slot + 1) & mask
            new_numbers[slot] = number
            new_lines[slot] = lines[old]
            self._room -= 1

    @property
    def size_bytes(self) -> int:
        """Bytes that the table takes now."""
        return 12 * self._slots
