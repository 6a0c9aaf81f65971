#!/usr/bin/env python3
"""Writes cutoffs.tsv: what another library says a cutoff is.

    python3 -m venv /tmp/v && /tmp/v/bin/pip install tzdata python-dateutil
    /tmp/v/bin/python src/model/window/cutoffs.py > src/model/window/cutoffs.tsv

Exact units are subtracted on the line of instants; months and years on the calendar of the zone, by dateutil, which
takes the last day of a month that is too short. The handbook leaves two things to us, and they are so:

* A calendar step that ends in an hour that the clocks left out goes on by as much as they left out (dateutil's
  resolve_imaginary; RFC 5545).
* A calendar step that ends in an hour that comes twice is its first reading: the earlier cutoff keeps more.

The start of a day is its first instant: where the clocks leave midnight out, the end of the gap.

The last column is how the cutoff is bound for a column of civil times in that zone: a first reading of an hour that
comes twice goes back to the start of what comes twice.

Instants lie after 1975 and before 2025, and windows end after 1970, where all releases of the time zone database agree.
"""

import random
import zoneinfo
from datetime import datetime, timedelta, timezone
from importlib.metadata import version

from dateutil.relativedelta import relativedelta
from dateutil.tz import datetime_exists, resolve_imaginary

zoneinfo.reset_tzpath(to=[])  # the tzdata of PyPI, and not this machine's
UTC = timezone.utc
ZONES = """
Africa/Cairo Africa/Casablanca Africa/Johannesburg Africa/Monrovia Africa/Windhoek America/Argentina/San_Luis
America/Asuncion America/Caracas America/Chicago America/Halifax America/Havana America/Los_Angeles America/New_York
America/Nuuk America/Phoenix America/Santiago America/Sao_Paulo America/St_Johns America/Toronto Antarctica/Troll
Asia/Amman Asia/Beirut Asia/Dhaka Asia/Gaza Asia/Hong_Kong Asia/Jerusalem Asia/Kathmandu Asia/Kolkata Asia/Pyongyang
Asia/Shanghai Asia/Tehran Asia/Tokyo Atlantic/Azores Atlantic/Stanley Australia/Adelaide Australia/Eucla
Australia/Lord_Howe Australia/Sydney Etc/GMT+12 Etc/UTC Europe/Berlin Europe/Dublin Europe/Istanbul Europe/Lisbon
Europe/London Europe/Moscow Europe/Volgograd Pacific/Apia Pacific/Auckland Pacific/Chatham Pacific/Fiji
Pacific/Kiritimati Pacific/Kwajalein Pacific/Tongatapu
""".split()
EXACT = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}


def offset(instant, zone):
    return instant.astimezone(zone).utcoffset()


def change(before, after, zone):
    """The first instant with another offset than `before` has; `after` has another one."""
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if offset(datetime.fromtimestamp(middle, UTC), zone) == offset(before, zone):
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


def changes(zone):
    step, at, end = timedelta(days=5), datetime(1975, 1, 1, tzinfo=UTC), datetime(2024, 12, 1, tzinfo=UTC)
    found = []
    while at < end:
        if offset(at, zone) != offset(at + step, zone):
            found.append(change(at, at + step, zone))
        at += step
    return found


def instant_of(civil, zone):
    return resolve_imaginary(civil.replace(tzinfo=zone, fold=0)).astimezone(UTC)


def start_of_day(instant, zone):
    midnight = datetime.combine(instant.astimezone(zone).date(), datetime.min.time())
    if datetime_exists(midnight.replace(tzinfo=zone)):
        return instant_of(midnight, zone)
    # An offset's worth on both sides: the gap lies between.
    around = midnight.replace(tzinfo=zone).astimezone(UTC)
    return change(around - timedelta(hours=26), around + timedelta(hours=26), zone)


def cutoff(clock, amount, unit, rule, zone):
    if unit in EXACT:
        found = clock - timedelta(seconds=amount * EXACT[unit])
    else:
        step = relativedelta(**{"mo": {"months": amount}, "y": {"years": amount}}[unit])
        found = instant_of(clock.astimezone(zone).replace(tzinfo=None) - step, zone)
    return start_of_day(found, zone) if rule == "StartOfDay" else found


def bound(instant, zone):
    civil = instant.astimezone(zone)
    again = civil.replace(fold=1)
    if civil.fold == 0 and datetime_exists(civil) and again.utcoffset() != civil.utcoffset():
        civil = change(instant, instant + timedelta(hours=26), zone).astimezone(zone)
    return civil.strftime("%Y-%m-%d %H:%M:%S")


