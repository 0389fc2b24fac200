"""Values that nobody meant to send, and those that only look odd: names and texts of people."""

from __future__ import annotations

PLACEHOLDERS = (
    """
#N/A|nan|NaN|NULL|null|undefined|#REF!|{{name}}|{{1}}|-|--|—|None|nil|NaT|<NA>|n/a|N/A
[object Object]|(blank)|(null)|#VALUE!|#NAME?|#DIV/0!|#NULL!|#NUM!|#SPILL!|#NV|#BEZUG!
#WERT!|#¡REF!|#¿NOMBRE?|#НД!|#Н/Д|#ССЫЛКА!|#VALEUR!|#RIF!|#N/D|#ZAHL!|#ÜBERLAUF!|####
Err:502|=VLOOKUP(A1;B:C;2)|=B2|1.5E+03|9.19E+11|1,5E+3|{name}|{first name}|[[name]]
%name%|%%First Name%%|<<name>>|${name}|[First Name]|Dear [Name]|Hi {{ first_name }}|%s
«Vorname»|<name>|$first_name|0000-00-00|Invalid Date|.|?|#N/A and more
#GETTING_DATA|#DIV/0|=ВПР(A2;B:C;2)|=Sheet1!B2|='Sheet 1'!B2|=+B2|=@A1|=A1&B1|(Leer)|(vide)
(en blanco)|(пусто)|(boş)|(空白)|n/d|N/D|н/д|Н/Д|s/d|k.A.|k. A.|n.v.t.|00.01.1900|00/01/1900
1/0/1900|1900-01-00|1899-12-30|30.12.1899|12/30/1899|0001-01-01 00:00:00|0000-00-00 00:00:00
01/01/0001|Dear {#var#}|{!Contact.FirstName}|{$name}|#name#|%recipient.name%|{имя}|[Имя]|%ИМЯ%
{prénom}|[Prénom]|<имя>|{姓名}|[姓名]|[Ad Soyad]|{İsim}|[الاسم]
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
MARKUP = (
    """
Tom &amp; Co|5&nbsp;kg|it&#39;s|it&#x27;s|caf&eacute;|one<br>two|one<br/>two|<b>Asha</b>
</p>|<br>|ZoÃ«|one\\ntwo|a\\tb|caf\\u00e9|O\\'Neil|JosÃ©|donâ€™t|MÃ¼ller|Ã–sterreich
Ã‰cole|10Â°|Ð˜Ð²Ð°Ð½|ÐŸÑ€Ð¸Ð²ÐµÑ‚|Ş as ÅŸ|×©×œ×•×|Ù…Ø±Ø­Ø¨Ø§|à¤†à¤¶à¤¾|ã‚¢ã‚¤ã‚¦|ðŸŽ‰
ï»¿Asha|РџСЂРёРІРµС‚|caf√©|Jos\ufffd|'0123|voilÃ
Èâàí|Ïðèâåò|ìîëîêî|Bo¿ena|³ukasz|£ukasz|Jo%C3%A3o|John%20Smith|=?UTF-8?Q?J=C3=B6rg?=|M?ller
Anna M?ller|20&deg;|1&frac12;|<!-- name -->
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
FINE = (
    """
Nan|Null|Nil|Nancy|Nina|Annan|Nana|Na|No|Noné|O'Neil|’t Hooft|'s-Hertogenbosch|'90s kids|Müller
José|SÃO PAULO|IRMÃ|„groß“|“RÉSUMÉ”|MÜ…|«Été…»|Émile–René|Österreich|ÅSA|Ångström|Łódź
Şule|Zoë|Ñandú|“IRMÔ|Иван|Привет, как дела?|Різдво|Ірина|Їжак|СЃ|שלום|مرحبا|आशा|アイウ|한국어
Ελένη|20 %|50% off|100%|5 % on everything|#1|#sale|Order #123|C#|#7 of 9|A&B|Tom & Co
R&D;|AT&T|1 < 2|<3|x > y|a_b|€|£5|$5|$10 off|+44|(new)|[new] shoes|(Berlin)|Dr. {|*bold*
_italic_|~old~|```code```|1.5e3|12E4|E+|https://example.com/a?b=%20c&d=1|¯\\_(ツ)_/¯|🎉|★
5|TRUE|Infinity|Wait, what?!|Really?|Yes!|C:/new|2026-11-26|14:30|1/2|3-4|A-1|Mr. T|J.|it’s
“quoted”|naïve café|ﬁne|Ⅷ|½|N.A. Smith
¿Qué?|Hola. ¿Qué tal?|5 m³|£20|£5 off|Really? yes|50%|%20 indirim|https://x.example/a%20b?q=Jo%C3%A3o
https://x.example/?name=a|«Россия»|01/01/1900|1.1.2026|01/01/2026|C. D.|S. D.|Þórður|#sale #new
Mañana, ¿sí?|À côté|Čeněk|Äääh|IJsland|K. Anders
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
