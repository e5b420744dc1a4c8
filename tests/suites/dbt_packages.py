"""Tests of the packages dbt_utils and dbt_expectations come out as in dbt: on the seeds of dbt_utils' own integration tests.

Arguments: the program, and a copy of the repository dbt-labs/dbt-utils. Needs PyPI's pyyaml. Every test of the seeds holds in
dbt, but for those with `error_if: "<1"`, which say that they must break. What is not translated is listed.
"""
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

import yaml

program, repository = sys.argv[1], pathlib.Path(sys.argv[2])
tests = repository / "integration_tests"
seeds = {path.stem: path for path in (tests / "data").rglob("*.csv")}


def turned(test):
    """The test without its limits, and whether it holds in dbt."""
    if not isinstance(test, dict):
        return test, True
    name, arguments = next(iter(test.items()))
    arguments = dict(arguments or {})
    must_break = arguments.pop("error_if", None) == "<1"
    arguments.pop("warn_if", None)
    return {name: arguments}, not must_break


def resources():
    """Each seed with its tests, one by one: seed, YAML of one test, whether it holds."""
    for file in [tests / "models/generic_tests/schema.yml", tests / "data/schema_tests/schema.yml"]:
        text = yaml.safe_load(file.read_text())
        for seed in text.get("seeds", []):
            for test in seed.get("data_tests", []):
                test, holds = turned(test)
                yield seed["name"], {"name": seed["name"], "data_tests": [test]}, holds
            for column in seed.get("columns", []):
                for test in column.get("data_tests", []):
                    test, holds = turned(test)
                    yield seed["name"], {"name": seed["name"], "columns": [{"name": column["name"], "data_tests": [test]}]}, holds


# SQL that dbt's databases take and ours does not.
known = {"data_test_mutually_exclusive_ranges_with_gaps": "`coalesce` of a date and a text: cast the text to a date"}
agreed, untranslated, wrong = 0, collections.Counter(), []
for seed, resource, holds in resources():
    if seed not in seeds:
        continue
    with tempfile.TemporaryDirectory() as temporary:
        suite = pathlib.Path(temporary) / "schema.yml"
        suite.write_text(yaml.safe_dump({"version": 2, "seeds": [resource]}))
        arguments = ["check", str(seeds[seed]), "--suite", str(suite), "--suite-format", "dbt", "--format", "json"]
        for name, path in seeds.items():
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
