"""Ctrl-C ends the command at once, and loses nothing."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from sklearn_m3s.cache import cache_info
from sklearn_m3s.cli._interrupt import ended_by_ctrl_c

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends a signal")
LIMIT_SECONDS = 2


def interrupted(program, is_time):
    """Interrupt a program at some time, and return its exit code, its last seconds and output."""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        while process.poll() is None and not is_time(process):
            time.sleep(0.05)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
        return process.returncode, time.monotonic() - start, stdout, stderr
    finally:
        process.kill()


def test_finished_rows_stay_in_the_cache(draw, write_clip, tmp_path):
    for i in range(40):
        write_clip(tmp_path / f"{i}.mp4", draw(60, 96, 128))
    cache, output = tmp_path / "features", tmp_path / "x.csv"
    arguments = ["m3s", "extract", str(tmp_path), "--tier", "raw", "--n-jobs", "1"]
    arguments += ["--cache", str(cache), "-o", str(output)]
    program = f"import sys; sys.argv = {arguments}; from sklearn_m3s.cli import main; main()"
    code, seconds, stdout, stderr = interrupted(program, lambda _: any(cache.glob("*/*/*/*.npy")))
    assert code == 130
    assert seconds < LIMIT_SECONDS
    assert stdout == ""
    assert "Stopped." in stderr.splitlines()[-1]
    assert "Traceback" not in stderr
    assert 1 <= cache_info(cache).n_entries < 40
    assert not output.exists()
    assert not list(tmp_path.glob(".*.part"))


def test_code_that_swallows_the_interrupt_does_not_keep_the_command_alive():
    program = """
import sys, time
from sklearn_m3s.cli import _main, main
def stubborn():
    while True:
        try:
            print("begun", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            pass
_main.m3s.commands["check"].callback = lambda **_: stubborn()
sys.argv = ["m3s", "check", "x"]
main()
"""
    code, seconds, _, stderr = interrupted(program, lambda process: process.stdout.readline())
    assert code == 130
    assert seconds < LIMIT_SECONDS
    assert len(stderr.splitlines()) == 1


def test_the_watching_thread_ends_with_the_context():
    before = threading.enumerate()
    with ended_by_ctrl_c():
        [watching] = set(threading.enumerate()) - set(before)
    watching.join(timeout=10)
    assert not watching.is_alive()
