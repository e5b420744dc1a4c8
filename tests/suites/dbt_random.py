"""Verdicts like those of dbt, on random data and random tests: imported, and exported again.

Arguments: the program, and as one likes `--seed N`, `--tables N`, `--tests N` (per table), `--only TEXT` and `--packages FOLDER`, which holds
copies of the repositories dbt-labs/dbt-utils, metaplane/dbt-expectations and godatadriven/dbt-date; without it only the tests that dbt
itself brings are asked. Runs in an environment with PyPI's dbt-core, dbt-duckdb, duckdb, pyarrow and pyyaml. Each test runs in dbt, in
`headworks check`, and in dbt again after `headworks import` and `headworks export`. What differs must be in
`dbt_random_differences.json` with its reason.
"""
import argparse
import datetime
import json
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
from random_tables import MOMENTS, NUMBERS, TEXTS, Chance, Findings, marks, of_column, random_table, status

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("--seed", type=int, default=20261128)
parser.add_argument("--tables", type=int, default=8)
parser.add_argument("--tests", type=int, default=60)
parser.add_argument("--only", default="")
parser.add_argument("--packages")
options = parser.parse_args()
program = os.path.abspath(options.program)
chance = Chance(options.seed)
one, some, often, maybe, number, share, limits = chance.one, chance.some, chance.often, chance.maybe, chance.number, chance.share, chance.limits
now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
PARTS = ["hour", "day", "week", "month", "quarter", "year"]


def at(name, **arguments):
    """Arguments of a test that stands at a column."""
    return {"column_name": name, **arguments}


def a_number():
    return one(NUMBERS + ["x", "n", "Mixed"])


def a_text():
    return one(["t", "t", "u", "p", '"two words"'])


def a_column():
    return one([a_number(), a_text(), "d", "day", "b", "p"])


def listed(name, key, quotes):
    """A list of values; numbers stand without quotes."""
    values = some(of_column(name.strip('"')), 1)
    are_texts = isinstance(values[0], str)
    return {key: values, **({} if are_texts else {quotes: False})}


def in_list(key="value_set", quotes="quote_values"):
    name = one([a_text(), a_text(), "i", "j", "k", "b"])
    return at(name, **listed(name, key, quotes))


def grouped(key="group_by"):
    return {key: one([["p"], ["b"], ["p", "b"]])} if often(0.3) else {}


def only_some():
    return {"row_condition": one(CONDITIONS)} if often(0.25) else {}


def measured(name=None):
    return at(name or one(NUMBERS + ["x", "n"]), **limits(), **grouped(), **only_some(), **maybe("strictly", [True, False], 0.3))


def counted(key="value", most=6):
    return {key: chance.randint(0, most)}


def recent(**arguments):
    return {"datepart": one(["hour", "day", "week"]), "interval": one([1, 2, 4, 40]), **arguments}


def other():
    return f"ref('t{chance.randint(0, options.tables - 1)}')"


def several(pool=(["i", "j"], ["i", "p"], ["t", "u"], ["f", "g"], ["d", "day"], ["i", "Mixed"], ["k", "p"])):
    return {"column_list": one(pool), **maybe("ignore_row_if", ["all_values_are_missing", "any_value_is_missing"]), **only_some()}


def ordered():
    found = at(one(["i", "k", "f", "m", "d", "day", "low"]), **maybe("strictly", [True, False]), **grouped(), **only_some())
    return {**found, **({"sort_column": "k"} if often(0.4) else {}), **({"step": one([1, 2])} if often(0.2) and found["column_name"] not in ("d", "day") else {})}


CONDITIONS = ["i > 1", "p = 'one'", "b", "f <= 1.5 or g is null", "t is not null", "k > 100"]
REGEXES = ["a", "^a$", "^[a-z]+$", "[0-9]", "^$", "A|B", "b$", "^.$", r"\d+", "é", "^[^@ ]+@"]
LIKES = ["a%", "%b", "_", "%", "a", "%1%", ""]


