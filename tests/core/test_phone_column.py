"""Which names of columns mean a phone."""

from __future__ import annotations

import pytest

from wacampaign.core.columns.phone_column import means_phone

PHONES = (
    "Номер телефона|Номер телефону|Моб. тел.|Сотовый|Mobiltelefon|Mobilfunknummer|Telefoonnummer"
    "|Mobiele nummer|Cellulare|Telemóvel|Fone|Matkapuhelin|Mobilszám|Mobitel|Telefonski broj"
    "|Telefonas|Tālrunis|Tlf.|Số điện thoại|SĐT|Nomor HP|No. WA|No WhatsApp|Nomor WhatsApp"
    "|رقم الموبايل|شماره تماس|เบอร์มือถือ|연락처|தொலைபேசி|Namba ya simu|MobilePhone|Phone 1 - Value"
)
OTHERS = "Order number|Kundennummer|Номер заказа|Name|Tag|Town|Nr zamówienia|رقم الطلب|Total|Notes"


@pytest.mark.parametrize("name", PHONES.split("|"))
def test_names_of_phones(name: str) -> None:
    assert means_phone(name)


@pytest.mark.parametrize("name", OTHERS.split("|"))
def test_names_of_something_else(name: str) -> None:
    assert not means_phone(name)
