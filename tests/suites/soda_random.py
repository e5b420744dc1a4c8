"""Verdicts like those of Soda, on random data and random checks: imported, and exported again.

Arguments: the program, `contract` (data contracts of Soda 4) or `sodacl` (checks of Soda 3), and as one likes `--seed N`, `--tables N`,
`--checks N` (per table) and `--only TEXT`. Runs in an environment with PyPI's soda-duckdb, or soda-core-duckdb for `sodacl`, and duckdb,
pyarrow and pyyaml. Each check runs in Soda and in `headworks check`; checks of contracts run in Soda again after `headworks import` and
`headworks export`. What differs must be in `soda_random_differences.json` with its reason.
"""
import argparse
import datetime
import json
import logging
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import duckdb
import pyarrow.parquet
import yaml

import judged
from random_tables import NUMBERS, Chance, Findings, marks, of_column, random_table, status

os.environ["SODA_CORE_TELEMETRY_ENABLED"] = "false"
os.environ["TZ"] = "UTC"
logging.disable(logging.CRITICAL)

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("language", choices=["contract", "sodacl"])
parser.add_argument("--seed", type=int, default=20261128)
parser.add_argument("--tables", type=int, default=8)
parser.add_argument("--checks", type=int, default=60)
parser.add_argument("--only", default="")
options = parser.parse_args()
program = os.path.abspath(options.program)
chance = Chance(options.seed)
one, some, often, maybe, limits = chance.one, chance.some, chance.often, chance.maybe, chance.limits
now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)

CONDITIONS = ["i > 1", "p = 'one'", "b", "f <= 1.5 or g is null", "t is not null", "k > 100"]
REGEXES = ["^a", "^[a-z]+$", "^[0-9]+$", "^.{1,2}$", "^(A|B)", "^é"]
FORMATS = ["integer", "positive integer", "decimal", "email", "date eu", "date us", "date inverse", "date iso 8601", "uuid", "percentage", "time 24h", "ip address", "phone number"]
MEASURES = ["avg", "sum", "min", "max"]
LENGTHS = ["min_length", "max_length", "avg_length"]


def a_column():
    return one(["i", "j", "f", "g", "m", "t", "u", "d", "day", "b", "n", "p", "x"])


def missing():
    column = one([a_column(), "t", "u", "i"])
    return column, ({"missing_values": some(of_column(column), 1, 3)} if column in ("t", "u", "i", "p") and often(0.5) else {})


def validity():
    """What is valid, and the column that it is about."""
    column = one(["t", "u", "i", "f", "p", "k"])
    found = {}
    if often(0.5) or column == "p":
        found[one(["valid_values", "invalid_values"])] = some(of_column(column), 1, 5)
    if column in ("t", "u"):
        found |= one([{}, {}, {"valid_min_length": 1}, {"valid_max_length": 2}, {"valid_length": 1}])
        if often(0.3):
            found |= pattern()
    elif column != "p":
        found |= limits("valid_min", "valid_max") if often(0.7) or not found else {}
    if column in ("t", "u", "i") and often(0.2):
        found["missing_values"] = some(of_column(column), 1, 2)
    return column, found or {"valid_values": some(of_column(column), 1, 5)}


def pattern():
    if options.language == "sodacl":
        return one([{"valid_regex": one(REGEXES)}, {"invalid_regex": one(REGEXES)}, {"valid_format": one(FORMATS)}])
    return {one(["valid_format", "invalid_format"]): {"name": "of its own", "regex": one(REGEXES)}}


# Contracts of Soda 4.


def bounds(of):
    """A threshold in one of its forms."""
    first, second = sorted([of(), of()])
    second += first == second  # it wants two different ends
    words = ["greater_than", "greater_than_or_equal", "less_than", "less_than_or_equal"]
    return one([
        lambda: {"must_be": first},
        lambda: {"must_not_be": first},
        lambda: {f"must_be_{one(words)}": first},
        lambda: {"must_be_between": {one(words[:2]): first, one(words[2:]): second}},
        lambda: {"must_be_not_between": {one(words[2:]): first, one(words[:2]): second}},
    ])()


def threshold(of_counts=True):
    if not of_counts:
        return {"threshold": {**bounds(chance.number), **maybe("level", ["warn", "fail"], 0.2)}}
    if often(0.3):
        return {}
    metric, of = one([("count", lambda: chance.randint(0, 5)), ("percent", lambda: one([0, 5, 20, 50, 75, 100]))])
    return {"threshold": {**({"metric": metric} if metric == "percent" or often(0.5) else {}), **bounds(of), **maybe("level", ["warn", "fail"], 0.2)}}


def filtered():
    return {"filter": one(CONDITIONS)} if often(0.3) else {}


def of_missing():
    column, settings = missing()
    return column, {"missing": {**settings, **threshold(), **filtered()}}


def of_invalid():
    column, settings = validity()
    return column, {"invalid": {**settings, **threshold(), **filtered()}}


