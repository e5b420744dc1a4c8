"""What `headworks export` writes runs in the tool that it is for, and gives the same verdicts.

Arguments: the program, and one of `sql`, `postgres`, `great-expectations`, `dbt`, `soda`. Each needs the tool from PyPI, pyyaml
and duckdb; `peers.sh` makes the environments. The rules and data are those of `every_rule.yaml`: every kind of rule, on data
that breaks it and on the same data repaired. What an export does not write it must say, and `NOT_WRITTEN` lists those kinds.
`postgres` and the queries of Great Expectations need `HEADWORKS_TEST_POSTGRES`.
"""
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import duckdb
import yaml

program, tool = os.path.abspath(sys.argv[1]), sys.argv[2]
only = sys.argv[3] if len(sys.argv) > 3 else ""
CASES = yaml.safe_load(pathlib.Path(__file__).with_name("every_rule.yaml").read_text())
SINCE_POSTGRES_16 = ("pg_input_is_valid", " is json)", " join (select *, true")  # and subqueries without a name
# The first is about the columns, and a query of rows cannot tell those; no database reads dates in all their forms, or knows JSON schemas.
NOT_WRITTEN = {"schema", "parses: any_date", "json_schema"}


def is_of_16(sql):
    return any(part in sql for part in SINCE_POSTGRES_16)


class Case:
    """A rule, the data that it is judged on, and whether it holds there."""

    def __init__(self, number, which, folder):
        case = CASES[number]
        self.number, self.which, self.holds = number, which, which == "repaired"
        self.name = f"t{number}_{which}"
        self.folder = folder / self.name
        (self.folder / "other").mkdir(parents=True)
        (self.file, self.others) = (self.folder / f"{self.name}.csv", {})
        self.file.write_text(case[which])
        for name, text in case.get("other", {}).items():
            self.others[f"{name}{number}"] = self.folder / "other" / f"{name}.csv"
            self.others[f"{name}{number}"].write_text(text)
        rule = json.dumps(case["rule"])
        for name in case.get("other", {}):
            rule = re.sub(rf'"{name}(["\.])', rf'"{name}{number}\1', rule)
        self.rule = json.loads(rule)
        self.kind = next(iter(self.rule))
        self.rule[self.kind]["name"] = f"r{number}_{which}"
        (self.folder / "rules.yaml").write_text(json.dumps({"rules": [self.rule]}))

    def exported(self, format, dialect, file):
        """The text of the export, and the report on it."""
        command = [program, "export", format, self.file.name, "--rules", "rules.yaml", "--table", self.name, "--dialect", dialect, "--out", file]
        found = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if found.returncode:
            raise RuntimeError(f"export of {self.rule}: {found.stdout}{found.stderr}")
        return (self.folder / file).read_text(), found.stdout

    def tables(self):
        """Each table with its file and its columns, as Headworks reads them: name and type."""
        for name, file in {self.name: self.file, **self.others}.items():
            (file.parent / "any.yaml").write_text("rules: [row_count: {min: 0}]")
            command = [program, "export", "odcs", file.name, "--rules", "any.yaml"]
            contract = yaml.safe_load(subprocess.run(command, cwd=file.parent, capture_output=True, text=True, check=True).stdout)
            yield name, file, [(column["name"], column["physicalType"]) for column in contract["schema"][0]["properties"]]


def in_duckdb(connection, case, schema="main"):
    for name, file, columns in case.tables():
        types = ", ".join(f"'{column}': '{kind}'" for column, kind in columns)
        connection.execute(f"create or replace table {schema}.{name} as select * from read_csv('{file}', header = true, columns = {{{types}}}, delim = ',', quote = '\"', null_padding = true)")


def of_sql(cases, folder):
    """The queries of plain SQL in DuckDB."""
    connection = duckdb.connect()
    for case in cases:
        in_duckdb(connection, case)
        text, report = case.exported("sql", "duckdb", "checks.sql")
        yield case, verdict_of_queries(text, report, lambda sql: connection.execute(sql).fetchall())


