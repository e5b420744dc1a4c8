"""Tests of the packages dbt_utils and dbt_expectations come out as in dbt: in the projects of their own integration tests.

Arguments: the program, and a folder with copies of the repositories dbt-labs/dbt-utils, metaplane/dbt-expectations and
godatadriven/dbt-date. Runs in an environment with PyPI's dbt-core, dbt-duckdb, duckdb, pyarrow and pyyaml. dbt loads the seeds, builds the
models and runs all tests of all YAML files, as they are written; each then judges the table that dbt made, beside all other tables. What
differs must be in `dbt_packages_differences.json` with its reason.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import duckdb
import yaml

import judged
from random_tables import Findings, status

program, packages = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
SKIPPED = shutil.ignore_patterns("dbt_packages", "target", "logs", "packages.yml", "package-lock.yml")


def name_of(folder):
    return yaml.safe_load((folder / "dbt_project.yml").read_text())["name"]


def project(package, folder):
    """A copy of the integration tests of a package that runs in DuckDB, with the packages beside it."""
    shutil.copytree(package / "integration_tests", folder, ignore=SKIPPED)
    profile = {"type": "duckdb", "path": str(folder / "data.duckdb"), "threads": 2, "schema": "main"}
    (folder / "profiles.yml").write_text(yaml.safe_dump({"integration_tests": {"target": "postgres", "outputs": {"postgres": profile}}}))
    (folder / "dbt_packages").mkdir()
    for other in packages.iterdir():
        (folder / "dbt_packages" / name_of(other)).symlink_to(other)


def with_name(test, name):
    """The test under a name of its own, by which dbt tells how it came out."""
    if isinstance(test, str):
        return {test: {"name": name}}
    if "test_name" in test:
        return {**test, "name": name}
    kind, arguments = next(iter(test.items()))
    return {**test, kind: {**(arguments or {}), "name": name}}


def named(file, cases):
    """Names every test of a YAML file; `cases` gets them by their names, each with its table and the test as it was."""
    text = yaml.safe_load(file.read_text())
    for resource in ("seeds", "models", "snapshots"):
        for table in text.get(resource) or []:
            for place in [table, *(table.get("columns") or [])]:
                for key in ("data_tests", "tests"):
                    for at, test in enumerate(place.get(key) or []):
                        name = f"c{len(cases)}"
                        cases[name] = {"table": table["name"], "test": test, "file": file}
                        place[key][at] = with_name(test, name)
    file.write_text(yaml.safe_dump(text, sort_keys=False, allow_unicode=True))


def run(folder):
    """The status of each test by its name, after the seeds and the models."""
    environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1", "TZ": "UTC"}
    for verb in ("seed", "run", "test"):
        command = [pathlib.Path(sys.executable).parent / "dbt", "--quiet", "--no-partial-parse", verb, "--profiles-dir", "."]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    results = folder / "target/run_results.json"
    if not results.exists():
        sys.exit(f"dbt gives no results: {ran.stdout[-3000:]}{ran.stderr[-2000:]}")
    found = json.loads(results.read_text())["results"]
    return {result["unique_id"].split(".")[2]: result for result in found}


def tables(folder):
    """Every table and view that dbt made, as a file of Parquet by its name."""
    connection = duckdb.connect(str(folder / "data.duckdb"), read_only=True)
    made = {}
    for schema, table in connection.sql("select table_schema, table_name from information_schema.tables order by all").fetchall():
        path = folder / "tables" / f"{table}.parquet"
        path.parent.mkdir(exist_ok=True)
        try:
            connection.sql(f"copy \"{schema}\".\"{table}\" to '{path}' (format parquet)")
            made[table] = path
        except duckdb.Error as error:
            print(f"  no table: {table}: {' '.join(str(error).split())[:120]}")
    return made


def compare(package, findings):
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "project"
        project(package, folder)
        cases = {}
        for file in sorted([*folder.glob("models/**/*.yml"), *folder.glob("data/**/*.yml")]):
            named(file, cases)
        theirs, made = run(folder), tables(folder)
        for file, table in dict.fromkeys((case["file"], case["table"]) for case in cases.values()):
            if table not in made:
                continue
            others = {name: path for name, path in made.items() if name != table}
            # The table is judged under the name that its file gives it.
            ours = judged.check(program, folder, made[table], file, others, "dbt", table)
            by_name = {results[0].get("check", "").rpartition("`c")[2].rstrip("`"): results for results in ours.values()}
            for name, case in cases.items():
                if (case["file"], case["table"]) != (file, table):
                    continue
                kind = case["test"] if isinstance(case["test"], str) else case["test"].get("test_name") or next(iter(case["test"]))
                asked = {"kind": kind, "asked": {table: case["test"]}, "marks": set(), "rows": made[table].stem}
                result = theirs.get(name, {})
                verdict = result.get("status", "refused")
                verdict = verdict if verdict in ("pass", "warn", "fail") else "refused"
                found = by_name.get(name[1:]) or [{"held": False, "action": "block", "error": str(dict(ours))[:300]}]
                findings.add(package.name, asked, verdict, *status(found), result.get("message") or "dbt leaves it out")


def main():
    findings = Findings("dbt_utils and dbt_expectations", "dbt_packages_differences.json")
    for package in sorted(packages.iterdir()):
        if name_of(package) in ("dbt_utils", "dbt_expectations"):
            compare(package, findings)
    return findings.told()


sys.exit(main())
