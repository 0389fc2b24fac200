"""Which language of a template goes out: asked where Meta has approved several."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from wacampaign.cli.output import ask, at_terminal, say
from wacampaign.operations.templates import SeveralLanguages

Found = TypeVar("Found")


def in_one_language(
    find: Callable[[Sequence[str]], Found], templates: Sequence[str], *, may_ask: bool
) -> Found:
    """What `find` makes of the templates (`NAME` or `NAME:LANGUAGE`), each in one language.

    A person at the terminal is asked; else `SeveralLanguages` is raised.
    """
    while True:
        try:
            return find(templates)
        except SeveralLanguages as several:
            if not (may_ask and at_terminal()):
                raise
            language = _asked(several)
            templates = [
                f"{text}:{language}" if text == several.name else text for text in templates
            ]


def _asked(several: SeveralLanguages) -> str:
    """The code that a person chose, by its number or by itself."""
    codes = [template.language for template in several.approved]
    say(f"the template {several.name} is approved in {len(codes)} languages:")
    for n, template in enumerate(several.approved, 1):
        say(f"  {n}  {template.language}  {template.category}, {template.needs_in_words}")
    while answer := ask(f"Which one goes out? [1-{len(codes)}] "):
        if answer in codes:
            return answer
        if answer.isdecimal() and 1 <= int(answer) <= len(codes):
            return codes[int(answer) - 1]
        say(f"{answer!r} is none of them")
    raise several
