"""`codes.toml` is read strictly: what is wrong in it is told with the name of its entry."""

from __future__ import annotations

from importlib import resources

import pytest

from wacampaign.core.errors.table import error_table, read_table

TEXT = resources.files("wacampaign.core.errors").joinpath("codes.toml").read_text("utf-8")


def test_the_table_is_what_the_file_says_and_is_read_once() -> None:
    assert read_table(TEXT) == error_table()
    assert error_table() is error_table()


@pytest.mark.parametrize(
    ("stands", "wrong", "told"),
    [
        ('kind = "pauses_token"', 'kind = "stops"', "sender.0: 'stops' is unknown or missing"),
        ('kind = "pauses_token"', 'scope = "token"', "sender.0: 'kind' is unknown or missing"),
        ('scope = "media"', 'scope = "video"', "payload.100: 'video' is not a valid Scope"),
        ('handling = "cooldown"', 'handling = "rest"', "recipient.131049: 'rest' is not a valid"),
        ("http_status = 404", "htpp_status = 404", "payload.132001: 'htpp_status' is unknown"),
        ("http_status = 404", 'http_status = "404"', "payload.132001: http_status cannot be '404'"),
        ("http_status = 404", "retryable = 1", "payload.132001: retryable cannot be 1"),
        ('next_step = "{sync}"', 'next_step = "{sink}"', "payload.132001: 'sink' is unknown"),
        ('next_step = "{sync}"', "", "payload.132001: 'next_step' is unknown or missing"),
        ('title = "AuthException"', "", "sender.0: .*missing.*'title'"),
        ('title = "AuthException"', 'title = ["Auth"]', r"sender.0: title cannot be \['Auth'\]"),
        ("[limits.613]", "[limits.OAuth]", "limits.OAuth: invalid literal for int"),
        ("[limits.613]", "[limits.4]", r"Cannot declare \('limits', '4'\) twice"),
        ("[limits.613]", "[limits.33]", "sender.33: the code stands twice"),
        ("[limits.613]", "[limits.250-260]", "permissions.250: the code stands twice"),
        ("[limits.613]", "[limits.620-613]", "limits.620-613: the range is empty"),
        ("[limits.613]", "[more]\n77 = 5\n[limits.613]", "more: no code stands in it"),
        ("[sentences]", "more = 3\n[sentences]", "more: no code stands in it"),
        ("http_status = 404", "hold_seconds = -5", "payload.132001: hold_seconds cannot be -5"),
        ('title = "AuthException"', 'title = ""', "sender.0: title cannot be ''"),
        ("470 = 131047", "613 = 131047", "old_codes.613: 613 stands twice, or"),
        ("470 = 131047", "470 = 131046", "old_codes.470: .*131046 in no group"),
        ('{resume}"\nfix', '{resum}"\nfix', "sentences: 'resum' is unknown or missing"),
        ("[fallback.no_code]", "[fallback.none]", "fallback: 'no_code' is unknown or missing"),
    ],
)
def test_what_is_wrong_is_told_by_name(stands: str, wrong: str, told: str) -> None:
    assert stands in TEXT
    with pytest.raises(ValueError, match=told):
        read_table(TEXT.replace(stands, wrong, 1))
