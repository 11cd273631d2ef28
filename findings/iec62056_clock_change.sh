#!/usr/bin/env bash
# iec62056 0.5.1 drops the S or W of a P1 timestamp: at the end of summer time two hours become one.
#
# Packages    iec62056 0.5.1, for comparison dsmr-parser 1.11.2
# Behaviour   P1 gives local time with a letter, S for summer and W for winter time. iec62056 cuts the letter off and
#             puts the offset on that the *reader's* zone has *today*. So 02:30 S and 02:30 W of the last Sunday of
#             October are the same instant; one of two telegrams half a year apart is always an hour wrong, which one
#             changes twice a year; and in a container that runs in UTC both are wrong. dsmr-parser gives the right
#             instant in each case.
# Surprise    The value is a datetime with a zone, so that it passes for an instant. On a developer's machine in the
#             meter's country, today's telegrams are right: only replay, night of the change and container show it.
# Consequence Peak demand by the quarter hour (Belgium) and tariff switching are worked out with quarters that count
#             twice or are missing; a watchdog "telegram older than a minute" trips, or sleeps, for an hour. Take the
#             text and apply the letter, or use the time of arrival.
# Standard    DSMR P1 companion standard 5.0.2, representation of a time stamp: TST, YYMMDDhhmmssX, X = S when daylight
#             saving is active, W when it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    iec62056==0.5.1 lark==1.0.0 dsmr-parser==1.11.2 tzdata==2026.6
"$work/venv/bin/python" - <<'PY'
import os
import sys
import time
from datetime import timedelta, timezone

from dsmr_parser import telegram_specifications
from dsmr_parser.parsers import TelegramParser
from iec62056.parser import Parser

changed = []


def see(what, got, wanted):
    print(f"{what}: {got}")
    if got != wanted:
        changed.append(f"{what}: {got!r}, was {wanted!r}")


def telegram(stamp):
    body = "\r\n".join(["/XMX5LGF0010000000000", "", "1-3:0.2.8(50)", f"0-0:1.0.0({stamp})",
                        "1-0:1.8.1(001234.567*kWh)", "1-0:1.7.0(00.140*kW)", "!"])
    return f"{body}{TelegramParser.crc16(body):04X}\r\n"


def by_iec62056(stamp):
    return Parser().parse(telegram(stamp))["timestamp"].value


def by_dsmr_parser(stamp):
    return TelegramParser(telegram_specifications.V5).parse(telegram(stamp)).P1_MESSAGE_TIMESTAMP.value


def reader_in(zone):
    os.environ["TZ"] = zone
    time.tzset()


def utc(moment):
    return f"{moment.astimezone(timezone.utc):%d %H:%M}"


SUMMER, WINTER = "261025023000S", "261025023000W"  # Clocks go from 3:00 summer to 2:00 winter time.
reader_in("Europe/Amsterdam")
see("dsmr-parser: S and W of 25 October 02:30, in UTC", (utc(by_dsmr_parser(SUMMER)), utc(by_dsmr_parser(WINTER))),
    ("25 00:30", "25 01:30"))
see("iec62056: from S to W passes", by_iec62056(WINTER) - by_iec62056(SUMMER), timedelta(0))
wrong = [by_iec62056(stamp) - by_dsmr_parser(stamp) for stamp in ("260115120000W", "260715120000S")]
see("iec62056: summer's error minus winter's, whenever it runs", wrong[1] - wrong[0], timedelta(hours=1))
reader_in("UTC")
see("iec62056 in UTC: 15 January 12:00 W and 15 July 12:00 S, in UTC",
    (utc(by_iec62056("260115120000W")), utc(by_iec62056("260715120000S"))), ("15 12:00", "15 12:00"))
see("dsmr-parser in UTC: the same",
    (utc(by_dsmr_parser("260115120000W")), utc(by_dsmr_parser("260715120000S"))), ("15 11:00", "15 10:00"))

sys.exit("changed:\n" + "\n".join(changed) if changed else 0)
PY