def verdict_of_queries(text, report, run):
    if ": not written: " in report:
        return "not written"
    queries = [query for query in text.split(";\n") if query.strip()]
    try:
        return all(not run(query) for query in queries)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:300]}: {queries}"


def in_postgres(connection, case):
    for name, file, columns in case.tables():
        kinds = {"double": "double precision", "timestamp(6)": "timestamp"}
        listed = ", ".join(f'"{column}" {kinds.get(kind, kind)}' for column, kind in columns)
        with connection.cursor() as cursor, open(file) as data:
            cursor.execute(f"drop table if exists {name}; create table {name} ({listed})")
            cursor.copy_expert(f"copy {name} from stdin (format csv, header)", data)


def postgres():
    import psycopg2

    connection = psycopg2.connect(os.environ["HEADWORKS_TEST_POSTGRES"])
    connection.autocommit = True
    return connection


def of_postgres(cases, folder):
    """The queries of plain SQL in PostgreSQL."""
    connection = postgres()

    def run(sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    for case in cases:
        in_postgres(connection, case)
        text, report = case.exported("sql", "postgres", "checks.sql")
        if is_of_16(text) and connection.server_version < 160000:
            yield case, "skipped"
        else:
            yield case, verdict_of_queries(text, report, run)


def of_dbt(cases, folder):
    """All rules as tests of one project."""
    project = folder / "project"
    (project / "models").mkdir(parents=True)
    database = folder / "dbt.duckdb"
    (project / "dbt_project.yml").write_text("name: exported\nversion: '1.0'\nprofile: p\nmodels: {+materialized: view}\n")
    (project / "profiles.yml").write_text(f"p: {{target: t, outputs: {{t: {{type: duckdb, path: '{database}', threads: 1}}}}}}\n")
    connection = duckdb.connect(str(database))
    connection.execute("create schema raw")
    written = {}
    for case in cases:
        in_duckdb(connection, case, "raw")
        for name, _, _ in case.tables():
            (project / "models" / f"{name}.sql").write_text(f"select * from raw.{name}\n")
        text, written[case] = case.exported("dbt", "duckdb", "schema.yml")
        (project / "models" / f"{case.name}.yml").write_text(text)
        for test in (case.folder / "tests").glob("*.sql"):
            (project / "tests").mkdir(exist_ok=True)
            (project / "tests" / f"r{case.number}_{case.which}.sql").write_text(test.read_text())
    connection.close()
    command = [pathlib.Path(sys.executable).parent / "dbt", "--quiet", "build", "--profiles-dir", "."]
    environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"}
    ran = subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment)
    results = json.loads((project / "target/run_results.json").read_text())["results"] if (project / "target/run_results.json").exists() else []
    found = {result["unique_id"].split(".")[2]: result for result in results}
    for case in cases:
        result = found.get(f"r{case.number}_{case.which}")
        if ": not written: " in written[case]:
            yield case, "not written"
        elif result is None or result["status"] not in ("pass", "fail", "warn"):
            yield case, (result or {}).get("message") or f"no result: {ran.stdout[-600:]}"
        else:
            yield case, result["status"] == "pass"


def of_soda(cases, folder):
    """Each rule as a contract of its table."""
    os.environ["SODA_CORE_TELEMETRY_ENABLED"] = "false"
    from soda_core.contracts import verify_contract_locally

    database = folder / "soda.duckdb"
    connection = duckdb.connect(str(database))
    for case in cases:
        in_duckdb(connection, case)
    connection.close()
    source = folder / "source.yml"
    source.write_text(f"type: duckdb\nname: source\nconnection:\n  database: '{database}'\n")
    for case in cases:
        text, report = case.exported("soda", "duckdb", "contract.yml")
        if ": not written: " in report:
            yield case, "not written"
            continue
        contract = case.folder / "contract.yml"
        contract.write_text(text.replace(f"source/{case.name}", f"source/main/{case.name}"))
        result = verify_contract_locally(data_source_file_path=str(source), contract_file_path=str(contract), publish=False)
        logs = str(result.get_errors_str()) if hasattr(result, "get_errors_str") else ""
        checks = [check.outcome.name for one in result.contract_verification_results for check in one.check_results]
        if not checks or any(outcome not in ("PASSED", "FAILED", "WARN") for outcome in checks):
            yield case, f"outcomes {checks}: {logs[-600:]}"
        else:
            yield case, all(outcome == "PASSED" for outcome in checks)


