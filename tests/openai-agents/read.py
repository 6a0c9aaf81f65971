"""Reads sessions back as an application does that uses the openai-agents package.

Standard input is a JSON object: database, advanced (as for write.py), sessions (ids). Standard output too:
  items    {session id: what get_items returns}
  tables   {table: all its rows, as they are in the file before the package opens it}
  orphans  what SQLite's own foreign_key_check finds
"""

import asyncio
import json
import sqlite3
import sys

from agents import SQLiteSession
from agents.extensions.memory.advanced_sqlite_session import AdvancedSQLiteSession


def session(spec, session_id):
    if spec["advanced"]:
        return AdvancedSQLiteSession(session_id=session_id, db_path=spec["database"])
    return SQLiteSession(session_id, spec["database"])


async def items(spec):
    found = {}
    for session_id in spec["sessions"]:
        opened = session(spec, session_id)
        found[session_id] = await opened.get_items()
        opened.close()
    return found


def rows(connection, table):
    cursor = connection.execute(f"select * from {table} order by rowid")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor]


spec = json.load(sys.stdin)
connection = sqlite3.connect(f"file:{spec['database']}?mode=ro", uri=True)
listed = connection.execute("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'")
tables = {name: rows(connection, name) for (name,) in listed.fetchall()}
orphans = connection.execute("pragma foreign_key_check").fetchall()
connection.close()
json.dump({"items": asyncio.run(items(spec)), "tables": tables, "orphans": orphans}, sys.stdout)
