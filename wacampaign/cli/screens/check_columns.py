"""Where the texts of checks stand: beside their names, or below them on a narrow screen."""

from dataclasses import dataclass
from typing import Final

from wacampaign.core.display_width import broken

#: Columns that a text needs beside its name: what is broken more often cannot be read.
_ROOM_MIN: Final = 24
_INDENT: Final = 2


@dataclass(frozen=True, slots=True)
class CheckColumns:
    """`head`: columns of verdict and name, with the space behind; `width`: of the screen."""

    head: int
    width: int

    @property
    def _beside(self) -> bool:
        return self.width - self.head >= _ROOM_MIN

    @property
    def _margin(self) -> str:
        return " " * (self.head if self._beside else _INDENT)

    def text(self, text: str) -> list[str]:
        """Its lines; the first goes behind verdict and name."""
        first, *rest = self._broken(text) or [""]
        return [first.lstrip(), *rest] if self._beside else ["", first, *rest]

    def fix(self, text: str, sign: str) -> list[str]:
        """The lines of what mends it, the first of them with the sign."""
        return self._broken(text, sign)

    def _broken(self, text: str, sign: str = "") -> list[str]:
        margin = self._margin
        return broken(text, self.width, margin + sign, margin + " " * len(sign))