def of_great_expectations(cases, folder):
    """Each rule as a suite: expectations on pandas, and on PostgreSQL where one is a query."""
    import great_expectations
    import pandas
    from great_expectations import ExpectationSuite

    context = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    whole = context.data_sources.add_pandas("p").add_dataframe_asset("d").add_batch_definition_whole_dataframe("w")
    address = os.environ.get("HEADWORKS_TEST_POSTGRES")
    server = postgres() if address else None
    source = context.data_sources.add_postgres("s", connection_string=address.replace("postgres://", "postgresql+psycopg2://")) if address else None
    reader = duckdb.connect()
    for case in cases:
        text, report = case.exported("great-expectations", "postgres", "suite.json")
        if ": not written: " in report:
            yield case, "not written"
            continue
        suite = json.loads(text)
        limits = [e["kwargs"].get(limit) for e in suite["expectations"] for limit in ("min_value", "max_value")]
        needs_sql = any(isinstance(limit, str) for limit in limits) or any(e["type"].startswith(("unexpected_rows", "expect_table_row_count_to_equal_other")) or "like" in e["type"] for e in suite["expectations"])
        if needs_sql and (not address or (is_of_16(text) and server.server_version < 160000)):
            yield case, "skipped"
            continue
        if needs_sql:
            in_postgres(server, case)
            batch = source.add_table_asset(case.name, table_name=case.name).add_batch_definition_whole_table("w").get_batch()
        else:
            in_duckdb(reader, case)
            # As people have it in pandas: numbers with gaps are floats.
            frame = reader.execute(f"select * from {case.name}").df()
            frame = frame.astype({name: "float64" for name in frame if str(frame[name].dtype).startswith("Int")})
            batch = whole.get_batch(batch_parameters={"dataframe": frame})
        try:
            result = batch.validate(ExpectationSuite(name=case.name, expectations=suite["expectations"]))
        except Exception as error:
            yield case, f"{type(error).__name__}: {str(error)[:400]}"
            continue
        raised = [one for one in result.results if "Traceback" in json.dumps(one.exception_info, default=str)]
        if raised or len(result.results) != len(suite["expectations"]):
            yield case, str(raised[0].exception_info)[:500] if raised else "an expectation has no result"
        else:
            yield case, result.success


TOOLS = {"sql": of_sql, "postgres": of_postgres, "dbt": of_dbt, "soda": of_soda, "great-expectations": of_great_expectations}


def main():
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        cases = [Case(number, which, folder) for number in range(len(CASES)) for which in ("broken", "repaired")]
        cases = [case for case in cases if only in case.kind]
        agreed, words, wrong, not_written, skipped = 0, collections.Counter(), 0, set(), 0
        for case, found in TOOLS[tool](cases, folder):
            if found == "not written":
                not_written.add(": ".join(filter(None, [case.kind, case.rule[case.kind].get("as") if case.kind == "parses" else None])))
            elif found == "skipped":
                skipped += 1
            elif found == case.holds:
                agreed += 1
            else:
                wrong += 1
                print(f"WRONG: {tool}: {json.dumps(case.rule)} on {case.which} data: {found}")
    unexplained = not_written - NOT_WRITTEN
    print(f"{tool}: {agreed} verdicts agree, {wrong} do not, {skipped} need a PostgreSQL server, or one of version 16; not written: {', '.join(sorted(not_written)) or 'none'}")
    if unexplained:
        print(f"WRONG: {tool}: these kinds are not written, and nothing says why: {', '.join(sorted(unexplained))}")
    return 1 if wrong or unexplained else 0


sys.exit(main())
