"""The samples of a template's copy: fetched, and judged as Meta judges them."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from wacampaign.core.media.rules import shown_size
from wacampaign.core.media.validator import HeaderNeeds, MediaValidator
from wacampaign.core.numbers import KnownNumber
from wacampaign.core.template.copying import SamplePlace
from wacampaign.core.template.creation_fields import SAMPLE_TYPES
from wacampaign.core.template.header_kinds import HEADER_KINDS
from wacampaign.core.words import counted
from wacampaign.operations.media_uploads import Content
from wacampaign.operations.repair_choice import UnfitMedium, warnings_of
from wacampaign.problems import Refused


async def fetch_samples(
    places: Sequence[SamplePlace],
    name: str,
    new: str,
    media_given: str | None,
    number: KnownNumber,
    validator: MediaValidator,
) -> tuple[tuple[Content, ...], tuple[str, ...]]:
    """The files for the samples of `name`'s copy `new`, and what is to be said of them.

    `media_given`: file or URL that one sample is taken from, instead of Meta's address of it.
    Raises `Refused` for what is no sample, `UnfitMedium` for what is not fit to be one.
    """
    again = f"wacampaign templates copy {name} {new} --media FILE_OR_URL"
    if media_given is not None and len(places) != 1:
        what = f"{len(places)} samples" if places else "no media in its header"
        raise Refused(
            f"{name} has {what}: --media is for a template with one",
            f"wacampaign templates copy {name} {new}",
        )
    contents: list[Content] = []
    warnings: list[str] = []
    for place in places:
        media = media_given or place.sample_url
        if place.kind not in HEADER_KINDS or media is None:
            raise Refused(
                f"the {place.label} of {name} needs a sample, and Meta shows none that could"
                " be taken",
                again if len(places) == 1 else "create the copy in WhatsApp Manager",
            )
        is_url = media.lower().startswith(("http://", "https://"))
        needs = HeaderNeeds(place.kind, place.sample_url, number.phone_number_id)
        report, data = await validator.obtain(media if is_url else Path(media), needs)
        if not report.usable or data is None:
            raise UnfitMedium(new, report)
        mime_type = report.mime_type or ""
        if mime_type not in SAMPLE_TYPES:
            raise Refused(
                f"the {place.label} is {mime_type or 'of an unknown type'}: as a template's sample "
                f"Meta takes {', '.join(sorted(SAMPLE_TYPES))}",
                again,
            )
        file_name = PurePosixPath(unquote(urlsplit(media).path)).name or "sample"
        contents.append(Content(data, mime_type, file_name))
        warnings += warnings_of(report, "upload")
    return tuple(contents), tuple(dict.fromkeys(warnings))


def samples_in_words(contents: Sequence[Content]) -> str:
    """`1 sample (2.1 MB)`; empty without one."""
    if not contents:
        return ""
    size = sum(len(content.data) for content in contents)
    return f"{counted(len(contents), 'sample')} ({shown_size(size)})"
