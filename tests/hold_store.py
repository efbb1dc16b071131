"""Holds the right to write to an SQLite file until its input ends, and says when it has it."""

import sqlite3
import sys

store = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
store.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
