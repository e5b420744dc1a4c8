"""Measures 20 and 200 rules over one table against one hand-written DuckDB query that counts the same.

Arguments: `--headworks PROGRAM --work FOLDER [--rows N] [--runs N]`. Needs PyPI's duckdb. Where this Python has
great_expectations and pandas, or soda-duckdb, they judge the twenty rules too. Runs alternate; each is a whole process.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

from timing import make, report, timed

parser = argparse.ArgumentParser()
parser.add_argument("--headworks", required=True)
parser.add_argument("--rows", type=int, default=10_000_000)
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--work", required=True)
parser.add_argument("--theirs", help=argparse.SUPPRESS)
options = parser.parse_args()
work = pathlib.Path(options.work)
data = work / f"rules-{options.rows}.parquet"
STATUS = ["pending", "shipped", "delivered", "cancelled"]
LIST = ", ".join(f"'{status}'" for status in STATUS)

# One line per rule: its kind, its settings, and what DuckDB counts for it. All of them hold.
RULES = [
    ("not_null", {"column": "order_id"}, "count(*) filter (order_id is null)"),
    ("not_null", {"column": "customer_id", "at_least": "90%"}, "count(*) filter (customer_id is null)"),
    ("not_null", {"column": "order_date"}, "count(*) filter (order_date is null)"),
    ("not_null", {"column": "email", "at_least": "90%"}, "count(*) filter (email is null)"),
    ("range", {"column": "amount", "min": 0, "max": 100000}, "count(*) filter (amount not between 0 and 100000)"),
    ("range", {"column": "quantity", "min": 1, "max": 100}, "count(*) filter (quantity not between 1 and 100)"),
    ("range", {"column": "order_date", "min": "2020-01-01"}, "count(*) filter (order_date < date '2020-01-01')"),
    ("accepted_values", {"column": "status", "values": STATUS}, f"count(*) filter (status not in ({LIST}))"),
    ("rejected_values", {"column": "status", "values": ["lost"]}, "count(*) filter (status in ('lost'))"),
    ("matches", {"column": "email", "pattern": "^[a-z0-9]+@[a-z]+\\.com$"}, "count(*) filter (not regexp_matches(email, '^[a-z0-9]+@[a-z]+\\.com$'))"),
    ("like", {"column": "email", "pattern": "%@%"}, "count(*) filter (email not like '%@%')"),
    ("length", {"column": "email", "min": 5, "max": 100}, "count(*) filter (length(email) not between 5 and 100)"),
    ("not_blank", {"column": "status"}, "count(*) filter (trim(status) = '')"),
    ("compare", {"left": "order_date", "operator": "<=", "right": "updated_at"}, "count(*) filter (order_date > updated_at)"),
    ("expression", {"sql": "amount >= 0 or quantity < 100"}, "count(*) filter (not (amount >= 0 or quantity < 100))"),
    ("row_count", {"min": 1}, "count(*)"),
    ("aggregate", {"function": "mean", "column": "amount", "min": 0, "max": 100000}, "avg(amount)"),
    ("aggregate", {"function": "max", "column": "amount", "max": 100000}, "max(amount)"),
    ("aggregate", {"function": "standard_deviation", "column": "amount", "min": 0}, "stddev(amount)"),
    ("aggregate", {"function": "sum", "column": "quantity", "min": 1}, "sum(quantity)"),
]


def two_hundred():
    """The twenty ten times, each time with other limits, so that no two are the same."""
    for turn in range(10):
        for place, (kind, settings, sql) in enumerate(RULES):
            other = {**settings, "name": f"rule_{turn}_{place}"}
            if "max" in other and isinstance(other["max"], int):
                other["max"] += turn
            if "values" in other:
                other["values"] = [*other["values"], f"v{turn}"]
            if "pattern" in other and kind == "like":
                other["pattern"] = "%" + other["pattern"] if turn % 2 else other["pattern"] + "%" * (turn // 2)
            if kind in ("expression",):
                other["sql"] = f"amount >= {-turn} or quantity < 100"
            other["at_least" if kind not in ("row_count", "aggregate") else "description"] = "50%"
            yield kind, other, sql.replace("100000", str(100000 + turn)).replace("100)", f"{100 + turn})").replace("'lost'", f"'lost', 'v{turn}'")


def theirs(which):
    """What a peer does in a process of its own."""
    import duckdb

    if which in ("duckdb20", "duckdb200"):
        rules = RULES if which == "duckdb20" else list(two_hundred())
        connection = duckdb.connect()
        connection.execute("set threads = 2")
        print(connection.execute(f"select {', '.join(sql for _, _, sql in rules)} from '{data}'").fetchone())
    if which == "great_expectations":
        import great_expectations
        import pandas

        suite = json.loads((work / "suite.json").read_text())
        context = great_expectations.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        whole = context.data_sources.add_pandas("p").add_dataframe_asset("d").add_batch_definition_whole_dataframe("w")
        batch = whole.get_batch(batch_parameters={"dataframe": pandas.read_parquet(data)})
        expectations = [e for e in suite["expectations"] if not e["type"].startswith("unexpected_rows") and "like" not in e["type"]]
        print(len(expectations), batch.validate(great_expectations.ExpectationSuite(name="s", expectations=expectations)).success)
    if which == "soda":
        os.environ["SODA_CORE_TELEMETRY_ENABLED"] = "false"
        from soda_core.contracts import verify_contract_locally

        database = work / "soda.duckdb"
        database.unlink(missing_ok=True)
        with duckdb.connect(str(database)) as connection:
            connection.execute(f"create view orders as select * from '{data}'")
        (work / "source.yml").write_text(f"type: duckdb\nname: source\nconnection:\n  database: '{database}'\n")
        (work / "contract.yml").write_text((work / "soda.yml").read_text().replace("source/orders", "source/main/orders"))
        result = verify_contract_locally(data_source_file_path=str(work / "source.yml"), contract_file_path=str(work / "contract.yml"), publish=False)
        print(result.is_ok)


def make_data():
    make(
        f"""copy (select range as order_id, case when range % 50 = 0 then null else range % 100000 end as customer_id,
        date '2024-01-01' + cast(range % 700 as int) as order_date, timestamp '2026-01-01' + interval (range % 86400) second as updated_at,
        cast((range * 7919) % 9999999 as double) / 100 as amount, 1 + range % 90 as quantity,
        (['pending', 'shipped', 'delivered', 'cancelled'])[1 + range % 4] as status,
        case when range % 40 = 0 then null else 'user' || (range % 500000) || '@example.com' end as email
        from range({options.rows})) to '{data}' (format parquet)"""
    )


def main():
    work.mkdir(parents=True, exist_ok=True)
    if not data.exists():
        make_data()
    for count, rules in ((20, RULES), (200, list(two_hundred()))):
        (work / f"rules{count}.yaml").write_text(json.dumps({"rules": [{kind: settings} for kind, settings, _ in rules]}))
    headworks = os.path.abspath(options.headworks)
    mine = lambda count: [headworks, "check", str(data), "--rules", str(work / f"rules{count}.yaml")]
    for tool, file in (("great-expectations", "suite.json"), ("soda", "soda.yml")):
        subprocess.run([headworks, "export", tool, str(data), "--rules", str(work / "rules20.yaml"), "--table", "orders", "--dialect", "duckdb", "--out", file], cwd=work, check=True, stdout=subprocess.DEVNULL)
    peer = lambda which: [sys.executable, os.path.abspath(__file__), "--headworks", headworks, "--work", str(work), "--rows", str(options.rows), "--theirs", which]
    commands = {"20 rules": mine(20), "200 rules": mine(200), "DuckDB, 20": peer("duckdb20"), "DuckDB, 200": peer("duckdb200")}
    for name, module in (("Great Expectations (pandas), 20", "great_expectations"), ("Soda (DuckDB), 20", "soda")):
        if importlib.util.find_spec("soda_core" if module == "soda" else module):
            commands[name] = peer(module)
    runs = {name: [] for name in commands}
    for _ in range(options.runs):
        for name, command in commands.items():
            runs[name].append(timed(command, work))
    print(f"{options.rows:,} rows, {options.runs} alternating runs of each, medians; ratios pair by pair")
    report("20 rules", runs["20 rules"], runs["DuckDB, 20"], "one DuckDB query")
    report("200 rules", runs["200 rules"], runs["DuckDB, 200"], "one DuckDB query")
    report("200 rules against 20", runs["200 rules"], runs["20 rules"], "20 rules")
    for name in list(commands)[2:]:
        report(name, runs[name], runs["200 rules" if name.endswith("200") else "20 rules"], "Headworks")


if options.theirs:
    theirs(options.theirs)
else:
    main()
