"""The templates that one campaign may use together, each in one language."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar

from wacampaign.core.numbers import KnownNumber
from wacampaign.core.template.languages import meant_languages
from wacampaign.core.templates import KnownTemplate
from wacampaign.problems import Refused, Usage


@dataclass(frozen=True, slots=True)
class Choice:
    """Templates that one list of contacts can fill."""

    templates: tuple[KnownTemplate, ...]

    @property
    def names(self) -> list[str]:
        return [template.name for template in self.templates]

    @property
    def languages(self) -> dict[str, str]:
        """Name → its language, as Meta writes it."""
        return {template.name: template.language for template in self.templates}


class SeveralLanguages(Refused):
    """A template is approved in several languages, and none of them is named."""

    code: ClassVar[str] = "several_languages"

    def __init__(self, name: str, approved: Sequence[KnownTemplate]) -> None:
        self.name = name
        #: By their codes.
        self.approved = tuple(approved)
        ways = " or ".join(f"--template {template.label}" for template in approved)
        super().__init__(
            f"the template {name!r} is approved in {_listed([t.language for t in approved])}: "
            "say which one goes out",
            f"the same command with {ways}",
        )


def choose_templates(
    known: Sequence[KnownTemplate], number: KnownNumber, wanted: Sequence[str]
) -> Choice:
    """The templates that are wanted (`NAME` or `NAME:LANGUAGE`), if one list can fill them all.

    Raises `Refused` for one that is unknown or cannot be sent, `SeveralLanguages` for one without a
    language that is approved in several, `Usage` for a name given twice and for templates that need
    different columns.
    """
    # A name has no colon: Meta takes small letters, digits and underscores.
    parts = (text.partition(":") for text in wanted)
    pairs = [(name.strip(), language.strip()) for name, _, language in parts]
    _refuse_repeats(pairs)
    by_name: dict[str, list[KnownTemplate]] = defaultdict(list)
    for template in known:
        by_name[template.name].append(template)
    chosen = [_chosen(by_name, number, name, language) for name, language in pairs]
    if len({(template.shape.count, template.header_media) for template in chosen}) > 1:
        listed = "; ".join(f"{template.name}: {template.needs_in_words}" for template in chosen)
        raise Usage(
            f"the templates need different columns, so one list cannot fill them all ({listed})",
            "one campaign for each kind, or choose templates with the same variables",
        )
    return Choice(tuple(chosen))


def _refuse_repeats(pairs: Sequence[tuple[str, str]]) -> None:
    names = [name for name, _ in pairs]
    for name in sorted({name for name in names if names.count(name) > 1}):
        languages = sorted({language for one, language in pairs if one == name and language})
        if len(languages) > 1:
            raise Usage(
                f"the template {name} is given in {_listed(languages)}: rows of a campaign name "
                "their template only, so it has one language of each",
                "one campaign for each language",
            )
        raise Usage(f"the template {name} is given twice", "name each template once")


def _chosen(
    by_name: Mapping[str, Sequence[KnownTemplate]], number: KnownNumber, name: str, language: str
) -> KnownTemplate:
    sync = f"wacampaign templates sync --number {number.phone_number_id}"
    there = [template for template in by_name.get(name, ()) if template.is_active]
    if name not in by_name:
        near = get_close_matches(name, by_name, n=3)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        raise Refused(f"{number.label} has no template {name!r} that is known here{meant}", sync)
    if not there:
        raise Refused(f"Meta no longer has the template {name!r} (by the last sync)", sync)
    approved = sorted((t for t in there if t.may_be_sent), key=lambda t: t.language)
    if language:
        template = _in_language(name, language, there, approved, sync)
    elif len(approved) > 1:
        raise SeveralLanguages(name, approved)
    else:
        standing = (t for t in there if t.is_standing)
        template = approved[0] if approved else next(standing, there[0])
    if not template.may_be_sent:
        others = f"; approved is {_listed([t.label for t in approved])}" if approved else ""
        where = f" in {template.language}" if len(there) > 1 else ""
        raise Refused(
            f"the template {name!r} is {template.status or 'of unknown status'}{where}, "
            f"only an APPROVED one can be sent{others}",
            f"wait for Meta's approval, then: {sync}",
        )
    if template.unusable is not None:
        raise Refused(f"the template {name!r} cannot be used: {template.unusable}", sync)
    refusal = number.marketing.refuses(template.category, template.header_media)
    if refusal is not None:
        raise Refused(
            f"the template {name!r} cannot be sent from {number.label}: {refusal}",
            f"wacampaign number set {number.shown} --marketing-endpoint on",
        )
    return template


def _in_language(
    name: str,
    language: str,
    there: Sequence[KnownTemplate],
    approved: Sequence[KnownTemplate],
    sync: str,
) -> KnownTemplate:
    """The translation with exactly this code. Raises `Refused`, with those that may be meant."""
    for template in there:
        if template.language == language:
            return template
    listed = _listed([f"{t.language} ({t.state})" for t in there])
    may_be_sent = [t.language for t in approved]
    meant = meant_languages(language, may_be_sent) or may_be_sent
    ways = " or ".join(f"--template {name}:{code}" for code in meant)
    raise Refused(
        f"the template {name!r} has no language {language!r}; Meta has it in {listed}",
        f"the same command with {ways}; or, if it is new at Meta: {sync}" if ways else sync,
    )


def _listed(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
