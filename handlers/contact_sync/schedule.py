"""EventBridge Scheduler's expressions: `rate(…)` and `cron(…)`, and whether one can ever fire."""

import re
from collections.abc import Mapping

WANTED = "write rate(1 day), rate(12 hours) or cron(minutes hours day month weekday year) with one day ?"
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
LONGEST_MONTHS = dict(zip(range(1, 13), (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), strict=True))

# A cron expression's fields in their order: lowest and highest number.
FIELDS: Mapping[str, tuple[int, int]] = {
    "minutes": (0, 59),
    "hours": (0, 23),
    "day": (1, 31),
    "month": (1, 12),
    "weekday": (1, 7),
    "year": (1970, 2199),
}


def schedule(value: str) -> str:
    """Take an expression that can fire.

    Raises:
        ValueError: it is none, or it never fires; the message says what to write.
    """
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", value)
    if rate and int(rate[1]) > 0 and (int(rate[1]) == 1) == (not rate[3]):
        return value
    cron = re.fullmatch(r"cron\((.+)\)", value)
    fields = cron[1].split(" ") if cron else []
    if len(fields) != len(FIELDS):
        raise ValueError(WANTED)
    parsed = {name: _numbers(text, name) for name, text in zip(FIELDS, fields, strict=True)}
    if (fields[2] == "?") == (fields[4] == "?"):
        raise ValueError(f"one of day and weekday is ?, the other is not; {WANTED}")
    days, months = parsed["day"], parsed["month"]
    if days and months and min(days) > max(LONGEST_MONTHS[month] for month in months):
        raise ValueError(
            "no month that it names has such a day, so it would never fire: name an earlier day or another month"
        )
    return value


def _numbers(text: str, field: str) -> set[int]:
    """The numbers that a field names; none for what only a calendar can tell (L, W, #) and for `?`."""
    if field in ("day", "weekday") and re.fullmatch(r"\?|L|\d+L|\d+W|LW|\d#\d", text):
        return set()
    named: set[int] = set()
    for part in text.split(","):
        bounds, _, step = part.partition("/")
        low, high = _bounds(bounds, field)
        if step and not (step.isdecimal() and int(step) > 0):
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
    if not text.isdecimal():
        raise ValueError(f"{field}: {text!r} is no number of it; {WANTED}")
    return int(text)
