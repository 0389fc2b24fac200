"""Reference pages name what the program has."""

from __future__ import annotations

import re

from tests.docs import error_codes, media_findings, template_kinds
from tests.docs.pages import DOCS, ROOT, section, table_rows
from wacampaign import settings
from wacampaign.cli.program import DEBUG_SETTING
from wacampaign.core.errors.table import error_table
from wacampaign.core.investigation.hypotheses import HYPOTHESES
from wacampaign.core.preflight import checks

REFERENCE = DOCS / "reference"


def _documented_settings() -> dict[str, str]:
    return {row[0]: row[-1] for row in table_rows((REFERENCE / "settings.md").read_text("utf-8"))}


def _known_settings() -> set[str]:
    return {name for one in settings._KNOWN.values() for name in one.names} | {DEBUG_SETTING}


def test_every_setting_is_documented_and_no_other() -> None:
    assert _documented_settings().keys() == _known_settings()


def test_settings_are_called_by_their_names() -> None:
    """A message sends people to a setting by its name."""
    known = _known_settings() | {"WACAMPAIGN_TEST_POSTGRES"}  # the bench's and the tests' own
    families = "|".join(sorted({name.partition("_")[0] for name in known}))
    a_setting = re.compile(rf"\b(?:{families})_[A-Z][A-Z0-9_]*")
    texts = [ROOT / "README.md", *DOCS.rglob("*.md"), *(ROOT / "wacampaign").rglob("*.*")]
    wrong = {
        (name, str(text.relative_to(ROOT)))
        for text in texts
        if text.suffix in (".md", ".py", ".sql", ".toml")
        for name in a_setting.findall(text.read_text("utf-8"))
        if name not in known
    }
    assert wrong == set()


def test_the_example_file_has_documented_settings_only() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    names = re.findall(r"^([A-Z_]+)=", example, re.MULTILINE)
    assert names
    assert set(names) <= _documented_settings().keys()


def test_defaults_are_those_of_the_program() -> None:
    documented = _documented_settings()
    assert documented["WHATSAPP_API_URL"] == settings.DEFAULT_API_URL
    assert documented["WHATSAPP_API_VERSION"] == settings.DEFAULT_API_VERSION
    assert documented["WACAMPAIGN_IN_DOUBT_MINUTES"] == f"{settings.IN_DOUBT_MINUTES:g}"


def test_error_codes_are_current() -> None:
    page = (REFERENCE / "error-codes.md").read_text("utf-8")
    assert page == error_codes.markdown(), "python -m tests.docs.error_codes > the page"


def test_every_error_code_is_listed() -> None:
    assert error_codes.documented_codes() == error_table().entries.keys()


def test_media_findings_are_current() -> None:
    page = (REFERENCE / "media-findings.md").read_text("utf-8")
    assert page == media_findings.markdown(), "python -m tests.docs.media_findings > the page"


def test_kinds_of_templates_are_current() -> None:
    page = (REFERENCE / "template-kinds.md").read_text("utf-8")
    assert page == template_kinds.markdown(), "python -m tests.docs.template_kinds > the page"


def test_every_hypothesis_is_explained() -> None:
    page = (DOCS / "how-to" / "write-an-incident-report.md").read_text("utf-8")
    assert tuple(row[0] for row in table_rows(section(page, "3. Read the verdicts"))) == HYPOTHESES


#: A line of a preflight, made.
LINE = re.compile(r"\b(?:Line|ok|warn|fail|skipped)\(\s*\"(\w+)\"")


def _checks_made() -> dict[str, set[str]]:
    modules = (ROOT / "wacampaign" / "core" / "preflight").glob("*_checks.py")
    return {module.stem: set(LINE.findall(module.read_text("utf-8"))) for module in modules}


def _test_message_checks() -> set[str]:
    return set(LINE.findall((ROOT / "wacampaign/operations/test_message.py").read_text("utf-8")))


def test_the_checks_of_a_preflight_are_listed_where_they_are_put_together() -> None:
    listed = {
        module: set(names.split(", "))
        for module, names in re.findall(r"^- `(\w+)`: (.+)$", checks.__doc__ or "", re.MULTILINE)
    }
    assert listed == _checks_made()


def test_every_check_of_a_preflight_is_explained() -> None:
    page = (DOCS / "how-to" / "check-before-it-starts.md").read_text("utf-8")
    explained = {
        name
        for row in section(page, "What it looks at").splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert explained == set.union(*_checks_made().values(), _test_message_checks())