def patterns(key, pool, flags=False):
    found = at(a_text(), **only_some(), **({"flags": one(["i", "c"])} if flags and often(0.2) else {}))
    if key.endswith("list"):
        return {**found, key: some(pool, 1, 3), **maybe("match_on", ["any", "all"])}
    return {**found, key: one(pool)}


def expression():
    return one(["i < j", "i + j > 0", "k >= 0", "t <> u", "length(t) > 1", "b or i > 0", "f is not null", "case when b then i > 0 else true end"])


DBT = {
    "unique": lambda: at(a_column()),
    "not_null": lambda: at(a_column()),
    "accepted_values": lambda: in_list("values", "quote"),
    "relationships": lambda: {**one([at("i", field="k"), at("j", field="i"), at("t", field="u"), at("p", field="p"), at("day", field="day")]), "to": other()},
}

UTILS = {
    "accepted_range": lambda: at(a_number(), **limits(), **maybe("inclusive", [True, False], 0.4)),
    "at_least_one": lambda: at(a_column(), **grouped("group_by_columns")),
    "not_constant": lambda: at(a_column(), **grouped("group_by_columns")),
    "not_null_proportion": lambda: at(a_column(), at_least=share(), **maybe("at_most", [0.5, 0.9, 1], 0.3), **grouped("group_by_columns")),
    "not_accepted_values": lambda: in_list("values", "quote"),
    "not_empty_string": lambda: at(one(["t", "u", "p"]), **maybe("trim_whitespace", [True, False])),
    "expression_is_true": lambda: {"expression": expression()} if often(0.6) else at(one(["i", "f", "k"]), expression=one(["> 0", "is not null", "between 0 and 3", "+ 1 < 4"])),
    "unique_combination_of_columns": lambda: {"combination_of_columns": several()["column_list"]},
    "sequential_values": lambda: one([lambda: at(one(["k", "i", "Mixed"]), **maybe("interval", [1, 2])), lambda: at(one(["day", "d"]), interval=1, datepart=one(["day", "hour"]))])() | grouped("group_by_columns"),
    "mutually_exclusive_ranges": lambda: {"lower_bound_column": "low", "upper_bound_column": "high", **maybe("partition_by", ["p", "b"], 0.3),
                                          **maybe("gaps", ["allowed", "not_allowed", "required"]), **maybe("zero_length_range_allowed", [True, False])},
    "recency": lambda: recent(field=one(["at", "at", "d"]), **maybe("ignore_time_component", [True, False], 0.3), **grouped("group_by_columns")),
    "equal_rowcount": lambda: {"compare_model": other(), **grouped("group_by_columns")},
    "fewer_rows_than": lambda: {"compare_model": other(), **grouped("group_by_columns")},
    "equality": lambda: {"compare_model": other(), **one([{}, {"compare_columns": one([["k"], ["p"], ["i", "j"], ["b", "p"]])}, {"exclude_columns": ["x", "at", "t", "i"]}])},
    "cardinality_equality": lambda: one([at("p", field="p"), at("i", field=one(["i", "j"])), at("b", field="b")]) | {"to": other()},
    "relationships_where": lambda: at("i", field=one(["k", "j"]), to=other(), **maybe("from_condition", ["j > 0", "p = 'one'"]), **maybe("to_condition", ["k > 1", "b"])),
}

