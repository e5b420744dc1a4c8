"""Times whole processes, and prints medians and ratios of runs that alternate."""
import os
import statistics
import subprocess
import sys
import time


def timed(command, folder):
    """Runs a command; returns wall seconds, CPU seconds and peak memory in MiB."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    if status:
        sys.exit(f"{command}: exit {status >> 8}\n{error.decode()}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def make(statement):
    """Runs a statement of DuckDB in a process of its own: the peak of memory that a child reports begins with that of its parent."""
    subprocess.run([sys.executable, "-c", "import duckdb, sys; duckdb.sql('set enable_progress_bar = false'); duckdb.sql(sys.argv[1])", statement], check=True)


def median(runs, place):
    return statistics.median(run[place] for run in runs)


def report(name, runs, against=None, other="DuckDB"):
    """One line: medians of wall and CPU seconds, the peak of memory, and the ratio of wall seconds pair by pair."""
    line = f"{name:<44} {median(runs, 0):8.2f} s  {median(runs, 1):8.2f} CPU s  {max(run[2] for run in runs):7.0f} MiB"
    if against:
        ratios = sorted(a[0] / b[0] for a, b in zip(runs, against))
        theirs = f"{median(against, 0):.2f} s, {max(run[2] for run in against):.0f} MiB"
        line += f"   {other}: {theirs}   ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"
    print(line, flush=True)
