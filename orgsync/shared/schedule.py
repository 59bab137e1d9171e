"""EventBridge Scheduler's expressions: `rate(…)` and `cron(…)`, and whether one can ever fire, or fire again."""

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import date

WANTED = "write rate(1 day), rate(12 hours) or cron(minutes hours day month weekday year) with one day ?"
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
LONGEST_RATE = 366  # days
MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60}
_DAY = 24 * 3600

# A cron expression's fields in their order: lowest and highest number.
FIELDS: Mapping[str, tuple[int, int]] = {
    "minutes": (0, 59),
    "hours": (0, 23),
    "day": (1, 31),
    "month": (1, 12),
    "weekday": (1, 7),
    "year": (1970, 2199),
}

NEAREST = re.compile(r"([1-9]|[12][0-9]|3[01])W")
"""The working day nearest to a day of the month, within that month."""

NTH = re.compile(rf"([1-7]|(?i:{'|'.join(WEEKDAYS)}))#([1-5])")
"""A weekday, and which of its month's: SUN#1 is the first Sunday."""

# What may be a whole field besides numbers. FRIL is not among it: nothing says that EventBridge takes a name before L.
FORMS = {
    "day": (re.compile(rf"\?|L|LW|{NEAREST.pattern}"), "L, LW or 1W to 31W"),
    "weekday": (re.compile(rf"\?|L|[1-7]L|{NTH.pattern}"), "L, 1L to 7L or one such as MON#1"),
}


def schedule(value: str) -> str:
    """Take an expression that can fire.

    Raises:
        ValueError: it is none, or it never fires; the message says what to write.
    """
    rate = re.fullmatch(r"rate\(([0-9]{1,9}) (minute|hour|day)(s?)\)", value)
    if rate and int(rate[1]) > 0 and (int(rate[1]) == 1) == (not rate[3]):
        if int(rate[1]) * MINUTES[rate[2]] > LONGEST_RATE * MINUTES["day"]:
            raise ValueError(f"a rate's period is at most {LONGEST_RATE} days; {WANTED}")
        return value
    cron = re.fullmatch(r"cron\((.+)\)", value)
    fields = cron[1].split(" ") if cron else []
    if len(fields) != len(FIELDS):
        raise ValueError(WANTED)
    parsed = {name: _numbers(text, name) for name, text in zip(FIELDS, fields, strict=True)}
    if (fields[2] == "?") == (fields[4] == "?"):
        raise ValueError(f"one of day and weekday is ?, the other is not; {WANTED}")
    # The past counts too: a stored version is parsed again later, and must stay what it was.
    if not _fires_from(parsed, fields[4], date.min):
        raise ValueError(
            "no month that it names has such a day, so it would never fire: "
            "name an earlier day, or other months or years"
        )
    return value


def fires_again(expression: str, today: date) -> bool:
    """Return whether an expression that `schedule` took fires on a day from today on.

    A deployment asks this of a new schedule: one that names only days of the past fires as rarely as one that names
    no day at all.
    """
    if expression.startswith("rate("):
        return True
    fields = expression.removeprefix("cron(").removesuffix(")").split(" ")
    parsed = {name: _numbers(text, name) for name, text in zip(FIELDS, fields, strict=True)}
    return _fires_from(parsed, fields[4], today)


def _fires_from(parsed: Mapping[str, set[int]], weekday: str, first: date) -> bool:
    """Return whether a month that is named has a day that is, from the first day on."""
    return any(
        _fires(parsed["day"], weekday, year, month, first.day if (year, month) == (first.year, first.month) else 1)
        for year in sorted(parsed["year"])
        for month in parsed["month"]
        if (year, month) >= (first.year, first.month)
    )


def _fires(days: set[int], weekday: str, year: int, month: int, earliest: int) -> bool:
    """Return whether a month has one of these days or, with none, the weekday n#k, from its earliest day on.

    L, LW, nL and plain ones each month has. Whether these have passed in a month that has begun is not judged: they
    are taken for days that are still to come.
    """
    first, length = monthrange(year, month)
    nth = NTH.fullmatch(weekday)
    if nth:
        # Sunday is 1 in an expression; Monday is 0 in Python's calendar.
        before = (_number(nth[1], "weekday") - 2 - first) % 7
        return earliest <= before + 7 * (int(nth[2]) - 1) + 1 <= length
    return not days or any(earliest <= day <= length for day in days)


def _numbers(text: str, field: str) -> set[int]:
    """The numbers that a field names, n for nW; none for what only a calendar can tell (L, #) and for `?`."""
    if field in FORMS and FORMS[field][0].fullmatch(text):
        nearest = NEAREST.fullmatch(text)
        return {int(nearest[1])} if nearest else set()
    named: set[int] = set()
    for part in text.split(","):
        bounds, _, step = part.partition("/")
        low, high = _bounds(bounds, field)
        if step and not (re.fullmatch(r"[0-9]{1,9}", step) and int(step) > 0):
            raise ValueError(f"{field}: {part} is no step; {WANTED}")
        named |= set(range(low, (FIELDS[field][1] if step and low == high else high) + 1, int(step or 1)))
    return named


def _bounds(text: str, field: str) -> tuple[int, int]:
    lowest, highest = FIELDS[field]
    if text == "*":
        return lowest, highest
    first, _, last = text.partition("-")
    low = _number(first, field)
    high = _number(last, field) if last else low
    if not lowest <= low <= high <= highest:
        raise ValueError(f"{field}: {text} is not within {lowest}-{highest}; {WANTED}")
    return low, high


def _number(text: str, field: str) -> int:
    names = {"month": MONTHS, "weekday": WEEKDAYS}.get(field, [])
    if text.upper() in names:
        return names.index(text.upper()) + 1
    if not re.fullmatch(r"[0-9]{1,9}", text):
        besides = f"; the whole field may also be {FORMS[field][1]}" if field in FORMS else ""
        raise ValueError(f"{field}: {text!r} is no number of it{besides}; {WANTED}")
    return int(text)


def schedule_period(expression: str) -> int:
    """Return the seconds between two firings, at most.

    They are exact for a rate; for a cron they follow from its coarsest field that is fixed.
    """
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if rate:
        return int(rate[1]) * MINUTES[rate[2]] * 60
    _, _, day, month, weekday, year = expression.removeprefix("cron(").removesuffix(")").split()
    if year not in "*?" or month not in "*?":
        return 366 * _DAY
    if day not in "*?":
        return 31 * _DAY
    return _DAY if weekday in "*?" else 7 * _DAY
