#!/usr/bin/env python3
"""Writes slots.tsv: what another library says the next slot of a cron line is.

    python3 -m venv /tmp/v && /tmp/v/bin/pip install tzdata croniter
    /tmp/v/bin/python src/schedule/slots.py > src/schedule/slots.tsv

Left out is where libraries mean different things: a change of the clocks between the instant and the slot, a step
over days of the month beside a day of the week, which CronJob does not take for "every day" (croniter does for some),
and ranges of one, `2-2`, which croniter takes for everything.
"""

import random
import zoneinfo
from datetime import datetime, timedelta, timezone
from importlib.metadata import version

from croniter import croniter

zoneinfo.reset_tzpath(to=[])  # the tzdata of PyPI, and not this machine's
UTC = timezone.utc
ZONES = ["Etc/UTC", "Asia/Kathmandu", "Asia/Kolkata", "America/Phoenix", "Pacific/Chatham", "Europe/Berlin",
         "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Kiritimati", "Asia/Tokyo", "Africa/Casablanca"]
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
DAYS = "SUN MON TUE WED THU FRI SAT".split()


def item(chance, low, high, names=None):
    def one(value):
        return chance.choice([names[value - low], names[value - low].lower(), str(value)]) if names else str(value)

    kind = chance.choice(["one", "one", "range", "step", "range step", "open step"])
    start = chance.randint(low, high)
    end = chance.randint(min(start + 1, high), high)
    step = chance.randint(2, max(2, (high - low) // 2))
    return {
        "one": one(start),
        "range": f"{one(start)}-{one(end)}" if start < end else one(start),
        "step": f"*/{step}",
        "range step": f"{one(start)}-{one(end)}/{step}" if start < end else one(start),
        "open step": f"{start}/{step}" if start < high else one(start),
    }[kind]


def field(chance, low, high, every, names=None):
    if chance.random() < every:
        return "*"
    return ",".join(item(chance, low, high, names) for _ in range(chance.choice([1, 1, 1, 2, 3])))


def line(chance):
    while True:
        day, weekday = field(chance, 1, 31, 0.5), field(chance, 0, 6, 0.5, DAYS)
        if "*" in day and day != "*" and weekday != "*" or "*" in weekday and weekday != "*" and day != "*":
            continue
        month = field(chance, 1, 12, 0.6, MONTHS)
        return " ".join([field(chance, 0, 59, 0.2), field(chance, 0, 23, 0.4), day, month, weekday])


def main():
    chance = random.Random(20261122)
    print(f"# Made by slots.py of tzdata {version('tzdata')} and croniter {version('croniter')}.")
    print("# zone\tline\tafter\tslot")
    fixed = ["0 0 29 2 *", "59 23 31 12 *", "0 0 1 1 *", "0 0 * * 0", "0 0 * * 6", "0 0 31 * *", "0 0 13 * FRI", "30 4 1,15 * 5"]
    count = 0
    while count < 500:
        text = fixed.pop() if fixed else line(chance)
        name = chance.choice(ZONES)
        zone = zoneinfo.ZoneInfo(name)
        after = datetime(1999, 12, 31, tzinfo=UTC) + timedelta(seconds=chance.randrange(750_000_000))
        if chance.random() < 0.3:  # on a slot itself, and so strictly after it
            after = after.replace(second=0)
        local = after.astimezone(zone)
        try:
            slot = croniter(text, local).get_next(datetime).astimezone(UTC)
        except Exception as error:
            if "failed to find next date" in str(error).lower():
                continue  # the 31st of February
            raise
        offsets = {(after + (slot - after + timedelta(days=2)) * i / 400 - timedelta(days=1)).astimezone(zone).utcoffset() for i in range(401)}
        if len(offsets) > 1:
            continue
        print(name, text, f"{after:%Y-%m-%dT%H:%M:%SZ}", f"{slot:%Y-%m-%dT%H:%M:%SZ}", sep="\t")
        count += 1


main()
