#!/usr/bin/python3
"""Faults, one after the other, each on a deployment of its own.

    faults.py [--list] [WORD…]      all of them, or those whose name holds one of the words

A case says in a line what it saw, or fails with the reason and the servers' last words. Exit code 0:
all held.
"""

import os
import pathlib
import signal
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("OUTBOARD_BIN", str(HERE.parent.parent / "build/dev/bin"))
sys.path.insert(0, str(HERE))
import postgres_faults  # noqa: E402
import restore_faults  # noqa: E402
import server_faults  # noqa: E402

CASES = postgres_faults.CASES + server_faults.CASES + restore_faults.CASES


def name_of(case):
    return case.__name__.replace("_", " ")


def main(words):
    if words[:1] == ["--list"]:
        print("\n".join(name_of(case) for case in CASES))
        return 0
    chosen = [case for case in CASES
              if not words or any(word.replace("_", " ") in name_of(case) for word in words)]
    if not chosen:
        print("no fault has such a name: faults.py --list shows them", file=sys.stderr)
        return 2
    failed = 0
    for case in chosen:
        start = time.monotonic()
        try:
            said = case()
            print(f"ok      {name_of(case)} ({time.monotonic() - start:.0f} s): {said}", flush=True)
        except Exception:  # whatever it is: the others have their turn
            failed += 1
            traceback.print_exc()
            print(f"FAILED  {name_of(case)} ({time.monotonic() - start:.0f} s)", flush=True)
    print(f"{len(chosen) - failed} of {len(chosen)} held")
    return 1 if failed else 0


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended
sys.exit(main(sys.argv[1:]))
