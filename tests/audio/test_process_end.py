"""The end of a child process: its exit status stays for its parent."""

from __future__ import annotations

import os
import signal
import subprocess

from rtaudio_daemon.audio.devices.process_end import kill


def test_the_status_of_a_process_that_has_just_ended_stays_for_the_one_who_waits() -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    kill(process)
    pid, status = os.waitpid(process.pid, os.WNOHANG)
    assert (pid, os.waitstatus_to_exitcode(status)) == (process.pid, 0)
    process.returncode = 0


def test_a_running_process_is_killed_and_an_ended_one_left_alone() -> None:
    process = subprocess.Popen(["sleep", "60"])
    kill(process)
    assert process.wait(60) == -signal.SIGKILL
    kill(process)