def of_duplicates():
    if often(0.3):
        return None, {"duplicate": {"columns": one([["i", "j"], ["p", "b"], ["k", "p"]]), **threshold(), **filtered()}}
    return a_column(), {"duplicate": {**threshold(), **filtered()}}


def of_aggregates():
    column, function = one([(one(NUMBERS), one(MEASURES)), (one(["t", "u", "p"]), one(LENGTHS))])
    return column, {"aggregate": {"function": function, **threshold(False), **filtered()}}


def of_metrics():
    if often(0.5):
        return None, {"metric": {"expression": one(["sum(i) + sum(j)", "max(k) - min(k)", "count(distinct p)"]), **threshold(False)}}
    return None, {"metric": {"query": f"select {one(['count(*)', 'sum(k)', 'max(i)'])} from {{table}} where {one(CONDITIONS)}", **threshold(False)}}


def of_failed_rows():
    if often(0.5):
        return None, {"failed_rows": {"expression": one(["i > j", "k < 0", "t = u", "f > 1 and b"]), **threshold(), **filtered()}}
    return None, {"failed_rows": {"query": f"select * from {{table}} where {one(CONDITIONS)}", **one([{}, {"threshold": {"must_be_less_than": one([1, 3])}}])}}


def of_freshness():
    return None, {"freshness": {"column": one(["seen", "seen", "d"]), "threshold": {"unit": one(["minute", "hour", "day"]), one(["must_be_less_than", "must_be_less_than_or_equal"]): one([1, 4, 50, 500]), **maybe("level", ["warn"], 0.2)}}}


CHECKS = {
    "missing": of_missing, "invalid": of_invalid, "duplicate": of_duplicates, "aggregate": of_aggregates, "metric": of_metrics, "failed_rows": of_failed_rows, "freshness": of_freshness,
    "row_count": lambda: (None, {"row_count": {**({"threshold": bounds(lambda: chance.randint(0, 10))} if often(0.8) else {}), **filtered()}}),
}
CHECKS = {name: make for name, make in CHECKS.items() if options.only in name}


def contract(number, table):
    """A contract about a table, and its cases in the order of the file."""
    of_table, of_columns, cases = [], {}, {}
    for at in range(options.checks):
        kind, name = one(sorted(CHECKS)), f"c{number}x{at}"
        column, check = CHECKS[kind]()
        for settings in check.values():
            settings |= {"name": name, "qualifier": name}
            for key in ("query",):
                if key in settings:
                    settings[key] = settings[key].replace("{table}", f"t{number}")
        cases[name] = {"kind": kind, "asked": {"column": column, **check}, "columns": columns_in([column, check], table)}
        (of_columns.setdefault(column, []) if column else of_table).append(check)
    columns = [{"name": name, **({"checks": of_columns[name]} if name in of_columns else {})} for name in table.column_names]
    text = yaml.safe_dump({"dataset": f"source/main/t{number}", "columns": columns, "checks": of_table}, allow_unicode=True, sort_keys=False)
    order = [next(iter(check.values()))["name"] for check in [*of_table, *[check for name in table.column_names for check in of_columns.get(name, [])]]]
    return text, [cases[name] | {"name": name} for name in order]


def in_soda_4(folder, file):
    """The verdict of each check of a contract, by its name."""
    from soda_core.contracts import verify_contract_locally

    source = folder / "source.yml"
    source.write_text(yaml.safe_dump({"type": "duckdb", "name": "source", "connection": {"database": str(folder / "data.duckdb")}}))
    result = verify_contract_locally(data_source_file_path=str(source), contract_file_path=str(file), publish=False)
    words = {"PASSED": "pass", "FAILED": "fail", "WARN": "warn"}
    found = {}
    for verified in result.contract_verification_results:
        for one_check in verified.check_results:
            found.setdefault(one_check.check.name, []).append(words.get(one_check.outcome.name, "refused"))
    if not found:
        sys.exit(f"Soda gives no results: {result.get_errors_str()[-3000:]}")
    return {name: next(word for word in ("refused", "fail", "warn", "pass") if word in outcomes) for name, outcomes in found.items()}


# Checks of Soda 3.


def condition(of, percent=False):
    first, second = sorted([of(), of()])
    sign = " %" if percent else ""
    return one([f"{one(['<', '<=', '>', '>=', '=', '!='])} {first}{sign}", f"{one(['between', 'not between'])} {one(['', '('])}{first} and {second}{one(['', ')'])}"])


