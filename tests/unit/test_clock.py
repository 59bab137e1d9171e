"""Moments as they are written: one form, in UTC, ordered as their texts."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.shared.clock import as_timestamp, timestamp

EPOCH = datetime(1970, 1, 2, tzinfo=UTC)
# Away from both ends of the calendar: a moment there has no equal in another time zone.
MOMENTS = st.timedeltas(timedelta(), timedelta(days=2_900_000)).map(lambda since: EPOCH + since)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(at=MOMENTS, zone=ZONES)
def test_a_timestamp_is_the_same_moment_in_utc_to_the_millisecond(at: datetime, zone: timezone) -> None:
    """A moment is written in UTC with milliseconds, whatever its time zone, and reads back as the same moment."""
    text = timestamp(at.astimezone(zone))
    assert len(text) == len("2026-11-01T10:00:00.000+00:00")
    assert text.endswith("+00:00")
    assert timedelta() <= at - datetime.fromisoformat(text) < timedelta(milliseconds=1)


@given(at=MOMENTS)
def test_a_moment_without_a_zone_is_in_utc(at: datetime) -> None:
    """A time that does not say its zone is UTC's."""
    assert timestamp(at.replace(tzinfo=None)) == timestamp(at)


@given(first=MOMENTS, second=MOMENTS, zones=st.tuples(ZONES, ZONES))
def test_timestamps_are_ordered_as_their_moments(
    first: datetime, second: datetime, zones: tuple[timezone, timezone]
) -> None:
    """Times are compared as texts: of two moments the earlier one's text is never the later text."""
    earlier, later = sorted(at.astimezone(zone) for at, zone in zip((first, second), zones, strict=True))
    assert timestamp(earlier) <= timestamp(later)


@given(at=st.datetimes(timezones=st.timezones()))
def test_any_iso_text_is_rewritten_once(at: datetime) -> None:
    """ISO 8601 text becomes a timestamp of the same moment, and a timestamp stays as it is."""
    text = as_timestamp(at.isoformat())
    if text is not None:
        assert text == timestamp(at)
        assert as_timestamp(text) == text


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-02-30T00:00:00Z"])
def test_a_text_that_is_no_time_is_no_timestamp(text: str | None) -> None:
    """Anything that is not a time counts as none."""
    assert as_timestamp(text) is None


@pytest.mark.parametrize("text", ["2026-11-01T10:00:00Z", "2026-11-01T11:00:00+01:00", "20261101T100000Z"])
def test_spellings_of_one_moment_are_one_timestamp(text: str) -> None:
    """The same moment in another zone or another form of ISO 8601 is the same text."""
    assert as_timestamp(text) == "2026-11-01T10:00:00.000+00:00"


@given(text=st.sampled_from(["0001-01-01T00:00:00", "9999-12-31T23:59:59"]), zone=ZONES)
def test_a_time_beyond_the_calendar_is_no_timestamp(text: str, zone: timezone) -> None:
    """A moment that has no equal in UTC counts as none, and is no failure: an event may carry any text."""
    moment = datetime.fromisoformat(text).replace(tzinfo=zone)
    found = as_timestamp(moment.isoformat())
    if zone.utcoffset(None):
        ahead = zone.utcoffset(None) > timedelta()
        assert (found is None) == (ahead if text.startswith("0001") else not ahead)
    else:
        assert found == timestamp(moment)