def clocks(name, zone, chance):
    """Clocks and windows: around changes of the clocks, at ends of months, on leap days."""
    found = changes(zone)
    for at in chance.sample(found, min(4, len(found))):
        # Seconds around the change, and a window that ends there.
        near = at + timedelta(seconds=chance.choice([-1, 0, 1, chance.randrange(-9000, 9000)]))
        yield near, chance.choice([1, 2, 7]), "d"
        unit = chance.choice(["mo", "mo", "y"])
        amount = chance.choice([1, 2, 5, 13]) if unit == "mo" else chance.choice([1, 3])
        hole = datetime_exists((at.astimezone(zone).replace(tzinfo=None)).replace(tzinfo=zone))
        inside = at.astimezone(zone).replace(tzinfo=None) + timedelta(seconds=chance.randrange(-7200, 7200))
        step = relativedelta(months=amount) if unit == "mo" else relativedelta(years=amount)
        if hole and inside + step < datetime(2025, 1, 1):
            yield instant_of(inside + step, zone), amount, unit
    year = chance.randrange(1980, 2024)
    yield instant_of(datetime(year, chance.choice([3, 5, 7, 10, 12]), 30, 12, 34, 56), zone), chance.randrange(1, 14), "mo"
    yield instant_of(datetime(chance.choice([1984, 2000, 2004, 2020, 2024]), 2, 29, 23, 59, 59), zone), chance.randrange(1, 5), "y"
    yield instant_of(datetime(year, 3, 31, 0, 0, 0), zone), 1, "mo"
    yield datetime(year, 6, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(15_000_000)), chance.randrange(1, 5000), chance.choice(["s", "min", "h", "d", "w"][:4])


SPECIAL = [
    # The day that Samoa left out, and the one that Kwajalein did.
    ("Pacific/Apia", "2012-01-30 12:00", 1, "mo"), ("Pacific/Apia", "2011-12-31 05:00", 1, "d"),
    ("Pacific/Kwajalein", "1993-09-21 12:00", 1, "mo"), ("Pacific/Kiritimati", "1995-01-31 12:00", 1, "mo"),
    # Midnight that is not there, and midnight that comes twice.
    ("America/Sao_Paulo", "2018-11-04 12:00", 1, "h"), ("America/Sao_Paulo", "2018-12-04 00:00", 1, "mo"),
    ("America/Havana", "2019-11-03 12:00", 1, "h"), ("America/Havana", "2019-12-03 00:30", 1, "mo"),
    ("America/St_Johns", "2010-11-07 00:00:30", 1, "s"), ("America/St_Johns", "2010-12-07 00:00:30", 1, "mo"),
    ("Asia/Amman", "2021-04-26 12:00", 31, "d"), ("Asia/Beirut", "2020-03-29 03:00", 1, "h"),
    # Summer time that is below winter time, by half an hour, by two hours.
    ("Europe/Dublin", "2020-11-25 01:30", 1, "mo"), ("Africa/Casablanca", "2023-05-19 02:30", 2, "mo"),
    ("Australia/Lord_Howe", "2021-05-04 01:45", 1, "mo"), ("Antarctica/Troll", "2021-04-28 02:30", 1, "mo"),
    ("Asia/Pyongyang", "2018-06-04 23:45", 1, "mo"), ("Asia/Kathmandu", "1986-02-01 00:10", 1, "mo"),
    # Longest and shortest.
    ("Etc/UTC", "2024-02-29 00:00", 1000, "y"), ("Etc/UTC", "2024-03-31 23:59:59", 12000, "mo"),
    ("Etc/UTC", "2024-01-01 00:00", 1, "s"), ("Etc/UTC", "2024-12-31 00:00", 52000, "w"),
]


def rows():
    chance = random.Random(20261122)
    for name in ZONES:
        zone = zoneinfo.ZoneInfo(name)
        for clock, amount, unit in clocks(name, zone, chance):
            yield name, clock, amount, unit, chance.choice(["Exact", "Exact", "StartOfDay"])
    for name, civil, amount, unit in SPECIAL:
        for rule in ["Exact", "StartOfDay"]:
            yield name, instant_of(datetime.fromisoformat(civil), zoneinfo.ZoneInfo(name)), amount, unit, rule


def main():
    print(f"# Made by cutoffs.py of tzdata {version('tzdata')} and dateutil {version('python-dateutil')}.")
    print("# zone\tclock\twindow\tcutoff\tbound")
    for name, clock, amount, unit, rule in rows():
        zone = zoneinfo.ZoneInfo(name)
        found = cutoff(clock, amount, unit, rule, zone)
        print(name, f"{clock:%Y-%m-%dT%H:%M:%SZ}", f"{amount}{unit} {rule}", f"{found:%Y-%m-%dT%H:%M:%SZ}", bound(found, zone), sep="\t")


main()
