"""Tests of the packages dbt_utils and dbt_expectations come out as in dbt: on the data of their own integration tests.

Arguments: the program, and copies of the repositories dbt-labs/dbt-utils and metaplane/dbt-expectations. Needs PyPI's pyyaml
and duckdb. Every test holds in dbt, but for those whose limits say that they must break. What is not translated is listed.
"""
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import duckdb
import yaml

program, of_utils, of_expectations = sys.argv[1], *(pathlib.Path(path) / "integration_tests" for path in sys.argv[2:4])
data = {path.stem: path for path in (of_utils / "data").rglob("*.csv")}
scratch = pathlib.Path(tempfile.mkdtemp())


def models():
    """The models of dbt_expectations that are plain queries, as Parquet."""
    folder = of_expectations / "models/schema_tests"
    for name in ["data_test", "data_test_factored", "data_text", "window_function_test"]:
        sql = (folder / f"{name}.sql").read_text()
        sql = sql.replace("{{ dbt.type_float() }}", "double").replace("{{ dbt.type_string() }}", "varchar")
        sql = re.sub(r"{{ ref\([\"'](\w+)[\"']\) }}", r"\1", sql)
        duckdb.sql(f"create table {name} as {sql}")
        data[name] = scratch / f"{name}.parquet"
        duckdb.sql(f"copy {name} to '{data[name]}' (format parquet)")


def turned(test):
    """The test without its limits, and whether it holds in dbt; nothing where it is switched off."""
    if not isinstance(test, dict):
        return test, True
    name, arguments = next(iter(test.items()))
    arguments = dict(arguments or {})
    config = dict(arguments.pop("config", None) or {})
    error_if = arguments.pop("error_if", None) or config.pop("error_if", None)
    must_break = error_if in ("<1", "=0") or "=0" in config.pop("fail_calc", "")
    enabled = str(config.pop("enabled", ""))
    if "target.type in" in enabled and "postgres" not in enabled:
        return None
    for key in ("warn_if", "severity"):
        arguments.pop(key, None)
        config.pop(key, None)
    return {name: {**arguments, "config": config} if config else arguments}, not must_break


# SQL that dbt's databases take and ours does not.
known = {"data_test_mutually_exclusive_ranges_with_gaps": "`coalesce` of a date and a text: cast the text to a date"}
def resources():
    """Each table with its tests, one by one: table, YAML of one test, whether it holds."""
    files = [of_utils / "models/generic_tests/schema.yml", of_utils / "data/schema_tests/schema.yml"]
    for file in [*files, of_expectations / "models/schema_tests/schema.yml"]:
        text = yaml.safe_load(file.read_text())
        for table in [*text.get("seeds", []), *text.get("models", [])]:
            if table["name"] not in data:
                continue
            for column in [{}, *table.get("columns", [])]:
                for test in (column or table).get("data_tests", []) + (column or table).get("tests", []):
                    found = turned(test)
                    if found:
                        place = {"columns": [{"name": column["name"], "data_tests": [found[0]]}]} if column else {"data_tests": [found[0]]}
                        yield table["name"], {"name": table["name"], **place}, found[1]


models()
agreed, untranslated, wrong = 0, collections.Counter(), []
for seed, resource, holds in resources():
    with tempfile.TemporaryDirectory() as temporary:
        suite = pathlib.Path(temporary) / "schema.yml"
        suite.write_text(yaml.safe_dump({"version": 2, "models": [resource]}))
        arguments = ["check", str(data[seed]), "--suite", str(suite), "--suite-format", "dbt", "--format", "json"]
        for name, path in data.items():
            if name in suite.read_text():
                arguments += ["--with", f"{name}={path}"]
        found = subprocess.run([program, *arguments], capture_output=True, text=True)
    results = json.loads(found.stdout)["results"] if found.stdout else [{"held": False, "check": seed, "error": found.stderr}]
    why = [result["untranslated"] for result in results if result.get("untranslated")]
    if why:
        untranslated[f"{results[0]['check']}: {why[0]}"] += 1
    elif all(result["held"] for result in results) == holds and not any(result.get("error") for result in results):
        agreed += 1
    elif seed in known and any(result.get("error") for result in results):
        print(f"  differs: {results[0]['check']}: {known[seed]}")
    else:
        wrong.append(f"{seed}: {results[0]['check']}: expected {holds}: {[result.get('error') or result['held'] for result in results]}")
print(f"{agreed} tests agree, {sum(untranslated.values())} are not translated")
for why, times in untranslated.items():
    print(f"  not translated ({times}): {why}")
for line in wrong:
    print(f"  WRONG: {line}")
sys.exit(1 if wrong else 0)
