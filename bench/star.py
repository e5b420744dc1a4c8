"""Builds one star (staged orders, customers in versions, products, dates, facts by merge, quarantine, tests) with Headworks, dbt, SQLMesh and a DuckDB script.

Arguments: `--headworks PROGRAM --work FOLDER [--rows N] [--runs N] [--peers dbt,sqlmesh,duckdb]`. Each of them builds it from the first delivery, takes in a
second one with 1 % new and changed orders, and runs once more on nothing new, in rounds that alternate. All must end with the same numbers of rows.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

from timing import make, report, timed

parser = argparse.ArgumentParser()
parser.add_argument("--headworks", required=True)
parser.add_argument("--rows", type=int, default=10_000_000)
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--work", required=True)
parser.add_argument("--peers", default="dbt,sqlmesh,duckdb", help="whom to compare with, by commas")
options = parser.parse_args()
work = pathlib.Path(options.work)
here = pathlib.Path(__file__).parent / "star"
headworks = os.path.abspath(options.headworks)
PACKAGES = {"dbt": ["dbt-core==1.11.*", "dbt-duckdb==1.11.*", "duckdb==2.0.0"], "sqlmesh": ["sqlmesh[duckdb]==0.236.*"]}
STEPS = ["first build", "day two", "nothing new"]


def chance(salt):
    """A number from 0 up to 1 that follows from the row's number `i`."""
    return f"(hash(i * 64 + {salt}) / 18446744073709551616.0)"


def one_of(words, salt):
    return f"{words}[1 + cast(floor({chance(salt)} * {len(words)}) as int)]"


KNOWN = ["pending", "shipped", "delivered", "cancelled"]
STATUS = [*KNOWN, *KNOWN, *KNOWN, *(word.title() for word in KNOWN), *(word.upper() for word in KNOWN), *(word + " " for word in KNOWN), "shiped"]
CITIES = ["Springfield", "Riverton", "Salem", "Dover", "Oxford", "Milton", "Hudson", "Newport"]


def orders(first, last, customers, products, ordered, updated):
    """Orders with numbers from `first` up to `last`, with dirt; `ordered` and `updated` are SQL for their times."""
    return f"""select 1 + i as order_id,
        case when {chance(1)} < 0.08 then null else 1 + cast(floor(pow({chance(2)}, 1.7) * {customers}) as bigint) + if({chance(3)} < 0.002, 10000000, 0) end as customer_id,
        {ordered} as order_date, cast(round((1.99 + 400 * pow({chance(4)}, 3)) * if({chance(5)} < 0.02, -1, 1), 2) as decimal(12, 2)) as total_amount,
        cast(if({chance(6)} < 0.003, 0, 1 + floor(10 * pow({chance(7)}, 2.5))) as int) as quantity, {one_of(STATUS, 8)} as status,
        1 + cast(floor(pow({chance(9)}, 2) * {products}) as bigint) as product_id,
        if({chance(10)} < 0.12, null, cast(1 + floor({chance(11)} * 9999) as int) || ' Main St, ' || {one_of(CITIES, 12)} || ' ' || cast(10000 + floor({chance(13)} * 89999) as int)) as shipping_address,
        if({chance(14)} < 0.01, null, 'user' || cast(floor({chance(2)} * {customers}) as int) || if({chance(15)} < 0.03, '_at_', '@') || 'mail.example.org') as email,
        {updated} as updated_at from (select range as i from range({first}, {last}))"""


def customers(numbers, updated, salt, name='Name '):
    return f"""select 1 + i as customer_id, '{name}' || i as name, 'user' || i || '@mail.example.org' as email, {one_of(['consumer', 'business', 'vip', 'reseller'], salt)} as segment,
        {one_of(CITIES, salt + 1)} as city, {one_of(['US', 'GB', 'DE', 'FR'], 22)} as country, {updated} as updated_at from ({numbers})"""


def delivered():
    """The folder with both deliveries."""
    folder, rows = work / f"star-data-{options.rows}", options.rows
    if folder.exists():
        return folder
    making = folder.with_suffix(".making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    known, products, some = max(100, rows // 10), max(1000, rows // 1000), rows // 200
    moment = lambda start, seconds: f"cast(timestamp '{start}' + interval (cast({seconds} as bigint)) second as timestamp)"
    spread = moment("2024-01-01", f"i * (700 * 86400.0 / {rows}) + floor({chance(30)} * 3 * 86400)")
    later = moment("2024-01-01", f"i * (700 * 86400.0 / {rows}) + 3 * 86400 + floor({chance(31)} * 14 * 86400)")
    second = moment("2026-01-02", f"floor({chance(32)} * 86000)")
    write = lambda query, name: make(f"copy ({query}) to '{making}/{name}.parquet' (compression zstd, row_group_size 122880)")
    base = orders(0, rows - some, known, products, spread, later)
    again = f"select * replace (updated_at + interval 1 hour as updated_at) from ({base}) where order_id % 200 = 0"
    write(f"({base}) union all ({again})", "orders")
    new = orders(rows, rows + some, known, products, moment("2026-01-01", f"floor({chance(33)} * 2 * 86400) - if({chance(34)} < 0.05, 30 * 86400, 0)"), second)
    changed = f"select * replace ('shipped' as status, timestamp '2026-01-02 12:00:00' as updated_at) from ({base}) where order_id % 200 = 7"
    write(f"({new}) union all ({changed})", "orders_two")
    write(customers(f"select range as i from range({known})", moment("2023-12-01", f"floor({chance(35)} * 30) * 86400"), 20), "customers")
    few = f"select range as i from range({known}) where hash(range) % 50 = 0 union all select range from range({known}, {known + known // 500})"
    # Each of them has changed: dbt makes a version of what is only stamped anew, Headworks does not.
    write(customers(few, second, 40, "New name "), "customers_two")
    write(f"select 1 + i as product_id, 'SKU-' || (100000 + i) as sku, 'item ' || i as name, {one_of(['books', 'toys', 'garden', 'audio'], 50)} as category, cast(1.99 + i % 400 as decimal(12, 2)) as unit_price from (select range as i from range({products}))", "products")
    making.rename(folder)
    return folder


def deliver(landing, files, data):
    landing.mkdir(parents=True, exist_ok=True)
    for file in files:
        (landing / f"{file}.parquet").symlink_to(data / f"{file}.parquet")


def venv(peer):
    folder = work / f"star-{peer}"
    if not (folder / "bin" / peer).exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", *PACKAGES[peer]], check=True)
    return str(folder / "bin" / peer)


def count(python, database, *tables):
    program = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); print(*[c.execute(f'select count(*) from {t}').fetchone()[0] for t in sys.argv[2:]])"
    return tuple(map(int, subprocess.run([python, "-c", program, str(database), *tables], check=True, capture_output=True, text=True).stdout.split()))


