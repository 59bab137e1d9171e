"""Schedules: expressions that EventBridge Scheduler takes and that can fire; others are refused with what to write."""

from calendar import monthrange
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.shared.schedule import WEEKDAYS, fires_again, schedule

FIRE = [
    "rate(366 days)",
    "rate(8784 hours)",
    "rate(527040 minutes)",
    "cron(0 6 L * ? *)",
    "cron(0 6 LW 2 ? 2027)",
    "cron(0 6 1W * ? *)",
    "cron(0 6 31W 1,2 ? *)",
    "cron(0 6 29W 2 ? 2028)",
    "cron(0 6 ? * L *)",
    "cron(0 6 ? * 1L *)",
    "cron(0 6 ? 2 7L 2027)",
    "cron(0 6 ? * 3#2 *)",
    "cron(0 6 ? * MON#1 *)",
    "cron(0 6 ? * fri#5 *)",
    "cron(0 6 ? 2 4#4 2027)",
    "cron(0 6 29 2 ? *)",
    "cron(0 6 29 2 ? 2027-2028)",
    "cron(0 6 29,28 2 ? 2027)",
    "cron(0 6 29 2 ? 2000)",
    "cron(0 6 ? 2 TUE#5 2000)",
]
NEVER_FIRE = [
    "cron(0 6 30 2 ? *)",
    "cron(0 6 31 4,6,9,11 ? *)",
    "cron(0 6 31W 4,6,9,11 ? *)",
    "cron(0 6 30W FEB ? *)",
    "cron(0 0 29 2 ? 2027)",
    "cron(0 0 29W 2 ? 2025-2027)",
    "cron(0 0 29 2 ? 2100)",
    "cron(0 0 29 2 ? 2025/4)",
    "cron(0 0 ? 2 1#5 2025-2027)",
    # February 2028 has 29 days and begins on a Tuesday: of Tuesdays only it has five.
    "cron(0 0 ? 2 MON#5 2028)",
]
IN_DAY = ["3#2", "9L", "6L", "0W", "32W", "99W", "W", "LL", "WL", "L-3", "1,L", "1W,15W", "MON", "MONW", "٣W"]
IN_WEEKDAY = ["0#1", "8#1", "1#0", "1#6", "9#9", "#1", "3#", "0L", "8L", "9L", "15L", "LW", "3W", "W", "FRIL", "XXX#1"]
IN_WEEKDAY += ["3#1,6#3", "2L,6L", "JAN#1", "٣#1"]
LONGER = ["rate(367 days)", "rate(8785 hours)", "rate(527041 minutes)", "rate(100000 days)", "rate(999999999 days)"]


@pytest.mark.parametrize("expression", FIRE)
def test_an_expression_that_fires_on_some_date_is_taken(expression: str) -> None:
    """One date in the months and years named is enough, be it long past: a stored version is parsed again later."""
    assert schedule(expression) == expression


@pytest.mark.parametrize("expression", NEVER_FIRE)
def test_an_expression_that_fires_on_no_date_is_refused(expression: str) -> None:
    """No month of the years named has such a day."""
    with pytest.raises(ValueError, match="never fire: name an earlier day, or other months or years"):
        schedule(expression)


@pytest.mark.parametrize("day", IN_DAY)
def test_a_day_has_its_own_forms(day: str) -> None:
    """Of L, W and # a day of the month knows L, LW and nW, each by itself."""
    with pytest.raises(ValueError, match=r"^day: .*L, LW or 1W to 31W"):
        schedule(f"cron(0 6 {day} * ? *)")


@pytest.mark.parametrize("weekday", IN_WEEKDAY)
def test_a_weekday_has_its_own_forms(weekday: str) -> None:
    """Of L, W and # a weekday knows L, nL and n#k, each by itself."""
    with pytest.raises(ValueError, match=r"^weekday: .*L, 1L to 7L or one such as MON#1"):
        schedule(f"cron(0 6 ? * {weekday} *)")