EXPECTATIONS = {
    "expect_column_to_exist": lambda: at(one(["i", "u", "q", "MIXED", "Mixed"]), **maybe("column_index", [1, 2, 18], 0.4)),
    "expect_table_columns_to_contain_set": lambda: {"column_list": one([["i", "j"], ["MIXED", "t"], ["i", "q"], ["two words"]])},
    "expect_table_columns_to_match_set": lambda: {"column_list": columns_of_all(one([False, True]))},
    "expect_table_columns_to_match_ordered_list": lambda: {"column_list": columns_of_all(one([False, True]))},
    "expect_table_columns_to_not_contain_set": lambda: {"column_list": one([["q"], ["q", "I"], ["i"], ["pii"]])},
    "expect_table_column_count_to_equal": lambda: {"value": one([18, 19, 20])},
    "expect_table_column_count_to_be_between": lambda: limits(of=lambda: one([18, 19, 20])),
    "expect_table_column_count_to_equal_other_table": lambda: {"compare_model": other()},
    "expect_column_values_to_be_of_type": lambda: at(one(["i", "t", "f", "m", "d"]), column_type=one(["bigint", "varchar", "double", "decimal(8,2)", "timestamp"])),
    "expect_column_values_to_be_in_type_list": lambda: at(one(["i", "t", "f", "m", "d"]), column_type_list=some(["bigint", "varchar", "double", "decimal(8,2)", "timestamp"], 1, 3)),
    "expect_table_row_count_to_be_between": lambda: {**limits(of=lambda: chance.randint(0, 15)), **grouped(), **only_some(), **maybe("strictly", [True, False], 0.3)},
    "expect_table_row_count_to_equal": lambda: {"value": one([0, 1, 3, 8]), **grouped(), **only_some()},
    "expect_table_row_count_to_equal_other_table": lambda: {"compare_model": other(), **grouped(), **maybe("factor", [1, 2], 0.3), **only_some()},
    "expect_table_row_count_to_equal_other_table_times_factor": lambda: {"compare_model": other(), "factor": one([1, 2, 3]), **grouped()},
    "expect_table_aggregation_to_equal_other_table": lambda: {"expression": one(["sum(i)", "max(k)", "count(*)"]), "compare_model": other(), **grouped(), **maybe("tolerance", [1, 3], 0.3), **maybe("tolerance_percent", [0.1, 0.5], 0.3)},
    "equal_expression": lambda: {"expression": "sum(i)", "compare_expression": one(["sum(j)", "sum(k)", "count(*)"]), **grouped(), **only_some(), **maybe("tolerance", [1, 3], 0.3)},
    "expression_is_true": lambda: {"expression": expression(), **only_some(), **maybe("test_condition", ["= true", "= false"], 0.3)},
    "expression_between": lambda: {"expression": one(["i + j", "i", "k * 2"]), **limits(), **only_some(), **maybe("strictly", [True, False], 0.3)},
    "expect_column_values_to_be_null": lambda: at(a_column(), **only_some()),
    "expect_column_values_to_not_be_null": lambda: at(a_column(), **only_some()),
    "expect_column_values_to_be_unique": lambda: at(a_column(), **only_some()),
    "expect_column_values_to_be_in_set": lambda: {**in_list(), **only_some()},
    "expect_column_values_to_not_be_in_set": lambda: {**in_list(), **only_some()},
    "expect_column_values_to_be_between": lambda: at(a_number(), **limits(), **only_some(), **maybe("strictly", [True, False], 0.4)) if often(0.8) else at("d", min_value=f"cast('{one(MOMENTS)}' as timestamp)"),
    "expect_column_values_to_be_increasing": ordered,
    "expect_column_values_to_be_decreasing": ordered,
    "expect_column_value_lengths_to_be_between": lambda: at(a_text(), **limits(of=lambda: chance.randint(0, 4)), **only_some(), **maybe("strictly", [True, False], 0.3)),
    "expect_column_value_lengths_to_equal": lambda: at(a_text(), value=chance.randint(0, 3), **only_some()),
    "expect_column_values_to_match_regex": lambda: patterns("regex", REGEXES, True),
    "expect_column_values_to_not_match_regex": lambda: patterns("regex", REGEXES, True),
    "expect_column_values_to_match_regex_list": lambda: patterns("regex_list", REGEXES, True),
    "expect_column_values_to_not_match_regex_list": lambda: patterns("regex_list", REGEXES, True),
    "expect_column_values_to_match_like_pattern": lambda: patterns("like_pattern", LIKES),
    "expect_column_values_to_not_match_like_pattern": lambda: patterns("like_pattern", LIKES),
    "expect_column_values_to_match_like_pattern_list": lambda: patterns("like_pattern_list", LIKES),
    "expect_column_values_to_not_match_like_pattern_list": lambda: patterns("like_pattern_list", LIKES),
    "expect_column_values_to_have_consistent_casing": lambda: at(one(["t", "u", "p"]), **maybe("display_inconsistent_columns", [True, False])),
    "expect_column_distinct_count_to_equal": lambda: at(a_column(), **counted(), **grouped(), **only_some()),
    "expect_column_distinct_count_to_be_greater_than": lambda: at(a_column(), **counted(), **grouped(), **only_some()),
    "expect_column_distinct_count_to_be_less_than": lambda: at(a_column(), **counted(), **grouped(), **only_some()),
    "expect_column_distinct_count_to_equal_other_table": lambda: at(one(["i", "p", "t"]), compare_model=other(), **maybe("compare_column_name", ["i", "u"], 0.5), **only_some()),
    "expect_column_distinct_values_to_be_in_set": lambda: {**in_list(), **only_some()},
    "expect_column_distinct_values_to_contain_set": lambda: {**in_list(), **only_some()},
    "expect_column_distinct_values_to_equal_set": lambda: {**in_list(), **only_some()},
    "expect_column_most_common_value_to_be_in_set": lambda: {**in_list(), "top_n": 1, **only_some()},
    "expect_column_max_to_be_between": measured,
    "expect_column_min_to_be_between": measured,
    "expect_column_mean_to_be_between": measured,
    "expect_column_median_to_be_between": measured,
    "expect_column_sum_to_be_between": measured,
    "expect_column_stdev_to_be_between": measured,
    "expect_column_quantile_values_to_be_between": lambda: {**measured(), "quantile": one([0, 0.1, 0.25, 0.5, 0.9, 1])},
    "expect_column_unique_value_count_to_be_between": lambda: {**measured(a_column()), **limits(of=lambda: chance.randint(0, 6))},
    "expect_column_proportion_of_unique_values_to_be_between": lambda: {**measured(a_column()), **limits(of=share)},
    "expect_column_values_to_be_within_n_stdevs": lambda: at(one(["i", "f"]), **grouped(), sigma_threshold=one([0.5, 1, 2])),
    "expect_column_values_to_be_within_n_moving_stdevs": lambda: at(one(["i", "f", "k"]), date_column_name="at", **grouped(), period=one(["hour", "day"]), sigma_threshold=one([0.5, 1, 3]),
                                                                    **maybe("trend_periods", [2, 3]), **maybe("test_periods", [5, 20]), **maybe("take_diffs", [True, False]), **maybe("take_logs", [True, False]), **maybe("lookback_periods", [1, 2])),
    "expect_row_values_to_have_recent_data": lambda: at(one(["at", "at", "d"]), **recent(), **only_some()),
    "expect_grouped_row_values_to_have_recent_data": lambda: {**recent(timestamp_column="at"), "group_by": one([["p"], ["b", "p"]]), **only_some()},
    "expect_row_values_to_have_data_for_every_n_datepart": lambda: {"date_col": one(["d", "day"]), "date_part": one(["hour", "day", "day", "week", "month"]), **maybe("interval", [2, 3], 0.3), **only_some(),
                                                                    **maybe("test_start_date", ["2026-01-01", "2026-01-02"], 0.3), **maybe("test_end_date", ["2026-01-03", "2026-01-05"], 0.3)},
    "expect_column_pair_values_A_to_be_greater_than_B": lambda: {**pair(), **maybe("or_equal", [True, False])},
    "expect_column_pair_values_to_be_equal": lambda: pair(),
    "expect_column_pair_values_to_be_in_set": lambda: {"column_A": "i", "column_B": "j", "value_pairs_set": [[one([0, 1, 2, 3]), one([0, 1, 2, 3])] for _ in range(chance.randint(1, 6))], **only_some()},
    "expect_compound_columns_to_be_unique": several,
    "expect_select_column_values_to_be_unique_within_record": lambda: several((["t", "u"], ["t", "p"], ["u", "p", "t"])),
    "expect_multicolumn_sum_to_equal": lambda: {"column_list": one([["i", "j"], ["k", "g"]]), "sum_total": one([0, 3, 10, "k", "i"]), **grouped(), **only_some()},
}
# What they take of several values that are equally good is left to the database.
LEFT_TO_CHANCE = ("expect_column_most_common_value_to_be_in_set",)


