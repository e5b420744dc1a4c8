"""Measures Headworks against DuckDB in alternating runs of whole processes; prints medians and ratios.

Each line: what was measured, seconds (median of the runs), peak memory of the process, and the ratio pair by pair.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

from timing import report, timed

parser = argparse.ArgumentParser()
parser.add_argument("--headworks", required=True)
parser.add_argument("--rows", type=int, default=10_000_000)
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--work", required=True)
parser.add_argument("--curve", default="1,3,10,30", help="millions of orders to assess, by commas")
parser.add_argument("--memory", type=int, default=512, help="MiB that the part `beyond` may use; it reads ten times as much")
parser.add_argument("--only", choices=["pipeline", "rules", "plan", "assess", "beyond"], action="append", help="these parts; all where not given")
options = parser.parse_args()
work = pathlib.Path(options.work)
headworks = os.path.abspath(options.headworks)
here = pathlib.Path(__file__).parent


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
    day_two(work / "ours", work / "theirs.duckdb")


def day_two(ours, theirs):
    """One per cent of new and changed orders, and changed customers, on top of what both have built."""
    landing = work / "day-two"
    shutil.rmtree(landing, ignore_errors=True)
    for folder in ("orders", "customers"):
        (landing / folder).mkdir(parents=True)
    first, some = work / "data" / "landing", options.rows // 200
    orders = f"select * from read_csv('{first}/orders/*.csv', all_varchar = true)"
    changed = f"{orders} using sample reservoir({some} rows) repeatable (1)"
    new = f"select * replace (cast({2 * options.rows} + cast(order_id as bigint) as varchar) as order_id) from ({orders} using sample reservoir({some} rows) repeatable (2))"
    stamped = f"select * replace ('2026-01-02 03:04:05' as updated_at) from (({changed}) union all ({new}))"
    customers = f"select * replace ('2026-01-02T03:04:05' as updated_at) from read_json('{first}/customers/*.ndjson') using sample 2 percent (reservoir, 3)"
    duckdb(work, f"copy ({stamped}) to '{landing}/orders/day-two.csv'", f"copy ({customers}) to '{landing}/customers/day-two.ndjson' (format json)")
    shutil.copy(first / "products.parquet", landing)
    runs, others = [], []
    for _ in range(options.runs):
        run = work / "ours-day-two"
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(ours, run, symlinks=True)
        (run / "landing").unlink()
        (run / "landing").mkdir()
        for file in first.rglob("*"):
            if file.is_file():
                link = run / "landing" / file.relative_to(first)
                link.parent.mkdir(exist_ok=True)
                link.symlink_to(file)
        for folder in ("orders", "customers"):
            for file in (landing / folder).iterdir():
                shutil.copy(file, run / "landing" / folder)
        runs.append(timed([headworks, "run"], run))
        database = shutil.copy(theirs, work / "day-two.duckdb")
        others.append(timed([sys.executable, str(here / "duckdb_pipeline.py"), str(database), str(landing), "day-two"], work))
    report(f"day two, {2 * some:,} orders new or changed", runs, others)


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


def duckdb(work, *statements):
    """Runs statements in a DuckDB of their own, with the memory that Headworks has."""
    set_up = "import duckdb, sys; c = duckdb.connect(); c.execute(\"set threads = %d; set memory_limit = '2GB'\")" % os.cpu_count()
    program = set_up + "\nfor statement in sys.argv[1:]: c.execute(statement).fetchall()"
    return timed([sys.executable, "-c", program, *statements], work)


def orders_file(rows):
    """The first orders of the landing files as one Parquet file, repeated with other keys where these are too few."""
    file = work / f"orders-{rows}.parquet"
    if not file.exists():
        source = f"read_csv('{work}/data/landing/orders/*.csv')"
        copies = -(-rows // options.rows)
        repeated = f"select * replace (order_id + {options.rows} * copy as order_id) from {source}, range({copies}) as copies(copy)"
        picked = f"select * exclude (copy) from ({repeated}) limit {rows}"
        duckdb(work, f"copy ({picked}) to '{file}' (format parquet, compression zstd)")
    return str(file)


def spread(name, ours, theirs, other):
    """Wall and CPU seconds with their ratio, pair by pair: least, median, greatest; and the peak of memory."""
    def figures(runs, at):
        values = sorted(run[at] for run in runs)
        return f"{values[0]:.2f} / {statistics.median(values):.2f} / {values[-1]:.2f}"

    def ratios(at):
        values = sorted(a[at] / b[at] for a, b in zip(ours, theirs))
        return f"{statistics.median(values):.2f} ({values[0]:.2f}–{values[-1]:.2f})"

    print(f"{name}\n  wall s   {figures(ours, 0)}   CPU s {figures(ours, 1)}   {max(run[2] for run in ours):.0f} MiB", flush=True)
    if theirs:
        print(f"  {other:<8} {figures(theirs, 0)}   CPU s {figures(theirs, 1)}   {max(run[2] for run in theirs):.0f} MiB", flush=True)
        print(f"  ratio    wall {ratios(0)}   CPU {ratios(1)}", flush=True)


def assess(file, *more):
    return timed([headworks, "assess", file, "--out", str(work / "assessment"), *more], work)


def assessments():
    file = orders_file(options.rows)
    summarize = lambda: duckdb(work, f"summarize from read_parquet('{file}')")
    pairs = [(assess(file, "--columns-only"), assess(file), summarize()) for _ in range(options.runs)]
    columns, whole, theirs = ([pair[at] for pair in pairs] for at in range(3))
    spread(f"columns only, {options.rows:,} orders", columns, theirs, "SUMMARIZE")
    spread(f"whole assessment, {options.rows:,} orders", whole, theirs, "SUMMARIZE")
    for millions in map(int, options.curve.split(",")):
        grown = orders_file(millions * 1_000_000)
        spread(f"whole assessment, {millions} million orders", [assess(grown) for _ in range(options.runs)], None, "")
    wide = work / "wide.parquet"
    numbers = ", ".join(f"hash(row * 500 + {at}) % {10 ** (1 + at % 6)} as column_{at}" for at in range(500))
    duckdb(work, f"copy (select {numbers} from range(5000) as rows(row)) to '{wide}' (format parquet)")
    spread("whole assessment, 500 columns, 5,000 rows", [assess(str(wide)) for _ in range(options.runs)], None, "")
    against_ydata(orders_file(1_000_000))


def beyond_memory():
    """A whole assessment of a CSV file ten times larger than `--memory`: how long it takes, and how much memory the process has at most."""
    file, wanted = work / f"beyond-{options.memory}.csv", 10 * options.memory * 2**20
    if not file.exists() or file.stat().st_size < wanted:
        landed = sum(part.stat().st_size for part in (work / "data" / "landing" / "orders").glob("*.csv"))
        # One more, since some numbers are written shorter than they landed.
        copies = -(-wanted // landed) + 1
        source = f"read_csv('{work}/data/landing/orders/*.csv')"
        repeated = f"select * replace (order_id + {options.rows} * copy as order_id) from {source}, range({copies}) as copies(copy)"
        duckdb(work, f"copy ({repeated}) to '{file}' (header)")
    runs = [assess(str(file), "--memory", f"{options.memory}MiB") for _ in range(options.runs)]
    size = file.stat().st_size / 2**20
    spread(f"whole assessment of {size:,.0f} MiB of CSV with --memory {options.memory}MiB", runs, None, "")
    print(f"  {size / options.memory:.1f} times the memory; the peak is {max(run[2] for run in runs) / options.memory:.2f} times it", flush=True)


def against_ydata(file):
    """ydata-profiling in its minimal mode, where PyPI has it for this Python."""
    python = work / "ydata" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(work / "ydata")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "ydata-profiling", "pyarrow"], check=False)
    program = "import sys, pandas; from ydata_profiling import ProfileReport as R; R(pandas.read_parquet(sys.argv[1]), minimal=True, progress_bar=False).to_file('ydata.html')"
    if subprocess.run([str(python), "-c", "import ydata_profiling"], stderr=subprocess.DEVNULL).returncode:
        print("ydata-profiling cannot be installed here: not compared", flush=True)
        return
    pairs = [(assess(file), timed([str(python), "-c", program, file], work)) for _ in range(options.runs)]
    spread("whole assessment, 1 million orders", [pair[0] for pair in pairs], [pair[1] for pair in pairs], "ydata")


if not (work / "data" / "landing").exists():
    subprocess.run([headworks, "demo", "--rows", str(options.rows), "--into", "data", "--prepare-only"], cwd=work, check=True, stdout=subprocess.DEVNULL)
parts = {"pipeline": pipeline, "rules": rules_cost, "plan": thousand_models, "assess": assessments, "beyond": beyond_memory}
for name, part in parts.items():
    if not options.only or name in options.only:
        part()