@pytest.mark.parametrize("form", ["L", "1W", "1#1"])
@pytest.mark.parametrize("place", [0, 1, 3, 5])
def test_no_other_field_has_such_forms(form: str, place: int) -> None:
    """Only days can be counted from a month's end or by their weekday."""
    fields = ["0", "6", "1", "*", "?", "*"]
    fields[place] = form
    with pytest.raises(ValueError, match="is no number of it"):
        schedule(f"cron({' '.join(fields)})")


@pytest.mark.parametrize("expression", LONGER)
def test_a_rate_comes_once_a_year_at_least(expression: str) -> None:
    """A period that nobody lives to see is a slip of the pen."""
    with pytest.raises(ValueError, match=r"at most 366 days; write rate\(1 day\)"):
        schedule(expression)


@pytest.mark.parametrize("expression", ["rate({} days)", "cron({} 6 * * ? *)", "cron(0/{} 6 * * ? *)"])
def test_a_number_that_python_would_not_read_is_refused_in_our_words(expression: str) -> None:
    """Python refuses to read thousands of digits, in words that help nobody here."""
    with pytest.raises(ValueError, match=r"write rate\(1 day\)"):
        schedule(expression.format("9" * 5000))


@given(
    year=st.integers(1970, 2199),
    month=st.integers(1, 12),
    weekday=st.integers(0, 6),
    count=st.integers(1, 5),
    named=...,
)
def test_a_months_weekdays_are_those_of_its_calendar(
    year: int, month: int, weekday: int, count: int, named: bool
) -> None:
    """A weekday's nth day is taken exactly where the month has so many of it."""
    days = [date(year, month, day) for day in range(1, monthrange(year, month)[1] + 1)]
    # A week begins on Sunday there, on Monday here.
    found = [day for day in days if (day.weekday() + 1) % 7 == weekday]
    expression = f"cron(0 6 ? {month} {WEEKDAYS[weekday] if named else weekday + 1}#{count} {year})"
    if count <= len(found):
        assert schedule(expression) == expression
    else:
        with pytest.raises(ValueError, match="never fire"):
            schedule(expression)


TODAY = date(2026, 11, 26)
PASSED = [
    "cron(0 6 * * ? 2025)",
    "cron(0 6 * * ? 1970-2025)",
    "cron(0 6 ? * MON 2020,2024)",
    "cron(0 6 1 1-10 ? 2026)",
    "cron(0 6 25 11 ? 2026)",
    "cron(0 6 29 2 ? 2000)",
    "cron(0 6 29 2 ? 2024-2027)",
    "cron(0 6 ? 11 MON#4 2026)",
]
STILL_FIRE = [
    "rate(1 day)",
    "cron(0 6 * * ? *)",
    "cron(0 6 * * ? 2026)",
    "cron(0 6 26 11 ? 2026)",
    "cron(0 6 L 11 ? 2026)",
    "cron(0 6 29 2 ? 2000/4)",
    "cron(0 6 29 2 ? 2024-2028)",
    "cron(0 6 ? 11 THU#4 2026)",
    "cron(0 6 1 1 ? 2020-2027)",
]


@pytest.mark.parametrize("expression", PASSED)
def test_a_schedule_of_the_past_is_known_as_one(expression: str) -> None:
    """It was valid once, so a stored version of it is; but no day that it names is still to come."""
    assert schedule(expression) == expression
    assert not fires_again(expression, TODAY)


@pytest.mark.parametrize("expression", STILL_FIRE)
def test_one_day_to_come_is_enough(expression: str) -> None:
    """Whatever else it names lies in the past."""
    assert fires_again(expression, TODAY)


@given(today=st.dates(date(1970, 1, 1), date(2199, 12, 31)), fires=st.dates(date(1970, 1, 1), date(2199, 12, 31)))
def test_a_single_day_fires_again_until_it_has_passed(today: date, fires: date) -> None:
    """A schedule of one day fires again on that day and on every day before it."""
    expression = f"cron(0 6 {fires.day} {fires.month} ? {fires.year})"
    assert fires_again(schedule(expression), today) == (fires >= today)
