"""Countries by ISO code, calling code or English name: what `--default-region` understands."""

import re
from functools import cache
from typing import Final

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS

#: English names of the regions that have phone numbers (CLDR, as phonenumbers 9 has them in
#: `geodata.locale`; that module takes 0.6 s and 100 MB to load, so they stand here).
_NAMES: Final = """
AD Andorra; AE United Arab Emirates; AF Afghanistan; AG Antigua and Barbuda; AI Anguilla; AL
Albania; AM Armenia; AO Angola; AR Argentina; AS American Samoa; AT Austria; AU Australia;
AW Aruba; AX Åland Islands; AZ Azerbaijan; BA Bosnia and Herzegovina; BB Barbados; BD
Bangladesh; BE Belgium; BF Burkina Faso; BG Bulgaria; BH Bahrain; BI Burundi; BJ Benin; BL
Saint Barthélemy; BM Bermuda; BN Brunei; BO Bolivia; BQ Bonaire, Sint Eustatius and Saba; BR
Brazil; BS Bahamas; BT Bhutan; BW Botswana; BY Belarus; BZ Belize; CA Canada; CC Cocos
Islands; CD The Democratic Republic Of Congo; CF Central African Republic; CG Congo; CH
Switzerland; CI Côte d'Ivoire; CK Cook Islands; CL Chile; CM Cameroon; CN China; CO
Colombia; CR Costa Rica; CU Cuba; CV Cape Verde; CW Curaçao; CX Christmas Island; CY Cyprus;
CZ Czech Republic; DE Germany; DJ Djibouti; DK Denmark; DM Dominica; DO Dominican Republic;
DZ Algeria; EC Ecuador; EE Estonia; EG Egypt; EH Western Sahara; ER Eritrea; ES Spain; ET
Ethiopia; FI Finland; FJ Fiji; FK Falkland Islands; FM Micronesia; FO Faroe Islands; FR
France; GA Gabon; GB United Kingdom; GD Grenada; GE Georgia; GF French Guiana; GG Guernsey;
GH Ghana; GI Gibraltar; GL Greenland; GM Gambia; GN Guinea; GP Guadeloupe; GQ Equatorial
Guinea; GR Greece; GT Guatemala; GU Guam; GW Guinea-Bissau; GY Guyana; HK Hong Kong; HN
Honduras; HR Croatia; HT Haiti; HU Hungary; ID Indonesia; IE Ireland; IL Israel; IM Isle Of
Man; IN India; IO British Indian Ocean Territory; IQ Iraq; IR Iran; IS Iceland; IT Italy; JE
Jersey; JM Jamaica; JO Jordan; JP Japan; KE Kenya; KG Kyrgyzstan; KH Cambodia; KI Kiribati;
KM Comoros; KN Saint Kitts And Nevis; KP North Korea; KR South Korea; KW Kuwait; KY Cayman
Islands; KZ Kazakhstan; LA Laos; LB Lebanon; LC Saint Lucia; LI Liechtenstein; LK Sri Lanka;
LR Liberia; LS Lesotho; LT Lithuania; LU Luxembourg; LV Latvia; LY Libya; MA Morocco; MC
Monaco; MD Moldova; ME Montenegro; MF Saint Martin; MG Madagascar; MH Marshall Islands; MK
Macedonia; ML Mali; MM Myanmar; MN Mongolia; MO Macao; MP Northern Mariana Islands; MQ
Martinique; MR Mauritania; MS Montserrat; MT Malta; MU Mauritius; MV Maldives; MW Malawi; MX
Mexico; MY Malaysia; MZ Mozambique; NA Namibia; NC New Caledonia; NE Niger; NF Norfolk
Island; NG Nigeria; NI Nicaragua; NL Netherlands; NO Norway; NP Nepal; NR Nauru; NU Niue; NZ
New Zealand; OM Oman; PA Panama; PE Peru; PF French Polynesia; PG Papua New Guinea; PH
Philippines; PK Pakistan; PL Poland; PM Saint Pierre And Miquelon; PR Puerto Rico; PS
Palestine; PT Portugal; PW Palau; PY Paraguay; QA Qatar; RE Reunion; RO Romania; RS Serbia;
RU Russia; RW Rwanda; SA Saudi Arabia; SB Solomon Islands; SC Seychelles; SD Sudan; SE
Sweden; SG Singapore; SH Saint Helena; SI Slovenia; SJ Svalbard And Jan Mayen; SK Slovakia;
SL Sierra Leone; SM San Marino; SN Senegal; SO Somalia; SR Suriname; SS South Sudan; ST Sao
Tome And Principe; SV El Salvador; SX Sint Maarten (Dutch part); SY Syria; SZ Swaziland; TC
Turks And Caicos Islands; TD Chad; TG Togo; TH Thailand; TJ Tajikistan; TK Tokelau; TL
Timor-Leste; TM Turkmenistan; TN Tunisia; TO Tonga; TR Turkey; TT Trinidad and Tobago; TV
Tuvalu; TW Taiwan; TZ Tanzania; UA Ukraine; UG Uganda; US United States; UY Uruguay; UZ
Uzbekistan; VA Vatican; VC Saint Vincent And The Grenadines; VE Venezuela; VG British Virgin
Islands; VI U.S. Virgin Islands; VN Vietnam; VU Vanuatu; WF Wallis And Futuna; WS Samoa;
XK Kosovo; YE Yemen; YT Mayotte; ZA South Africa; ZM Zambia; ZW Zimbabwe
"""
#: What people say besides.
_ALSO: Final = {
    "uk": "GB",
    "england": "GB",
    "great britain": "GB",
    "usa": "US",
    "america": "US",
    "uae": "AE",
    "emirates": "AE",
    "ksa": "SA",
    "holland": "NL",
    "turkey": "TR",
    "ivory coast": "CI",
    "czech republic": "CZ",
    "south korea": "KR",
    "korea": "KR",
    "hong kong": "HK",
    "brasil": "BR",
    "deutschland": "DE",
    "mexico": "MX",
    "peru": "PE",
}


@cache
def _names() -> dict[str, str]:
    """English name by region."""
    entries = " ".join(_NAMES.split()).split("; ")
    return {entry[:2]: entry[3:] for entry in entries}


def country(region: str) -> str:
    """The English name of a region (an ISO code): India."""
    return _names().get(region, region)


def region_named(text: str) -> str:
    """The ISO code of a country as people name it: `in`, `UK`, `India`, `+91`, `91`, `0091`.

    Of several countries with one calling code the largest is meant: their numbers have the same
    make-up. Raises `ValueError` for what names no country with phone numbers.
    """
    name = " ".join(text.split()).casefold()
    if name.upper() in SUPPORTED_REGIONS:
        return name.upper()
    if also := _ALSO.get(name):
        return also
    if (code := re.fullmatch(r"(?:\+|00)?([1-9]\d{0,2})", name, re.ASCII)) is not None:
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code[1]), ())
        if regions and regions[0] in SUPPORTED_REGIONS:
            return regions[0]
    for region, english in _names().items():
        if english.casefold() == name:
            return region
    raise ValueError(f"“{text}” is no country")
