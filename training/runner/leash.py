"""Becomes the command it is given, so that it cannot outlive who started it.

    python leash.py PARENT_PID COMMAND...

A process of its own instead of Popen's ``preexec_fn``: code between fork and exec may deadlock when the parent has
threads. Linux sends SIGKILL when the *thread* that started the child ends, so start it from the supervising thread.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel to be killed with the parent, check that it still lives, then exec."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)
    os.execvp(command[0], command)  # noqa: S606 -- no shell: the argument list is ours


if __name__ == "__main__":
    main()
