"""Every code has a sentence for those who know no codes."""

from __future__ import annotations

import pytest

from wacampaign.core.errors.client_words import _BY_CODE, reason_for_clients
from wacampaign.core.errors.table import error_table


def test_every_code_of_the_table_has_a_sentence_without_engineering() -> None:
    for code, entry in error_table().entries.items():
        sentence = reason_for_clients(code)
        assert sentence
        assert not sentence.endswith(".")
        assert "number " + str(code) not in sentence, entry.heading
        for word in ("API", "token", "parameter", "webhook", "payload", "#"):
            assert word not in sentence, (code, sentence)


def test_codes_named_here_are_known_and_named_once() -> None:
    codes = [code for some in _BY_CODE.values() for code in some]
    assert len(set(codes)) == len(codes)
    assert set(codes) <= set(error_table().entries)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (131026, "The number is not on WhatsApp, or cannot receive this message"),
        (131050, "The recipient has switched off marketing messages"),
        (131053, "The image, video or document could not be loaded"),
        (131031, "The sender's account was not allowed to send"),
        (190, "The sender's account was not allowed to send"),
        (133010, "The sender's number was not allowed to send"),
        (132012, "The message did not fit its approved template"),
        (987_654, "WhatsApp gave another reason (number 987654)"),
        (0, "The message could not be sent"),
        (-1, "The message could not be sent"),
    ],
)
def test_what_a_client_reads(code: int, sentence: str) -> None:
    assert reason_for_clients(code) == sentence
