"""Which column fills which place: never another's, whatever the header says."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wacampaign.core.columns.choice import ColumnChoice, UnclearColumns, Way, choose_columns
from wacampaign.core.columns.mapping import UnknownName, read_map, write_map
from wacampaign.core.columns.names import fold
from wacampaign.core.columns.phone_column import NoPhones, SeveralPhones, find_phone_column
from wacampaign.core.columns.wanted import Wanted


def named(*names: str) -> list[Wanted]:
    """The places of a NAMED template."""
    return [
        Wanted(f"var{n}", f"body {{{{{name}}}}}", "text", name, fold(name), frozenset({f"var{n}"}))
        for n, name in enumerate(names, start=1)
    ]


def counted(count: int, media: bool = False) -> list[Wanted]:
    """The places of a POSITIONAL template, with or without a medium before them."""
    film = Wanted(
        "var1", "header video", "a URL or media id", "media", None,
        frozenset({"var1", "media", "video"}), is_prose=False,
    )  # fmt: skip
    start = 2 if media else 1
    texts = [
        Wanted(f"var{start + n}", f"body {{{{{n + 1}}}}}", "text", f"var{start + n}", None,
               frozenset({f"var{start + n}", str(n + 1)}))
        for n in range(count)
    ]  # fmt: skip
    return [film, *texts] if media else texts


def choose(
    wanted: Sequence[Wanted], header: str | None, said: str = "", width: int = 0
) -> ColumnChoice:
    names = header.split(",") if header is not None else None
    scores = [0.0] * (len(names) if names else width)
    at = next((i for i, name in enumerate(names or ()) if "phone" in name.lower()), 0)
    scores[at] = 1.0
    return choose_columns(wanted, names, scores, read_map([said]))


def columns(choice: ColumnChoice) -> dict[str, int]:
    return dict(zip(choice.keys, choice.columns, strict=True))


@pytest.mark.parametrize(
    ("header", "var1", "var2", "left_out"),
    [
        ("phone,first_name,day", 1, 2, ()),
        ("phone,day,first_name", 2, 1, ()),  # K7: they were swapped
        ("phone,first_name,day,email,city", 1, 2, (3, 4)),
        ("Day,E-Mail,First Name,Phone", 2, 0, (1,)),
        ("phone,{{day}},'FIRST-NAME'", 2, 1, ()),
        ("phone,\u200bday,F\u00efrst_n\u00e4me", 2, 1, ()),
        ("phone,var2,var1", 2, 1, ()),
    ],
)
def test_a_header_that_names_all(
    header: str, var1: int, var2: int, left_out: tuple[int, ...]
) -> None:
    choice = choose(named("first_name", "day"), header)
    assert columns(choice) == {"var1": var1, "var2": var2}
    assert choice.left_out == left_out
    assert choice.way is Way.NAMES
    assert choice.is_reordered is (var1 > var2)


@pytest.mark.parametrize("header", ["phone,name,city", "name,phone,city", None, "phone,name,2"])
def test_names_that_say_nothing_leave_it_to_position(header: str | None) -> None:
    choice = choose(counted(2), header, width=3)
    assert choice.way is Way.POSITION
    assert [c for c in (0, 1, 2) if c != choice.phone] == list(choice.columns)


@pytest.mark.parametrize(
    ("header", "why", "suggested"),
    [
        ("phone,day,name", "no column is named for body {{first_name}}", "first_name=name,day=day"),
        ("phone,name,day,city", "body {{first_name}}", "first_name=name,day=day"),
        ("No,phone,first_name,Visit,Mail", "for body {{day}}", "first_name=first_name,day=Visit"),
        ("No,Name,phone,Visit", "there are 3 columns", "first_name=Name,day=Visit"),
        ("phone,a,b,c", "there are 3 columns beside the phone, none named", "first_name=a,day=b"),
        ("phone,day,Day", "column 2 “day” and column 3 “Day” both name", "first_name=#3,day=#2"),
    ],
)
def test_names_that_leave_it_open_are_asked(header: str, why: str, suggested: str) -> None:
    with pytest.raises(UnclearColumns) as unclear:
        choose(named("first_name", "day"), header)
    assert why in str(unclear.value)
    assert unclear.value.suggested == f"phone=phone,{suggested}"


def test_columns_that_are_missing() -> None:
    with pytest.raises(UnclearColumns, match="there is 1 column beside the phone") as unclear:
        choose(named("first_name", "day"), "phone,a")
    assert (unclear.value.suggested, unclear.value.fitting) == (None, "phone,first_name,day")


def test_a_second_phone_is_not_guessed_to_be_a_variable() -> None:
    header = ["phone", "whatsapp", "name"]
    with pytest.raises(UnclearColumns, match="several columns hold phone numbers") as unclear:
        choose_columns(counted(1), header, [1, 1, 0])
    assert unclear.value.suggested == "phone=phone,var1=name"


def test_what_the_error_suggests_settles_it() -> None:
    for header in ("phone,x,y,z", None):
        # Without a variable nothing is unclear about columns that have names.
        for wanted in (named("first_name", "day"), counted(2), *([] if header else [counted(0)])):
            with pytest.raises(UnclearColumns) as unclear:
                choose(wanted, header, width=4)
            choice = choose(wanted, header, unclear.value.suggested or "", width=4)
            assert (choice.way, choice.phone) == (Way.MAP, 0)
            assert choice.columns == tuple(range(1, len(wanted) + 1))


def test_some_names_in_their_own_places_are_enough() -> None:
    assert choose(named("first_name", "day"), "phone,Vorname,day").columns == (1, 2)
    assert choose(counted(2, media=True), "phone,video,name,city").columns == (1, 2, 3)


def test_a_variable_in_two_places_takes_one_column() -> None:
    wanted = named("day", "first_name", "day")
    assert choose(wanted, "phone,first_name,day").columns == (2, 1, 2)
    assert choose(wanted, "phone,a,b", "day=b,first_name=a").columns == (2, 1, 2)
    # Each has its own column, in order: also said by position.
    assert choose(wanted, "phone,day,first_name,day").columns == (1, 2, 3)


def test_a_name_with_two_meanings_is_asked() -> None:
    wanted = [
        Wanted(
            "var1",
            "button 1 URL ending",
            "the ending",
            "button1",
            None,
            frozenset({"url", "button1"}),
        ),
        Wanted(
            "var2",
            "button 2 URL ending",
            "the ending",
            "button2",
            None,
            frozenset({"url", "button2"}),
        ),
    ]
    with pytest.raises(UnclearColumns, match=r"“url” may mean button 1 .* and button 2"):
        choose(wanted, "phone,x,y,url")
    assert choose(wanted, "phone,url,button2").columns == (1, 2)  # in their own places


def test_what_may_be_left_out_goes_by_its_name() -> None:
    wanted = [*counted(1), Wanted("filename", "file name", "text", "filename", None,
                                  frozenset({"filename"}), required=False)]  # fmt: skip
    assert columns(choose(wanted, "phone,name")) == {"var1": 1}
    assert columns(choose(wanted, "phone,File name,name")) == {"filename": 1, "var1": 2}
    said = choose_columns(wanted, ["phone", "filename", "name"], [1, 0, 0], (), {"filename": "x"})
    assert (said.constants, said.left_out, columns(said)) == ({"filename": "x"}, (1,), {"var1": 2})


def test_a_person_beats_the_names() -> None:
    wanted = named("first_name", "day")
    assert choose(wanted, "phone,first_name,day", "first_name=day, day=#2").columns == (2, 1)
    assert choose(wanted, "phone,a,day,c", "First-Name=A").columns == (1, 2)
    assert choose(wanted, None, "phone=3,day=1", width=3).phone == 2
    quoted = choose(wanted, "phone,day", '{{first_name}}="day",day=day')
    assert columns(quoted) == {"var1": 1, "var2": 1}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("name", "VAR=COLUMN"),
        ("=x", "VAR=COLUMN"),
        ("day=", "VAR=COLUMN"),
        ("dya=b", "nothing that is called “dya”; “day”? There are: phone, first_name, day"),
        ("day=frist name", "no column “frist name”; “first_name”? There are: phone, first_name"),
        ("day=9", "there is no column 9: the list has 3"),
        ('day="2"', "there is no column “2”"),
        ("day=b,day=first_name", "“day” is given two columns"),
        ("phone=b,phone=phone", "“phone” is given two columns"),
    ],
)
def test_a_map_that_names_nothing_says_what_there_is(said: str, message: str) -> None:
    with pytest.raises(UnknownName) as unknown:
        choose(named("first_name", "day"), "phone,first_name,b", said)
    assert message in str(unknown.value)


@given(st.lists(st.tuples(st.sampled_from(["var1", "{{1}}", "first_name"]),
                          st.text(min_size=1).filter(lambda text: text.strip() == text)),
                min_size=1, max_size=5))  # fmt: skip
def test_a_map_is_read_as_it_is_written(pairs: list[tuple[str, str]]) -> None:
    assert [(p.variable, p.column) for p in read_map([write_map(pairs)])] == pairs


@pytest.mark.parametrize(
    ("header", "scores", "column"),
    [
        (None, [1, 0], 0),
        (["name", "x"], [0, 0.9], 1),
        (["order", "phone"], [1, 1], 1),  # ten digits each
        (["order", "Handy-Nr."], [0.5, 1], 1),
        (["order", "whatever"], [0.4, 1], 1),
        (["order number", "número"], [1, 1], 1),
        (["訂單", "手机号码"], [1, 1], 1),
        (["mobilePhone", "ref"], [1, 1], 0),
        (["Phone 1 - Value", "Phone 2 - Value"], [1, 0.2], 0),
        (["रंग", "मोबाइल नंबर"], [1, 1], 1),
    ],
)
def test_the_phones_column(header: list[str] | None, scores: list[float], column: int) -> None:
    assert find_phone_column(header, scores) == column


@pytest.mark.parametrize(
    ("header", "scores", "columns"),
    [
        (None, [1, 1], (0, 1)),
        (["phone", "whatsapp"], [1, 1], (0, 1)),
        (["order", "phone"], [1, 0.3], (0, 1)),  # the named one has no country codes
    ],
)
def test_phones_that_may_be_in_several_columns(
    header: list[str] | None, scores: list[float], columns: tuple[int, ...]
) -> None:
    with pytest.raises(SeveralPhones) as several:
        find_phone_column(header, scores)
    assert several.value.columns == columns
    with pytest.raises(NoPhones):
        find_phone_column(header, [0, 0])


def test_a_list_without_names_begins_with_the_phone_where_digits_belong() -> None:
    scores = [1.0, 1.0, 0.0]
    media_id = choose_columns(counted(1, media=True), None, scores)
    assert (media_id.phone, media_id.columns) == (0, (1, 2))
    with pytest.raises(UnclearColumns, match="several columns hold phone numbers"):
        choose_columns(counted(2), None, scores)


NAMES = st.lists(
    st.sampled_from(["first_name", "day", "hour", "city", "order", "amount", "coupon"]),
    min_size=1, max_size=5, unique=True,
)  # fmt: skip
SPELLINGS = st.sampled_from(
    [str, str.upper, str.title, lambda n: n.replace("_", " "), lambda n: f"{{{{{n}}}}}"]
)


@given(NAMES, st.data())
def test_each_value_lands_in_its_own_place_or_nothing_does(
    variables: list[str], data: st.DataObject
) -> None:
    """Any order of columns, any of them named otherwise, others among them."""
    own = data.draw(st.lists(st.booleans(), min_size=len(variables), max_size=len(variables)))
    cells = {
        data.draw(SPELLINGS)(name) if keeps else f"column {n}": name
        for n, (name, keeps) in enumerate(zip(variables, own, strict=True))
    }
    more = data.draw(st.lists(st.sampled_from(["email", "notes", "id"]), unique=True, max_size=2))
    header = data.draw(st.permutations([*cells, *more, "phone"]))
    try:
        choice = choose(named(*variables), ",".join(header))
    except UnclearColumns:
        return
    places = zip(variables, choice.columns, strict=True)
    got = {variable: cells.get(header[column]) for variable, column in places}
    if choice.way is Way.NAMES:
        assert got == {variable: variable for variable in variables}
    else:  # no name spoke against it
        assume(any(own))
        for variable, column in zip(variables, choice.columns, strict=True):
            name = fold(header[column])
            assert name not in map(fold, variables) or name == fold(variable)