def columns_of_all(is_complete):
    names = random_table(Chance(1), now).column_names
    return names if is_complete else one([names[:-1], names[1:] + names[:1], [name.upper() for name in names]])


def pair():
    a, b = one([("i", "j"), ("f", "g"), ("t", "u"), ("i", "f"), ("d", "day"), ("k", "Mixed")])
    return {"column_A": a, "column_B": b, **only_some()}


KINDS = dict(DBT)
if options.packages:
    KINDS |= {f"dbt_utils.{name}": make for name, make in UTILS.items()} | {f"dbt_expectations.{name}": make for name, make in EXPECTATIONS.items()}
KINDS = {name: make for name, make in KINDS.items() if options.only in name}


def configured():
    """What is tolerated, how much it matters and which rows are meant, now and then."""
    found = {}
    if often(0.25):
        found["where"] = one(CONDITIONS)
    if often(0.15):
        found["severity"] = one(["warn", "error"])
    if often(0.2):
        found["error_if"] = one([">1", "> 2", ">=3", "!=0", ">10"])
    if often(0.15):
        found["warn_if"] = one([">0", ">1", ">=2"])
    return found


def test(kind, name, arguments, config):
    """A test in one of the forms that dbt reads."""
    if often(0.5):
        return {kind: {"name": name, "arguments": arguments, **({"config": config} if config else {})}}
    return {"name": name, "test_name": kind, **arguments, **({"config": config} if config else {})}


