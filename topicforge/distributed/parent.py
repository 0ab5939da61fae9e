"""Ending with the process that started this one."""

from __future__ import annotations

import os
import signal
import threading
import time


def end_with_parent() -> None:
    """Kill this process within a second of its parent's end, so that no worker is left training."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()
