"""Why a text is no phone number that can be sent to."""


class BadPhone(ValueError):  # noqa: N818 - the reason is shown to people, beside the phone
    """The text is no phone number that can be sent to; `reason` says why, without the number."""

    #: Whether it was meant as a phone number all the same.
    meant_as_phone = False

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DamagedPhone(BadPhone):
    """It was a phone number before a spreadsheet rounded it."""

    meant_as_phone = True


class TwoNumbers(BadPhone):
    """It may be two numbers, or one and something behind it."""

    meant_as_phone = True
