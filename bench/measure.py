"""Measures Headworks against DuckDB in alternating runs of whole processes; prints medians and ratios.

Each line: what was measured, seconds (median of the runs), peak memory of the process, and the ratio pair by pair.
"""
import argparse
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--headworks", required=True)
parser.add_argument("--rows", type=int, default=10_000_000)
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--work", required=True)
options = parser.parse_args()
work = pathlib.Path(options.work)
headworks = os.path.abspath(options.headworks)
here = pathlib.Path(__file__).parent


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


def report(name, ours, theirs=None, other="DuckDB"):
    median = lambda runs, index: statistics.median(run[index] for run in runs)
    line = f"{name:<44} {median(ours, 0):8.2f} s  {median(ours, 1):8.2f} CPU s  {max(run[2] for run in ours):7.0f} MiB"
    if theirs:
        ratios = sorted(a[0] / b[0] for a, b in zip(ours, theirs))
        line += f"   {other}: {median(theirs, 0):.2f} s, {max(run[2] for run in theirs):.0f} MiB   ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"
    print(line, flush=True)


def project(name, rules=True):
    """A fresh project over the shared landing files."""
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(work / "data", folder, ignore=shutil.ignore_patterns("landing", "warehouse", ".headworks"))
    (folder / "landing").symlink_to(work / "data" / "landing")
    model = folder / "models" / "fact_orders.yaml"
    text = model.read_text()
    if rules:
        text = text.replace("at_least: 95%, on_failure: block", "at_least: 50%, on_failure: block")
    else:
        text = text.split("rules:")[0]
    model.write_text(text)
    return folder


def pipeline():
    ours, theirs = [], []
    for number in range(options.runs):
        folder = project("ours")
        ours.append(timed([headworks, "run"], folder))
        database = work / "theirs.duckdb"
        database.unlink(missing_ok=True)
        theirs.append(timed([sys.executable, str(here / "duckdb_pipeline.py"), str(database), str(work / "data" / "landing")], work))
    report(f"pipeline, {options.rows:,} orders", ours, theirs)
    nothing = [timed([headworks, "run"], work / "ours") for _ in range(options.runs)]
    report("run that finds nothing new", nothing)


TWENTY = """
  - not_null: { column: order_id }
  - not_null: { column: product_id, at_least: 1% }
  - not_null: { column: order_date }
  - not_null: { column: updated_at }
  - not_null: { column: customer_id, at_least: 1% }
  - not_null: { column: shipping_address, at_least: 1% }
  - range: { column: total_amount, min: 0, at_least: 1% }
  - range: { column: quantity, min: 0, max: 1000 }
  - range: { column: order_date, min: 2020-01-01, max: 2030-01-01 }
  - accepted_values: { column: status, values: [pending, shipped, delivered, cancelled], at_least: 1% }
  - length: { column: status, min: 1, max: 30 }
  - length: { column: email, min: 3, max: 100, at_least: 1% }
  - matches: { column: email, pattern: '@', at_least: 1% }
  - compare: { left: order_date, operator: "<=", right: updated_at, at_least: 1% }
  - expression: { sql: "quantity < 100" }
  - aggregate: { sql: "sum(total_amount)", min: 0 }
  - aggregate: { sql: "avg(quantity)", min: 0, max: 100 }
  - aggregate: { sql: "max(total_amount)", max: 100000000 }
  - row_count: { min: 1 }
  - aggregate: { sql: "min(order_date)", min: 2020-01-01 }
"""


def rules_cost():
    """The same load of fact_orders with twenty row and aggregate rules and with none, from one raw copy."""
    base = project("rules-base", rules=False)
    timed([headworks, "run"], base)
    plain = (base / "models" / "fact_orders.yaml").read_text()
    ours, theirs = [], []
    for number in range(options.runs):
        (base / "models" / "fact_orders.yaml").write_text(plain + "rules:" + TWENTY)
        ours.append(timed([headworks, "run", "fact_orders", "--rebuild"], base))
        (base / "models" / "fact_orders.yaml").write_text(plain)
        theirs.append(timed([headworks, "run", "fact_orders", "--rebuild"], base))
    report("load with 20 rules", ours, theirs, "without")


def thousand_models():
    folder = work / "thousand"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "models").mkdir(parents=True)
    (folder / "headworks.yaml").write_text("project: thousand\n")
    for number in range(1000):
        source = f"select id, name from m{number - 100:04}" if number >= 100 else f"select {number} as id, 'x' as name"
        (folder / "models" / f"m{number:04}.sql").write_text(source + "\n")
        (folder / "models" / f"m{number:04}.yaml").write_text("rules:\n  - not_null: { column: id }\n")
    report("plan of 1,000 models", [timed([headworks, "plan"], folder) for _ in range(options.runs + 2)])
    report("headworks --version", [timed([headworks, "--version"], folder) for _ in range(options.runs + 4)])


if not (work / "data" / "landing").exists():
    subprocess.run([headworks, "demo", "--rows", str(options.rows), "--into", "data", "--prepare-only"], cwd=work, check=True, stdout=subprocess.DEVNULL)
pipeline()
rules_cost()
thousand_models()
