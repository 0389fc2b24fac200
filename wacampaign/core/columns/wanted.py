"""What a contact list may fill: the places of a template, under the names that people give them."""

from collections.abc import Sequence
from dataclasses import dataclass

from wacampaign.core.columns.names import fold
from wacampaign.core.template.kinds import PROSE, SLOT_KINDS
from wacampaign.core.template.shape import Shape, Slot


@dataclass(frozen=True, slots=True)
class Wanted:
    """One place of a template, as a column or a constant may fill it."""

    #: Of the payload: `var1`, `var2`, …, or the name of what a row may leave out.
    key: str
    #: For people, such as `body {{first_name}}`.
    label: str
    #: What a row brings, for people, such as `a URL or media id`.
    expects: str
    #: What `--map` calls it in our own examples; no two places of a template have the same, except
    #: those of one variable.
    name: str
    #: Its variable in the template (of NAMED ones), folded: places with the same one get the same
    #: value. Those of cards do not: each card has its own.
    variable: str | None
    #: Other names of a column that mean it, folded.
    others: frozenset[str]
    required: bool = True
    #: A text there is meant for reading; a row of digits in it is no wonder elsewhere.
    is_prose: bool = True
    #: Which kind of place, as `Slot.role` has it.
    role: str = "body"

    @property
    def in_words(self) -> str:
        """The place and, where its label does not say it, what goes there."""
        return self.label if self.expects == "text" else f"{self.label} ({self.expects})"

    def is_named(self, folded: str) -> bool:
        """Whether a column of this folded name means it."""
        return bool(folded) and (folded == self.variable or folded in self.others)


def wanted_by(shape: Shape) -> tuple[Wanted, ...]:
    """All places of a template: those that must be filled first, in the order of var1, var2, …"""
    required = [(f"var{n}", slot, True) for n, slot in enumerate(shape.slots(), start=1)]
    optional = [(slot.key or "", slot, False) for slot in shape.optional()]
    places = required + optional
    return tuple(
        Wanted(
            key=key,
            label=slot.label,
            expects=SLOT_KINDS[slot.role].expects,
            name=_name(slot, key, [other for _, other, _ in places if other is not slot]),
            variable=fold(slot.parameter_name) if slot.parameter_name and not slot.card else None,
            others=frozenset({fold(key), *map(fold, slot.column_names)} - {""}),
            required=must,
            is_prose=slot.role in PROSE,
            role=slot.role,
        )
        for key, slot, must in places
    )


def _name(slot: Slot, key: str, others: Sequence[Slot]) -> str:
    """Its variable; else the first of its names that is no other place's; else its key."""
    if slot.parameter_name and not slot.card:
        return slot.parameter_name
    taken = {name for other in others for name in (*other.column_names, other.parameter_name)}
    free = (
        name
        for name in slot.column_names
        if fold(name) and name not in taken and not name.isdecimal()
    )
    return key if slot.key else next(free, key)
