"""Who is in a list already: the same number, or the same person in another national spelling."""

from collections.abc import Iterator

from wacampaign.core.national_spellings import has_spellings, person_of, spelling
from wacampaign.core.phone_set import PhoneSet


class Recipients:
    """Recipients seen so far, exact; see `PhoneSet` for the memory."""

    __slots__ = ("_numbers", "_people", "_word", "perhaps")

    def __init__(self, word: str = "line") -> None:
        """`word`: what the lines are called, of a spreadsheet rows."""
        self._word = word
        #: Those that may be a person seen before, in the other spelling.
        self.perhaps = 0
        self._people = PhoneSet()
        #: Numbers of countries with two spellings, as they are written.
        self._numbers = PhoneSet()

    def __len__(self) -> int:
        """People: two spellings of one count once."""
        return len(self._people)

    def __iter__(self) -> Iterator[int]:
        """The people, as `person_of` names them."""
        return iter(self._people)

    def seen_before(self, phone: str, line: int) -> str:
        """Remembers `phone` (8 to 15 digits) of `line`; says whom it repeats, or nothing."""
        if not has_spellings(phone):
            first = self._people.add(phone, line)
            return f"the same recipient as {self._word} {first}" if first else ""
        earlier = self._numbers.add(phone, line)
        first = self._people.add(person_of(phone), line)
        if earlier:
            return f"the same recipient as {self._word} {earlier}"
        if first:
            self.perhaps += 1
            return (
                f"may be the same person as {self._word} {first}: "
                f"written with and without {spelling(phone)}"
            )
        return ""
