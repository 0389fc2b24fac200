"""Whether a message says that its writer wants no marketing any more, or wants it again.

Only a whole message counts: "stop", "STOP!!" and "ＳＴＯＰ" do, "don't stop" and "please stop by
tomorrow" do not. It is decided here and nowhere else; the database is told what came of it.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, TypeAlias

from wacampaign.core.shown_text import one_line

#: `stop`: no marketing any more; `start`: it is wanted again.
Wish: TypeAlias = Literal["stop", "start"]

#: Characters of the longest message that is looked at: the longest word has 30, and people add
#: exclamation marks.
_LOOKED_AT: Final = 120
#: Characters of a word or button's text that are told: Meta's own limit of a button is 25.
_SHOWN: Final = 40
#: Kinds of messages that are words, by Meta's `type`.
_BUTTONS: Final = frozenset({"button", "interactive"})

#: By language; normalised when they are read. No word that answers something else as well: "cancel"
#: is an order's, "end", "no" and "quit" are a bot's, "resume" is a CV, and "acha" is Swahili for
#: it, but "all right" in India.
_STOP: Final = """
stop, stop all, stopall, stop it, stop now, please stop, stop please, stop promotions,
stop promotion, stop messages, stop messaging, stop messaging me, stop sending, stop texting me,
stop sending messages, stop sending me messages, stop marketing, stop ads, unsubscribe,
unsubscribe me, please unsubscribe, unsub, un subscribe, stop promo, opt out, opt-out,
optout, opt me out, remove me,
remove me from list, remove me from your list, no more messages, do not message me, don't message me
stopp, abmelden, abbestellen, austragen, keine werbung, abmeldung, werbung stoppen
arrêt, arrêter, arrêtez, désabonner, me désabonner, se désabonner, désinscription, désinscrire,
me désinscrire, désabonnement, stop pub, arrêter les promotions, arrêter la publicité
baja, darme de baja, dar de baja, parar, para, detener, cancelar suscripción, desuscribir,
desuscribirme, desuscribirse, no más mensajes, no quiero más mensajes, detener promociones
pare, sair, descadastrar, me descadastre, cancelar inscrição, cancelar assinatura, remover,
não quero receber, não quero receber mensagens, parar mensagens, parar promoções
ferma, fermati, interrompi promozioni, annulla iscrizione, disiscrivimi, disiscriviti, cancellami,
disiscrizione
afmelden, uitschrijven, meld me af, stoppen
wypisz, wypisz mnie, rezygnuję
stoppa, avsluta prenumeration, avregistrera, stop beskeder, afmeld
dur, durdur, ret, abonelikten çık, abonelikten çıkmak istiyorum, listeden çıkar, mesaj istemiyorum
berhenti, berhenti berlangganan, hentikan, batal langganan, batal berlangganan, henti, tigil,
itigil, ihinto
dừng, dừng lại, ngừng, hủy đăng ký, huỷ đăng ký, từ chối
simama, sitisha, jiondoe
стоп, отписаться, отписка, отпишите, отпишите меня, отпишись, хватит писать, не пишите,
не пишите мне, не пишите больше
відписатися, відписатись, відписка, відпишіть, відпишіть мене, не пишіть, не пишіть мені
στοπ, διακοπή, διαγραφή
עצור, הסר, הסירו, הסירו אותי, הסרה, הפסק
توقف, قف, وقف, أوقف, إيقاف, ايقاف, ستوب, إلغاء الاشتراك, الغاء الاشتراك, الغاء الإشتراك
لغو اشتراک, توقف کن
بند کریں, بند کرو, بند کر دیں, روکیں, روکو, رکیں, رک جاؤ, سٹاپ, اسٹاپ, ان سبسکرائب
रोकें, रोकिए, रोको, रोक दो, रुकें, रुको, रुकिए, बंद करें, बंद करो, बंद कीजिए, बन्द करें, बन्द करो,
बंद कर दो, स्टॉप, स्टोप, सदस्यता समाप्त करें, सदस्यता रद्द करें, अनसब्सक्राइब, मैसेज बंद करो
band karo, band karen, band kare, message band karo, mat bhejo, message mat bhejo
थांबा, थांबवा, बंद करा
থামুন, থামান, থামাও, বন্ধ করুন, বন্ধ করো, স্টপ, আনসাবস্ক্রাইব, সদস্যতা বাতিল করুন
நிறுத்து, நிறுத்தவும், நிறுத்துங்கள், நிறுத்துக, ஸ்டாப், குழுவிலகு
ఆపు, ఆపండి, ఆపివేయండి, నిలిపివేయండి, స్టాప్, చందా రద్దు చేయండి
ನಿಲ್ಲಿಸಿ, ನಿಲ್ಲಿಸು, ಸ್ಟಾಪ್
നിർത്തുക, നിർത്തൂ, സ്റ്റോപ്പ്, സ്റ്റോപ്
બંધ કરો, રોકો, સ્ટોપ
ਬੰਦ ਕਰੋ, ਰੋਕੋ, ਸਟਾਪ
නවත්වන්න, නවතන්න
หยุด, เลิกรับ, เลิกรับข้อความ, ยกเลิกการสมัคร, ยกเลิกการรับข้อความ
停止, 停止发送, 停止發送, 退订, 退訂, 取消订阅, 取消訂閱, 拒收, 不要再发了, 不要再發了
配信停止, 停止して, 止めて, ストップ, 登録解除, 配信解除, 購読解除
중지, 그만, 스톱, 스탑, 정지, 수신거부, 수신 거부, 구독취소, 구독 취소, 차단
አቁም
ստոպ
სტოპ, შეწყვიტე
ឈប់
ຢຸດ
ရပ်
"""
_START: Final = """
start, unstop, subscribe, subscribe me, resubscribe, opt in, opt-in, optin, opt me in
starten, anmelden, wieder anmelden
démarrer, s'abonner, m'abonner, me réabonner
alta, darme de alta, suscribir, suscribirme, suscribirse, reanudar
iniciar, inscrever, inscrever-me, quero receber, voltar a receber
iscrivimi, iscriviti, riprendi
aanmelden, inschrijven
zapisz mnie
başlat, abone ol
mulai, mulai lagi, berlangganan
bắt đầu
старт, начать, подписаться, подпишите меня, возобновить
почати, підписатися, підписатись, підпишіть мене, відновити
έναρξη
התחל, הרשמה
ابدأ, ابدا, بدء, اشتراك, اشترك, استئناف
شروع, شروع کن, شروع کریں, شروع کرو, سٹارٹ, اسٹارٹ
शुरू, शुरू करें, शुरू करो, स्टार्ट, सदस्यता लें
shuru karo
सुरू करा
শুরু, শুরু করুন, স্টার্ট
தொடங்கு, தொடங்கவும், ஸ்டார்ட்
ప్రారంభించు, ప్రారంభించండి, స్టార్ట్
ಪ್ರಾರಂಭಿಸಿ, തുടങ്ങുക, શરૂ કરો, ਸ਼ੁਰੂ ਕਰੋ
เริ่ม, สมัคร
开始, 開始, 订阅, 訂閱, 恢复, 恢復
再開, 配信再開, スタート
시작, 스타트, 구독, 수신동의, 수신 동의
"""

#: What one letter is written as in one language or another, for Arabic's and Turkish's letters.
_LETTERS: Final = str.maketrans(
    {
        **dict.fromkeys("أإآٱ", "ا"),
        **dict.fromkeys("ىيئ", "ی"),
        "ك": "ک",
        "ة": "ه",
        "ـ": None,
        "ı": "i",
        **dict.fromkeys("’‘`´", "'"),
    }
)
#: Marks on letters that people leave out: accents (Latin, Greek, Cyrillic), Arabic's and Hebrew's
#: vowels. Those of Indian scripts are letters.
_MARKS: Final = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670]")
_BETWEEN: Final = re.compile("[\\s_.,;:!?…\u2010-\u2015\u2212-]+")


def _once(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    text = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    text = unicodedata.normalize("NFC", text).translate(_LETTERS)
    # Zero-width characters, marks of direction, variation selectors: nobody sees them.
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc") or c.isspace())
    start, end = 0, len(text)
    while start < end and _is_around(text[start]):
        start += 1
    while start < end and _is_around(text[end - 1]):
        end -= 1
    return _BETWEEN.sub(" ", text[start:end])


def _is_around(char: str) -> bool:
    """Whether a character at an end is no part of a word: a sign, an emoji, a blank."""
    return (
        unicodedata.category(char)[0] in "PSZC" or "\ufe00" <= char <= "\ufe0f" or char == "\u20e3"
    )


def normal(text: str) -> str:
    """`text` as it is compared: one case, no accents, signs, emoji or invisible characters.

    What is said several times over is said once, what is spelled is a word. Of what is normal
    already it is the same.
    """
    while (once := _once(text)) != text:
        text = once
    words = text.split(" ")
    if len(set(words)) == 1:
        return words[0]
    return text.replace(" ", "") if all(len(word) == 1 for word in words) else text


@dataclass(frozen=True, slots=True)
class Wished:
    """What a message says about marketing, and by what."""

    wish: Wish
    #: `word` or `button`.
    cause: str
    #: The end of a sentence: `by the word STOP`. Without control characters.
    evidence: str


class OptOutWords:
    """Whole messages that mean stop, and those that mean start again."""

    def __init__(self, stop: Iterable[str] = ()) -> None:
        """`stop`: instead of the usual words in some thirty languages."""
        own = frozenset(filter(None, map(normal, stop)))
        self._stop = own or _usual(_STOP)
        self._start = _usual(_START) - self._stop

    def wished(self, kind: str, text: str | None, payload: str | None) -> Wished | None:
        """What a message of Meta's `kind` with this text, or button's payload, says; None: nothing.

        A button counts by its text or its payload; of a payload what is before the first `|`.
        """
        if kind == "text":
            word = self._normal(text)
            if wish := self._wish(word):
                return Wished(wish, "word", f"by the word {_shown(text)}")
        elif kind in _BUTTONS:
            before = None if payload is None else payload.partition("|")[0]
            for said in (text, before):
                if wish := self._wish(self._normal(said)):
                    return Wished(wish, "button", f"by the button {_shown(text or said)}")
        return None

    def _wish(self, word: str) -> Wish | None:
        return "stop" if word in self._stop else "start" if word in self._start else None

    @staticmethod
    def _normal(text: str | None) -> str:
        return normal(text) if text and len(text) <= _LOOKED_AT else ""


def _shown(text: str | None) -> str:
    return " ".join(one_line(text or "").split())[:_SHOWN]


@cache
def _usual(words: str) -> frozenset[str]:
    return frozenset(filter(None, map(normal, re.split(r"[,\n]", words))))
