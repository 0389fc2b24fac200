"""Why a message did not arrive, in words for those whose campaign it is and who know no codes.

Several codes share a sentence: a client decides nothing by the difference. What no sentence here
names goes by what the code concerns (`Scope`), so that every code has one.
"""

from typing import Final

from wacampaign.core.errors import known
from wacampaign.core.outcomes import Scope

#: Sentence → codes. What the codes mean: codes.toml.
_BY_CODE: Final = {
    "The number is not on WhatsApp, or cannot receive this message": (131026,),
    "The recipient has switched off marketing messages": (131050,),
    "WhatsApp limits marketing messages to this person for now": (131049,),
    "WhatsApp left this person out of marketing as a trial": (130472,),
    "The business has blocked this person": (130403,),
    "WhatsApp does not let this business write to that country": (130497,),
    "The image, video or document could not be loaded": (131052, 131053),
    "WhatsApp had paused or withdrawn the message template": (
        *(132001, 132007, 132015, 132016, 132068, 132069, 131061, 131063, 134101, 134102),
        *(141002,),
    ),
    "A limit of WhatsApp's was reached": (
        *(4, 613, 429, 80007, 130429, 131048, 131056, 131064, 133016, 141010),
    ),
    "WhatsApp's service was disturbed": (2, 131016, 131057, 133004),
    "WhatsApp refused it without a reason": (1, 131000, 135000),
    "The sender's payment method was not accepted": (131042, 131044, 134011, 141006),
}
_SENTENCE_OF: Final = {code: text for text, codes in _BY_CODE.items() for code in codes}

_BY_SCOPE: Final = {
    Scope.RECIPIENT: "WhatsApp could not reach this recipient",
    Scope.PAIR: "WhatsApp could not reach this recipient",
    Scope.TEMPLATE: "The message did not fit its approved template",
    Scope.CHANGED: "The message did not fit its approved template",
    Scope.MEDIA: "The image, video or document could not be loaded",
    Scope.NUMBER: "The sender's number was not allowed to send",
    Scope.ACCOUNT: "The sender's account was not allowed to send",
    Scope.TOKEN: "The sender's account was not allowed to send",
}
#: Of failures that bring no code of Meta's.
_NO_CODE: Final = "The message could not be sent"


def reason_for_clients(code: int) -> str:
    """A sentence without its full stop; 0: there was no code."""
    if (sentence := _SENTENCE_OF.get(code)) is not None:
        return sentence
    if code <= 0:
        return _NO_CODE
    entry = known(code)
    return (
        f"WhatsApp gave another reason (number {code})" if entry is None else _BY_SCOPE[entry.scope]
    )
