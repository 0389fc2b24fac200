"""Cards that a row may bring beyond its template's: each one whole, and none after a gap."""

from collections.abc import Sequence

from wacampaign.core.template.slots import Shape, Slot


class MoreCards:
    """The cards of one template that a row may leave out."""

    def __init__(self, shape: Shape, slots: Sequence[Slot]) -> None:
        """`slots`: those that the values of a row stand for, in their order."""
        at = {id(slot): n for n, slot in enumerate(slots)}
        self._slots = tuple(slots)
        #: Their numbers, and where their values are.
        self._cards = tuple(
            (n, tuple(at[id(slot)] for slot in card.slots()))
            for n, card in enumerate(shape.cards, start=1)
            if not card.is_needed
        )

    def __bool__(self) -> bool:
        return bool(self._cards)

    def fault(self, values: Sequence[str]) -> str | None:
        """What is wrong with the cards of a row, for people; None: nothing is."""
        is_before = True
        for n, positions in self._cards:
            missing = [at for at in positions if not values[at]]
            if 0 < len(missing) < len(positions):
                return f"card {n} is not whole: {self._slots[missing[0]].key} is missing"
            if not missing and not is_before:
                return f"card {n} is there, and card {n - 1} is not"
            is_before = not missing
        return None
