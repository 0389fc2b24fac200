"""Which whole messages mean stop, in any script, and which only have the word in them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wacampaign.core.optout_words import OptOutWords, normal

WORDS = OptOutWords()


#: One a line or between bars; a bar's blanks are part of the text.
STOP = """STOP|stop|Stop.|stop!!|  stop |*STOP*|_stop_|/stop|#stop|ＳＴＯＰ|st\u200bop
\u2066stop\u2069|🛑 STOP 🛑|stop 🙏🏽
Stop\ufe0f|STOP STOP STOP|stop, stop!|unsubscribe|Please stop|stop   promotions
opt-out|OPT OUT|STOPALL|ARRÊT|arret|Désabonner|BAJA|darme de baja|cancelar suscripcion|PARE|Sair
não quero receber mensagens|NAO QUERO RECEBER MENSAGENS|Abmelden|afmelden|СТОП|отписаться!
Відписатися|dur|DURDUR|ABONELİKTEN ÇIK|رُوکیں|توقف|إيقاف|ايقاف|إلغاء الاشتراك|الغاء الاشتراك
بند کریں|بند كريں|रोकें|बंद करें।|स्टॉप|বন্ধ করুন|நிறுத்து|ఆపండి|ನಿಲ್ಲಿಸಿ|നിർത്തുക|બંધ કરો|ਬੰਦ ਕਰੋ
berhenti|Berhenti berlangganan|huỷ đăng ký|หยุด|退订|停止。|取消訂閱|配信停止|ストップ|ｽﾄｯﾌﾟ|수신 거부
στοπ|הסר|opt\u2011out|S T O P|s.t.o.p.|S-T-O-P|停 止|Detener promociones|Ստոպ|სტოპ"""
NOT_STOP = """please stop by tomorrow|don't stop|Don’t stop!|do not stop|nonstop|bus stop|stop at 5?
can't stop|I will stop by|stopping|cancel|end|no|resume|बंद|closed| |🛑|!!!|para mañana|para que
停车|alto|acha|Acha!|s t o p now|a b c"""


@pytest.mark.parametrize("text", re.split(r"[|\n]", STOP))
def test_stop(text: str) -> None:
    wished = WORDS.wished("text", text, None)
    assert wished is not None
    assert (wished.wish, wished.cause) == ("stop", "word")


@pytest.mark.parametrize("text", ["", "stop " * 60, *re.split(r"[|\n]", NOT_STOP)])
def test_not_stop(text: str) -> None:
    assert WORDS.wished("text", text, None) is None


@pytest.mark.parametrize("text", ["START", "unstop", "Старт", "शुरू करें", "ابدأ", "开始", "mulai"])
def test_start(text: str) -> None:
    wished = WORDS.wished("text", text, None)
    assert wished is not None
    assert wished.wish == "start"


def test_buttons_count_by_text_and_by_payload() -> None:
    for kind in ("button", "interactive"):
        for text, payload in [
            ("Stop promotions", None),
            ("Stop promotions", "id_7"),
            ("Not interested", "STOP|diwali"),
            ("Not interested", "stop"),
        ]:
            wished = WORDS.wished(kind, text, payload)
            assert wished is not None
            assert (wished.wish, wished.cause) == ("stop", "button")
            assert wished.evidence == f"by the button {text}"
        assert WORDS.wished(kind, "Yes", "promo|STOP") is None
    # A caption, a reaction or a file's name is no word.
    assert WORDS.wished("image", "STOP", None) is None


def test_words_of_ones_own_take_the_place_of_the_usual_ones() -> None:
    own = OptOutWords(["Basta!", "start", "ରୋକନ୍ତୁ"])
    assert own.wished("text", "BASTA", None) is not None
    assert own.wished("text", "ରୋକନ୍ତୁ", None) is not None
    assert own.wished("text", "stop", None) is None
    wished = own.wished("text", "start", None)
    assert wished is not None
    assert wished.wish == "stop"
    unstop = own.wished("text", "unstop", None)
    assert unstop is not None
    assert unstop.wish == "start"


@given(st.text(max_size=40))
def test_what_is_normal_stays_so(text: str) -> None:
    once = normal(text)
    assert normal(once) == once


@given(
    st.sampled_from(["stop", "रोकें", "توقف", "стоп", "退订", "désabonner"]),
    st.text(st.sampled_from(list(" \n!.*_🙏🛑\u200b\u200f\ufeff️")), max_size=6),
    st.text(st.sampled_from(list(" \n!.…*_🙏🏽🛑\u200d\u2069️")), max_size=6),
)
def test_what_is_around_makes_no_difference(word: str, before: str, after: str) -> None:
    wished = WORDS.wished("text", before + word.upper() + after, None)
    assert wished is not None
    assert wished.wish == "stop"
    assert not any(char in wished.evidence for char in "\n\u200f\u2069")


@given(st.text(max_size=200), st.sampled_from(["text", "button", "interactive", "odd"]))
def test_no_text_raises(text: str, kind: str) -> None:
    WORDS.wished(kind, text, text)
    WORDS.wished(kind, None, None)