def sentence():
    """A check: what it is about, its sentence and its settings."""
    kind = one(["missing", "missing", "invalid", "invalid", "duplicate", "aggregate", "row_count", "failed rows", "reference"])
    count = lambda: chance.randint(0, 5)
    if kind in ("missing", "invalid"):
        column, settings = missing() if kind == "missing" else validity()
        settings = {key.replace("_", " "): value for key, value in settings.items()}
        is_percent = often(0.3)
        wanted = condition(lambda: one([0, 5, 20, 50, 100])) if is_percent else condition(count)
        return kind, f"{kind}_{'percent' if is_percent else 'count'}({column}) {wanted}", settings, [column]
    if kind == "duplicate":
        columns = one([[a_column()], ["i", "j"], ["p", "b"]])
        return kind, f"duplicate_count({', '.join(columns)}) {condition(count)}", {}, columns
    if kind == "aggregate":
        column, function = one([(one(NUMBERS), one([*MEASURES, "stddev", "variance"])), (one(["t", "u", "p"]), one(LENGTHS))])
        return kind, f"{function}({column}) {condition(chance.number)}", {}, [column]
    if kind == "row_count":
        return kind, f"row_count {condition(lambda: chance.randint(0, 10))}", {}, []
    if kind == "reference":
        column, other = one([("i", "k"), ("j", "i"), ("t", "u"), ("p", "p")])
        return kind, f"values in ({column}) must exist in t{chance.randint(0, options.tables - 1)} ({other})", {}, [column]
    return kind, "failed rows", {"fail condition": one(["i > j", "k < 0", "t = u", "f > 1 and b"])}, []


def sodacl(number, table):
    """The checks about a table in SodaCL, and their cases in the order of the file."""
    checks, cases = [], []
    for at in range(options.checks):
        kind, text, settings, columns = sentence()
        if options.only not in kind:
            continue
        name = f"c{number}x{at}"
        if kind not in ("failed rows", "reference"):
            settings |= filtered()
        if kind in ("missing", "invalid", "row_count") and often(0.2):
            subject, _ = re.match(r"(\w+(?:\([^)]*\))?)(.*)", text).groups()
            text = subject
            settings |= {"warn": f"when {condition(lambda: chance.randint(0, 4))}", "fail": f"when > {chance.randint(4, 9)}"}
        checks.append({text: {**settings, "name": name}})
        cases.append({"kind": kind, "name": name, "asked": checks[-1], "columns": columns_in([text, settings], table)})
    return yaml.safe_dump({f"checks for t{number}": checks}, allow_unicode=True, sort_keys=False), cases


def in_soda_3(folder, file):
    from soda.scan import Scan

    scan = Scan()
    scan.set_data_source_name("source")
    scan.add_duckdb_connection(duckdb.connect(str(folder / "data.duckdb"), read_only=True), data_source_name="source")
    scan.add_sodacl_yaml_file(str(file))
    scan.set_verbose(False)
    scan.execute()
    found = {check["name"]: check["outcome"] or "refused" for check in scan.get_scan_results()["checks"]}
    if not found:
        sys.exit(f"Soda gives no results: {scan.get_logs_text()[-3000:]}")
    return found


def columns_in(asked, table):
    text = json.dumps(asked)
    return [name for name in table.column_names if re.search(rf"\b{name}\b", text)]


def exported(folder, number):
    """The contract that the rules of a contract are written as, and the report."""
    subprocess.run([program, "import", "soda", f"t{number}.yml", "--out", "rules"], cwd=folder, capture_output=True, check=True)
    command = [program, "export", "soda", f"t{number}.parquet", "--rules", f"rules/t{number}.yaml", "--table", f"t{number}", "--dialect", "duckdb", "--out", f"again{number}.yml"]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if found.returncode:
        sys.exit(f"export: {found.stdout}{found.stderr}")
    file = folder / f"again{number}.yml"
    file.write_text(file.read_text().replace(f"source/t{number}", f"source/main/t{number}"))
    return file, found.stdout


def main():
    findings = Findings("Soda", "soda_random_differences.json")
    ask, run = (contract, in_soda_4) if options.language == "contract" else (sodacl, in_soda_3)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        connection = duckdb.connect(str(folder / "data.duckdb"))
        tables = {number: random_table(chance, now) for number in range(options.tables)}
        for number, table in tables.items():
            pyarrow.parquet.write_table(table, folder / f"t{number}.parquet")
            connection.execute(f"create table t{number} as select * from '{folder}/t{number}.parquet'")
        connection.close()
        others = {f"t{number}": folder / f"t{number}.parquet" for number in tables}
        for number, table in tables.items():
            file = folder / f"t{number}.yml"
            text, cases = ask(number, table)
            file.write_text(text)
            theirs = run(folder, file)
            ours = judged.check(program, folder, folder / f"t{number}.parquet", file, others, "soda")
            again = run(folder, exported(folder, number)[0]) if options.language == "contract" else {}
            place = 0
            for case in cases:
                has_two = {"warn", "fail"} <= set(next(iter(case["asked"].values())) or {})
                items = 2 if has_two and not ours[place][0].get("untranslated") else 1
                results = [result for item in range(place, place + items) for result in ours[item]]
                place += items
                case["rows"] = {name: table[name].to_pylist() for name in case["columns"]} if table.num_rows < 9 else f"{table.num_rows} rows of t{number}"
                case["marks"] = marks(table, case["columns"])
                found, details = status(results)
                verdict = theirs.get(case["name"], "refused")
                findings.add("imported", case, verdict, found, details)
                if case["name"] in again and found in ("pass", "warn", "fail"):
                    findings.add("exported", case, verdict, again[case["name"]])
    return findings.told()


if __name__ == "__main__":
    sys.exit(main())
