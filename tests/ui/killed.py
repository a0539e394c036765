"""A program that is killed in the middle of a propagation: argv holds the folder of this file's siblings."""

import importlib.util
import os
import signal
import sys
from pathlib import Path

import numpy as np


def main() -> None:
    spec = importlib.util.spec_from_file_location("killed_conftest", Path(__file__).with_name("conftest.py"))
    conftest = importlib.util.module_from_spec(spec)
    sys.modules["killed_conftest"] = conftest
    spec.loader.exec_module(conftest)
    stack = np.stack([np.uint16(200) * (conftest._disc(f) | conftest._disc(f, 1)) for f in range(6)])
    backend = conftest.FakeBackend()
    session = conftest.Session(conftest.HandLoop(), backend, stack)
    session.click(0, 15, 20)
    session.controller.new_object()
    session.click(0, 40, 50)
    session.document.rename(2, "daughter")
    session.settle()
    session.document.lock(2, 0)
    run = session.controller.propagation
    session.controller.propagate("both", 0, 5)
    session.loop.until(lambda: run.done == 3)
    backend.gate.clear()
    sys.stdout.write(f"finished {sorted(session.document.done(1))}\n")
    sys.stdout.flush()
    # What has been told to the writer may be on its way for a moment; nobody waits for it in an orderly way.
    for call in session.loop.timers:
        call()
    saver = next(iter(session.controller.keeping._keepers.values())).saver
    saver.flush()
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
