"""Real first names, family names and cities by the code page that a spreadsheet saves them in."""

from typing import Final, NamedTuple


class Names(NamedTuple):
    """Words that a list from one country is made of."""

    #: Python codecs that such a list is found in.
    codecs: tuple[str, ...]
    first: tuple[str, ...]
    family: tuple[str, ...]
    cities: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES: Final = {
    "Russian": Names(
        ("cp1251", "koi8-r", "cp866"),
        _words("Иван Ольга Дмитрий Анна Сергей Наталья Алексей Татьяна Юрий Ксения Пётр Мария"),
        _words("Иванов Смирнова Кузнецов Попова Васильев Петрова Соколов Михайлова Щербаков"),
        _words("Москва Казань Самара Омск Пермь Уфа Воронеж Сочи Тула Екатеринбург"),
    ),
    "Ukrainian": Names(
        ("cp1251",),
        _words("Оксана Андрій Ірина Олексій Євген Наталія Юлія Сергій Їжак Богдан"),
        _words("Шевченко Бондаренко Ковальчук Мельник Лисенко Іваненко Гриценко Щербак"),
        _words("Київ Львів Харків Одеса Дніпро Чернівці Запоріжжя Вінниця"),
    ),
    "Polish": Names(
        ("cp1250", "iso8859-2"),
        _words("Łukasz Małgorzata Paweł Agnieszka Stanisław Zofia Michał Żaneta Jakub Grażyna"),
        _words("Wiśniewski Dąbrowska Zieliński Wójcik Kowalczyk Woźniak Jabłoński Król Pawłowska"),
        _words("Kraków Łódź Wrocław Poznań Gdańsk Toruń Częstochowa Rzeszów Białystok"),
    ),
    "Czech": Names(
        ("cp1250",),
        _words("Jiří Tomáš Kateřina Lukáš Zdeněk Jaroslav Lucie Věra Ondřej Aneta"),
        _words("Novák Svobodová Dvořák Černý Procházka Kučera Veselý Horáková Němec Růžička"),
        _words("Praha Brno Plzeň Olomouc Ústí Hradec Děčín Kladno Zlín"),
    ),
    "Hungarian": Names(
        ("cp1250",),
        _words("László Erzsébet István Zoltán Ágnes Gábor Ferenc Lőrinc Judit József"),
        _words("Nagy Kovács Tóth Szabó Horváth Varga Németh Győri Szűcs Fülöp Kőszegi"),
        _words("Budapest Debrecen Győr Pécs Szeged Miskolc Székesfehérvár Kecskemét"),
    ),
    "French": Names(
        ("cp1252", "mac-roman", "cp850"),
        _words("François Hélène Jérôme Zoé Éric Anaïs Benoît Chloé Noël Marie Pierre Julie"),
        _words("Lefèvre Dupont Fournier Gérard Lemaître Côté Brûlé Martin Béranger Rousseau"),
        _words("Orléans Nîmes Besançon Saint-Étienne Lyon Paris Évry Angoulême"),
    ),
    "German": Names(
        ("cp1252", "mac-roman", "cp850", "cp437"),
        _words("Jürgen Käthe Björn Günther Bärbel Ute Sören Anna Götz Jörg Hans Sabine"),
        _words("Müller Schäfer Weiß Groß Krüger Schröder Koch Böhm Jäger Schmidt"),
        _words("Köln München Düsseldorf Gießen Lübeck Berlin Würzburg Hamburg"),
    ),
    "Spanish": Names(
        ("cp1252", "mac-roman", "cp850"),
        _words("José María Iñigo Andrés Begoña Raúl Sofía Ángel Lucía Íñigo Juan Carmen"),
        _words("Muñoz García Núñez Peña Gómez Ibáñez López Rodríguez Castaño Ruiz"),
        _words("Málaga Córdoba Logroño León Bogotá Medellín Madrid Cádiz"),
    ),
    "Portuguese": Names(
        ("cp1252", "cp850"),
        _words("João Conceição Inês Antônio Luís Patrícia André Célia Simão Ana Pedro"),
        _words("Magalhães Simões Gonçalves Brandão Araújo Conceição Silva Assunção Leão"),
        _words("Maranhão Brasília Goiânia Ribeirão Paraná Porto Maceió"),
    ),
    "Swedish": Names(
        ("cp1252", "cp850"),
        _words("Åsa Björn Göran Märta Håkan Anna Örjan Erik"),
        _words("Sjöberg Åkesson Lindström Bäckman Öberg Johansson Nyström"),
        _words("Göteborg Malmö Västerås Örebro Linköping Umeå"),
    ),
    "Danish": Names(
        ("cp1252",),
        _words("Søren Åse Jørgen Bjørn Mette Lærke Kåre"),
        _words("Sørensen Møller Kjær Nørgaard Østergaard Hansen Bådsgaard"),
        _words("København Aarhus Næstved Køge Helsingør Tromsø"),
    ),
    "Greek": Names(
        ("cp1253", "iso8859-7"),
        _words("Γιώργος Μαρία Κώστας Ελένη Νίκος Δημήτρης Άννα Γιάννης Χρήστος Σοφία"),
        _words("Παπαδόπουλος Οικονόμου Γεωργίου Νικολάου Ιωάννου Βασιλείου Αθανασίου"),
        _words("Αθήνα Θεσσαλονίκη Πάτρα Ηράκλειο Λάρισα Βόλος Ρόδος Χανιά"),
    ),
    "Turkish": Names(
        ("cp1254",),
        _words("Ayşe Mehmet Çağlar Işıl Gülşen Barış Tuğba Şükrü Ömer İbrahim Yiğit Zeynep"),
        _words("Yılmaz Şahin Öztürk Çelik Yıldız Doğan Kılıç Aydın Özdemir Güneş"),
        _words("İstanbul Ankara İzmir Diyarbakır Eskişehir Muğla Şanlıurfa Adana"),
    ),
    "Hebrew": Names(
        ("cp1255",),
        _words("יוסף מרים דוד שרה משה רחל אברהם לאה יעקב חנה שמעון תמר"),
        _words("כהן לוי מזרחי פרץ ביטון דהן אברהם פרידמן מלכה אזולאי"),
        _words("ירושלים חיפה אשדוד נתניה אילת טבריה עכו רעננה"),
    ),
    "Arabic": Names(
        ("cp1256",),
        _words("محمد فاطمة أحمد عائشة علي مريم حسن خديجة يوسف زينب إبراهيم نور"),
        _words("الحسن العلي المصري حداد النجار الخطيب منصور سليمان البغدادي"),
        _words("القاهرة بغداد دمشق الرياض عمان بيروت جدة الإسكندرية"),
    ),
    "Persian": Names(
        ("cp1256",),
        _words("پريسا ژاله گلناز چنگيز مهدي فاطمه زهرا علي"),
        _words("احمدي پورحسيني گلستاني رضايي محمدي"),
        _words("تهران اصفهان شيراز مشهد"),
    ),
    "Japanese": Names(
        ("shift_jis", "euc_jp"),
        _words("太郎 花子 健一 美咲 翔太 さくら 大輔 ゆみ 直樹 恵子 タケシ アユミ"),
        _words("佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤"),
        _words("東京 大阪 横浜 名古屋 札幌 福岡 京都 仙台"),
    ),
    "Chinese": Names(
        ("gb18030",),
        _words("伟 秀英 娜 敏 静 丽 强 磊 军 洋 勇 艳"),
        _words("王 李 张 刘 陈 杨 赵 黄 周 吴"),
        _words("北京 上海 广州 深圳 成都 武汉 西安 杭州"),
    ),
    "Taiwanese": Names(
        ("big5",),
        _words("志明 淑芬 俊傑 美玲 雅婷 家豪 怡君 宗翰 建宏 佳穎"),
        _words("陳 林 黃 張 李 王 吳 劉 蔡 楊"),
        _words("臺北 高雄 臺中 臺南 新竹 桃園 嘉義 花蓮"),
    ),
    "Korean": Names(
        ("euc_kr",),
        _words("민준 서연 지훈 수빈 영희 철수 지우 현우 예진 도윤"),
        _words("김 이 박 최 정 강 조 윤 장 임"),
        _words("서울 부산 인천 대구 대전 광주 울산 수원"),
    ),
}
