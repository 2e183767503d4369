"""Flower, for looking only: celery -A workers.celery_app flower --conf=ops/flower/flowerconfig.py

Flower can stop workers and send tasks. So it is read-only here, asks who is there, and listens on this host alone.
What it shows of a call is its id: no phone number, name or key ever enters Redis.
"""

import os

if ":" not in os.environ.get("FLOWER_BASIC_AUTH", ""):
    raise SystemExit("flower: set FLOWER_BASIC_AUTH to name:password")

basic_auth = [os.environ["FLOWER_BASIC_AUTH"]]
address = "127.0.0.1"
port = 5555
read_only = True
max_tasks = 10_000  # in memory; the ledger keeps the history
tasks_columns = "name,state,args,received,runtime,worker"
