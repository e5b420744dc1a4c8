"""Measures incremental loads against delta-rs, DuckDB and a bare COPY, in alternating runs of whole processes.

Arguments: `--headworks PROGRAM --work FOLDER [--rows N] [--runs N] [--only PART]`. Needs PyPI's duckdb and deltalake. Every run begins with a
table of its own. Headworks copies the changes, judges them, commits and notes it down; the others merge a prepared file.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from timing import make, report, timed

parser = argparse.ArgumentParser()
parser.add_argument("--headworks", required=True)
parser.add_argument("--rows", type=int, default=10_000_000)
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--work", required=True)
parser.add_argument("--curve", default="1,10", help="millions of rows of the table, by commas")
parser.add_argument("--only", choices=["upsert", "models", "postgres"], action="append", help="these parts; all where not given")
parser.add_argument("--postgres", help="a database for the part `postgres`, as postgres://user@host:port/name")
parser.add_argument("--theirs", nargs="+", help=argparse.SUPPRESS)
options = parser.parse_args()
work = pathlib.Path(options.work)
headworks = os.path.abspath(options.headworks)
CHANGED = 100_000


def orders(first, rows, months, stamp):
    """Orders with so many keys from `first` on: 24 months in the order of their keys, or in the last `months` of them."""
    return f"""select {first} + range as order_id, (range * 7919) % 1000000 as customer_id,
        cast(timestamp '2024-01-01' + interval ({24 - months}) month + interval (cast(range * {months}.0 * 30.4 * 86400 / {rows} as bigint)) second as timestamp) as ordered_at,
        cast((range * 104729) % 9999999 as decimal(12, 2)) / 100 as amount, cast(1 + range % 90 as int) as quantity,
        (['pending', 'shipped', 'delivered', 'cancelled'])[1 + range % 4] as status, 'user' || (range % 500000) || '@example.com' as email,
        'Street ' || (range % 9973) || ', ' || (range % 100000) as address, timestamp '{stamp}' as updated_at from range({rows})"""


def delivered(rows, spread_out):
    """The base of a table and its changes: half of them new keys, in the last three months or everywhere."""
    folder = work / f"orders-{rows}-{'all' if spread_out else 'recent'}"
    if not folder.exists():
        folder.mkdir(parents=True)
        half, last = CHANGED // 2, rows // 8
        known = f"select * replace (order_id + {0 if spread_out else rows - last} as order_id) from ({orders(0, rows if spread_out else last, 24 if spread_out else 3, '2026-02-01')}) using sample reservoir({half} rows) repeatable (7)"
        make(f"copy ({orders(0, rows, 24, '2026-01-01')}) to '{folder}/base.parquet' (compression zstd)")
        make(f"copy (({known}) union all ({orders(rows, half, 24 if spread_out else 3, '2026-02-01')})) to '{folder}/changes.parquet' (compression zstd)")
    return folder


def project(name, data, partitioned):
    """A project that has loaded the base; copied for each run."""
    folder = work / name
    if not folder.exists():
        (folder / "models").mkdir(parents=True)
        (folder / "landing").mkdir()
        shutil.copy(data / "base.parquet", folder / "landing")
        (folder / "headworks.yaml").write_text("project: loads\nsources:\n  shop: { parquet: { path: { orders: 'landing/*.parquet' } } }\n")
        partition = "partition_by: month(ordered_at)\n" if partitioned else ""
        settings = f"load: {{ upsert: {{ key: [order_id] }} }}\nfollow: {{ shop.orders: updated_at }}\n{partition}rules:\n  - not_null: {{ column: ordered_at }}\n"
        (folder / "models" / "orders.yaml").write_text(settings)
        (folder / "models" / "orders.sql").write_text("select order_id, customer_id, ordered_at, amount, quantity, status, email, address, updated_at from shop.orders\n")
        timed([headworks, "run"], folder)
    return folder


def fresh(template):
    """A copy of a folder or file that a run may change."""
    copy = template.with_name(template.name + "-run")
    if template.is_dir():
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(template, copy)
    else:
        shutil.copy(template, copy)
    return copy


def peer(*words):
    return [sys.executable, os.path.abspath(__file__), "--headworks", headworks, "--work", str(work), "--theirs", *map(str, words)]


def theirs(tool, step, data, table):
    """What a peer does in a process of its own: the base, or the merge of the changes."""
    import duckdb

    base, changes = f"{data}/base.parquet", f"{data}/changes.parquet"
    if tool.startswith("delta"):
        from deltalake import DeltaTable, write_deltalake

        month = ", strftime(ordered_at, '%Y-%m') as month" if tool == "delta-by-month" else ""
        read = lambda file: duckdb.sql(f"select *{month} from '{file}'")
        if step == "base":
            write_deltalake(table, read(base).to_arrow_reader(500_000), partition_by=["month"] if month else None)
        else:
            where = "t.order_id = s.order_id" + (" and t.month = s.month" if month else "")
            merge = DeltaTable(table).merge(read(changes).to_arrow_table(), where, source_alias="s", target_alias="t")
            print(merge.when_matched_update_all().when_not_matched_insert_all().execute())
        return
    connection = duckdb.connect(table)
    connection.execute("set threads = 2; set memory_limit = '2GB'")
    if step == "base":
        connection.execute(f"create table orders as from '{base}'; alter table orders add primary key (order_id)")
    else:
        columns = ["customer_id", "ordered_at", "amount", "quantity", "status", "email", "address", "updated_at"]
        updates = ", ".join(f"{column} = excluded.{column}" for column in columns)
        connection.execute(f"insert into orders from '{changes}' on conflict (order_id) do update set {updates}")


def upserts():
    for millions in map(int, options.curve.split(",")):
        upsert(millions * 1_000_000, partitioned=True)
    upsert(options.rows, partitioned=False)


def upsert(rows, partitioned):
    data = delivered(rows, spread_out=not partitioned)
    how = "recent" if partitioned else "all"
    ours = project(f"ours-{rows}-{how}", data, partitioned)
    peers = {"delta-rs": "delta-by-month" if partitioned else "delta", "DuckDB": "duckdb"}
    tables = {}
    for name, tool in peers.items():
        tables[name] = work / f"{tool}-{rows}-{how}"
        if not tables[name].exists():
            timed(peer(tool, "base", data, tables[name]), work)
    runs = {name: [] for name in ["Headworks", *peers]}
    for _ in range(options.runs):
        folder = fresh(ours)
        shutil.copy(data / "changes.parquet", folder / "landing")
        runs["Headworks"].append(timed([headworks, "run"], folder))
        for name, tool in peers.items():
            runs[name].append(timed(peer(tool, "merge", data, fresh(tables[name])), work))
    where = "three of 24 months" if partitioned else "no partitions"
    for name in peers:
        report(f"upsert {CHANGED:,} into {rows:,}, {where}", runs["Headworks"], runs[name], name)


def models():
    """A thousand models that hardly do anything: what one costs."""
    # Each in a folder of its own, and none is removed meanwhile: file systems take long for new files where others have just been deleted.
    folders = [pathlib.Path(tempfile.mkdtemp(prefix="thousand-", dir=work)) for _ in range(options.runs)]
    for folder in folders:
        (folder / "models").mkdir()
        (folder / "headworks.yaml").write_text("project: thousand\n")
        for number in range(1000):
            (folder / "models" / f"m{number:04}.sql").write_text(f"select {number} as id, 'x' as name\n")
    report("first run of 1,000 trivial models", [timed([headworks, "run"], folder) for folder in folders])
    report("run of 1,000 models that finds nothing new", [timed([headworks, "run"], folders[-1]) for _ in range(options.runs)])
    for folder in folders:
        shutil.rmtree(folder)


def postgres():
    """All rows of a table of PostgreSQL into a raw copy, which a model counts, against a bare binary COPY into a file."""
    if not options.postgres:
        print("no database was given (--postgres): its extraction is not measured", flush=True)
        return
    psql = lambda *words: ["psql", options.postgres, "-X", "-q", "-v", "ON_ERROR_STOP=1", *words]
    exists = subprocess.run(psql("-tAc", "select count(*) from orders"), capture_output=True, text=True, check=False).stdout.strip() == str(options.rows)
    if not exists:
        file = delivered(options.rows, spread_out=False) / "base.csv"
        make(f"copy (from '{file.with_suffix('.parquet')}') to '{file}' (header false)")
        subprocess.run(psql("-c", "drop table if exists orders", "-c", "create table orders (order_id bigint primary key, customer_id bigint, ordered_at timestamp, amount numeric(14,4), quantity int, status text, email text, address text, updated_at timestamp)", "-c", f"\\copy orders from '{file}' csv", "-c", "vacuum analyze orders"), check=True)
    folder = work / "postgres"
    ours, bare = [], []
    for _ in range(options.runs):
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "models").mkdir(parents=True)
        (folder / "models" / "loaded.sql").write_text("select count(*) as rows from shop.orders\n")
        (folder / "headworks.yaml").write_text(f"project: extraction\nsources:\n  shop: {{ postgres: {{ url: '{options.postgres}', tables: [orders] }} }}\n")
        ours.append(timed([headworks, "run"], folder))
        loaded = subprocess.run([headworks, "sql", "select rows from loaded", "--format", "json"], cwd=folder, capture_output=True, text=True, check=True)
        if str(options.rows) not in loaded.stdout:
            sys.exit(f"not all rows were loaded: {loaded.stdout}")
        bare.append(timed(psql("-c", f"\\copy orders to '{work}/orders.bin' (format binary)"), work))
    report(f"{options.rows:,} rows of PostgreSQL", ours, bare, "binary COPY")


if options.theirs:
    theirs(*options.theirs)
else:
    work.mkdir(parents=True, exist_ok=True)
    parts = {"upsert": upserts, "models": models, "postgres": postgres}
    for name, part in parts.items():
        if not options.only or name in options.only:
            part()