def versions(table):
    """The versions of customers in which something changed: who goes by the time of a change alone keeps further ones, which differ in nothing else."""
    return f"(select distinct customer_id, name, email, segment, city, country from {table})"


class Contestant:
    """Builds the star in a folder of its own; `run` does what one step takes and returns its time and memory."""

    python = sys.executable

    def __init__(self, name):
        self.folder = work / f"star-run-{name}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.landing, self.database = self.folder / "landing", self.folder / "star.duckdb"

    def counted(self, *tables):
        """How many rows the tables of its database have."""
        return count(self.python, self.database, *tables)

    def arrived(self):
        """What has to be told about a delivery before it is timed."""


class Ours(Contestant):
    def __init__(self):
        super().__init__("headworks")
        shutil.copytree(here / "headworks", self.folder, dirs_exist_ok=True)

    def run(self, step):
        return timed([headworks, "run"], self.folder)

    def rows(self):
        query = f"select (select count(*) from fact_orders) as a, (select count(*) from {versions('dim_customers')}) as b, (select count(*) from quarantine.fact_orders) as c"
        printed = subprocess.run([headworks, "sql", "--format", "json", query], cwd=self.folder, check=True, capture_output=True, text=True).stdout
        return tuple(json.loads(printed)[0].values())


class Script(Contestant):
    def __init__(self):
        super().__init__("duckdb")

    def run(self, step):
        more = ["day-two"] if step else []
        return timed([sys.executable, str(here / "duckdb_star.py"), str(self.database), str(self.landing), *more], self.folder)

    def rows(self):
        return self.counted("fact_orders", versions("dim_customers"), "quarantine_orders")


class Dbt(Contestant):
    def __init__(self):
        super().__init__("dbt")
        shutil.copytree(here / "dbt", self.folder / "project")
        self.program = venv("dbt")

    def run(self, step):
        os.environ.update(STAR_DATABASE=str(self.database), STAR_LANDING=str(self.landing), DBT_PROFILES_DIR=str(self.folder / "project"))
        return timed([self.program, "--quiet", "build", "--project-dir", str(self.folder / "project")], self.folder)

    def rows(self):
        return self.counted("fact_orders", versions("dim_customers"), "quarantine_orders")


class Sqlmesh(Contestant):
    def __init__(self):
        super().__init__("sqlmesh")
        shutil.copytree(here / "sqlmesh", self.folder / "project")
        self.program = venv("sqlmesh")
        self.python = str(pathlib.Path(self.program).with_name("python"))

    def arrived(self):
        views = "".join(f"create or replace view raw.{name} as select * from read_parquet('{self.landing}/{name}*.parquet');" for name in ("orders", "customers", "products"))
        program = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute(sys.argv[2])"
        subprocess.run([self.python, "-c", program, str(self.database), f"create schema if not exists raw;{views}"], check=True)

    def run(self, step):
        os.environ.update(STAR_DATABASE=str(self.database))
        words = ["run"] if step else ["plan", "--auto-apply", "--no-prompts", "--execution-time", "2026-01-01 00:00:00"]
        return timed([self.program, "--log-file-dir", str(self.folder / "logs"), "-p", str(self.folder / "project"), *words], self.folder)

    def rows(self):
        return self.counted("mart.fact_orders", versions("mart.dim_customers"), "mart.quarantine_orders")


def round_of(contestants, data):
    """One build, second delivery and idle run of each; and how many rows each ends with."""
    made = {name: kind() for name, kind in contestants.items()}
    found = {name: [] for name in made}
    for step in range(len(STEPS)):
        for name, contestant in made.items():
            if step < 2:
                files = ["orders", "customers", "products"] if step == 0 else ["orders_two", "customers_two"]
                deliver(contestant.landing, files, data)
                contestant.arrived()
            found[name].append(contestant.run(step))
    rows = {name: contestant.rows() for name, contestant in made.items()}
    if len(set(rows.values())) > 1:
        sys.exit(f"the stars differ (facts, versions of customers, rows in quarantine): {rows}")
    return found


peers = {"dbt": Dbt, "sqlmesh": Sqlmesh, "duckdb": Script}
contestants = {"headworks": Ours, **{name: peers[name] for name in options.peers.split(",") if name}}
data = delivered()
rounds = [round_of(contestants, data) for _ in range(options.runs)]
for number, step in enumerate(STEPS):
    ours = [found["headworks"][number] for found in rounds]
    report(f"star, {options.rows:,} orders: {step}", ours)
    for name in contestants:
        if name != "headworks":
            report(f"  {name}: {step}", [found[name][number] for found in rounds])
            report(f"  ratio to {name}", ours, [found[name][number] for found in rounds], name)