def tests_of(number):
    """The entry of a table in a YAML file, and its cases in the order of the file."""
    of_table, of_columns, cases = [], {}, []
    for at_test in range(options.tests):
        kind = one(sorted(KINDS))
        arguments, config, name = KINDS[kind](), configured(), f"c{number}x{at_test}"
        case = {"kind": kind.split(".")[-1], "name": name, "asked": {kind: arguments, "config": config}, "columns": columns_in(arguments, config)}
        column = arguments.get("column_name")
        if column and often(0.7) and re.fullmatch(r'\w+|"[^"]+"', column):
            rest = {key: value for key, value in arguments.items() if key != "column_name"}
            of_columns.setdefault(column, []).append((test(kind, name, rest, config), case))
        else:
            of_table.append((test(kind, name, arguments, config), case))
    columns = [{"name": column.strip('"'), **({"quote": True} if column.startswith('"') else {}), "data_tests": [asked for asked, _ in tests]} for column, tests in of_columns.items()]
    for tests in [of_table, *of_columns.values()]:
        cases += [case for _, case in tests]
    return {"name": f"t{number}", "data_tests": [asked for asked, _ in of_table], "columns": columns}, cases


def columns_in(arguments, config):
    text = json.dumps([arguments, config])
    return [name for name in random_table(Chance(1), now).column_names if re.search(rf"\b{name}\b", text)]


def project(folder, name, database):
    """An empty project of dbt over the tables."""
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(yaml.safe_dump({"name": name, "version": "1.0", "profile": "p", "vars": {"dbt_date:time_zone": "UTC"}, "models": {"+materialized": "view"}}))
    (folder / "profiles.yml").write_text(yaml.safe_dump({"p": {"target": "t", "outputs": {"t": {"type": "duckdb", "path": str(database), "threads": 2}}}}))
    for number in range(options.tables):
        (folder / "models" / f"t{number}.sql").write_text(f"select * from raw.t{number}\n")
    if options.packages:
        (folder / "dbt_packages").mkdir()
        for package in pathlib.Path(options.packages).iterdir():
            called = yaml.safe_load((package / "dbt_project.yml").read_text())["name"]
            (folder / "dbt_packages" / called).symlink_to(package.resolve())


