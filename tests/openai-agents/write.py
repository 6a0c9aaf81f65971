"""Writes sessions as an application does that uses the openai-agents package.

Standard input is a JSON object:
  database   the file
  advanced   whether AdvancedSQLiteSession writes it, or SQLiteSession
  sessions   [{id, items, at_once, emptied}]: at_once writes the items with one call, within one second; otherwise the
             sessions take turns. emptied takes all items out again one by one, which leaves the session's own row
  sql        [[statement, parameters]]: what other hands did to the file afterwards
"""

import asyncio
import json
import sqlite3
import sys

from agents import SQLiteSession
from agents.extensions.memory.advanced_sqlite_session import AdvancedSQLiteSession

TURN = 7


def session(spec, session_id):
    if spec["advanced"]:
        return AdvancedSQLiteSession(session_id=session_id, db_path=spec["database"], create_tables=True)
    return SQLiteSession(session_id, spec["database"])


def seconds_spanned(database, session_id):
    with sqlite3.connect(database) as connection:
        return connection.execute(
            "select count(distinct created_at) from agent_messages where session_id = ?", [session_id]
        ).fetchone()[0]


async def write_at_once(spec, wanted, opened):
    for _ in range(10):
        await opened.add_items(wanted["items"])
        if seconds_spanned(spec["database"], wanted["id"]) <= 1:
            return
        await opened.clear_session()  # the second ended in between
    sys.exit(f"{len(wanted['items'])} items were never written within one second")


async def main(spec):
    opened = {wanted["id"]: session(spec, wanted["id"]) for wanted in spec["sessions"]}
    for wanted in spec["sessions"]:
        if wanted["at_once"]:
            await write_at_once(spec, wanted, opened[wanted["id"]])

    turns = [wanted for wanted in spec["sessions"] if not wanted["at_once"]]
    for start in range(0, max((len(wanted["items"]) for wanted in turns), default=0), TURN):
        for wanted in turns:
            await opened[wanted["id"]].add_items(wanted["items"][start : start + TURN])

    for wanted in spec["sessions"]:
        while wanted["emptied"] and await opened[wanted["id"]].pop_item() is not None:
            pass
    for each in opened.values():
        each.close()

    with sqlite3.connect(spec["database"]) as connection:
        for statement, parameters in spec["sql"]:
            if connection.execute(statement, parameters).rowcount == 0:
                sys.exit(f"changed nothing: {statement} {parameters}")
    connection.close()


asyncio.run(main(json.load(sys.stdin)))