def run(folder):
    """The verdict of each test by its name."""
    command = [pathlib.Path(sys.executable).parent / "dbt", "--quiet", "--no-partial-parse", "build", "--profiles-dir", "."]
    environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1", "TZ": "UTC"}
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    results = folder / "target/run_results.json"
    if not results.exists():
        sys.exit(f"dbt gives no results: {ran.stdout[-3000:]}{ran.stderr[-2000:]}")
    return {result["unique_id"].split(".")[2]: result for result in json.loads(results.read_text())["results"]}


def of_dbt(results):
    """`pass`, `warn` or `fail` of all of some results, else `refused` with the message."""
    for word in ("fail", "warn", "pass"):
        if all(result["status"] in ("fail", "warn", "pass") for result in results) and any(result["status"] == word for result in results):
            return word, ""
    return "refused", "; ".join(str(result.get("message")) for result in results)[:400]


def exported(folder, number, into):
    """Imports the tests of a table and exports its rules; returns what was not written."""
    rules = folder / f"rules{number}"
    subprocess.run([program, "import", "dbt", f"t{number}.yml", "--out", rules], cwd=folder, capture_output=True, check=True)
    if not (rules / f"t{number}.yaml").exists():
        return ""
    out = folder / f"out{number}"
    command = [program, "export", "dbt", f"t{number}.parquet", "--rules", rules / f"t{number}.yaml", "--table", f"t{number}", "--dialect", "duckdb", "--out", out / f"t{number}.yml"]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if found.returncode:
        sys.exit(f"export: {found.stdout}{found.stderr}")
    (into / "models" / f"t{number}.yml").write_text((out / f"t{number}.yml").read_text())
    (into / "tests").mkdir(exist_ok=True)
    for file in (out / "tests").glob("*.sql"):
        (into / "tests" / file.name.split(".", 1)[1]).write_text(file.read_text())
    return found.stdout


def main():
    findings = Findings("dbt", "dbt_random_differences.json")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        connection = duckdb.connect(str(folder / "data.duckdb"))
        connection.execute("create schema raw")
        project(folder / "asked", "asked", folder / "data.duckdb")
        project(folder / "again", "again", folder / "data.duckdb")
        tables, cases = {}, {}
        for number in range(options.tables):
            tables[number] = random_table(chance, now)
            pyarrow.parquet.write_table(tables[number], folder / f"t{number}.parquet")
            connection.execute(f"create table raw.t{number} as select * from '{folder}/t{number}.parquet'")
            entry, cases[number] = tests_of(number)
            (folder / f"t{number}.yml").write_text(yaml.safe_dump({"version": 2, "models": [entry]}, allow_unicode=True, sort_keys=False))
            (folder / "asked/models" / f"t{number}.yml").write_text((folder / f"t{number}.yml").read_text())
        connection.close()
        theirs = run(folder / "asked")
        reports = {number: exported(folder, number, folder / "again") for number in tables}
        again = run(folder / "again")
        for number, table in tables.items():
            others = {f"t{other}": folder / f"t{other}.parquet" for other in tables}
            ours = judged.check(program, folder, folder / f"t{number}.parquet", folder / f"t{number}.yml", others, "dbt")
            for item, case in enumerate(cases[number]):
                case["rows"] = {name: table[name].to_pylist() for name in case["columns"]} if table.num_rows < 9 else f"{table.num_rows} rows of t{number}"
                case["marks"] = marks(table, case["columns"]) | {mark for other in tables if f"ref('t{other}')" in str(case["asked"]) for mark in {"other empty"} if not tables[other].num_rows}
                verdict, why = of_dbt([theirs[case["name"]]]) if case["name"] in theirs else ("refused", "no result")
                if case["kind"] in LEFT_TO_CHANCE and verdict != "pass":
                    case["marks"].add("chance")
                found, details = status(ours[item])
                findings.add("imported", case, verdict, found, details, why)
                written = [result for name, result in again.items() if name == case["name"] or name.startswith(f"{case['name']}_")]
                if found in ("pass", "warn", "fail") and written and not re.search(rf"{case['name']}\b.*: not written: ", reports[number]):
                    back, message = of_dbt(written)
                    findings.add("exported", case, verdict, back, message or why)
    return findings.told()


if __name__ == "__main__":
    sys.exit(main())
