"""Verdicts like those of the datacontract CLI, on random data and random contracts of ODCS 3.1: imported, and exported again.

Arguments: the program, and as one likes `--seed N`, `--tables N` and `--contracts N` (per table). Runs in an environment with PyPI's
datacontract-cli with duckdb, pyarrow and pyyaml. Each contract is tested by the CLI, judged by `headworks check`, and tested by the CLI again
after `headworks import` and `headworks export`. What differs must be in `odcs_random_differences.json` with its reason.
"""
import argparse
import collections
import datetime
import json
import logging
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
os.environ["TZ"] = "UTC"

import pyarrow.parquet
import yaml
from datacontract.data_contract import DataContract

import judged
from random_tables import Chance, Findings, marks, of_column, random_table, status

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("--seed", type=int, default=20261128)
parser.add_argument("--tables", type=int, default=8)
parser.add_argument("--contracts", type=int, default=2)
options = parser.parse_args()
program = os.path.abspath(options.program)
chance = Chance(options.seed)
one, some, often, maybe = chance.one, chance.some, chance.often, chance.maybe
now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)

LOGICAL = {"i": "integer", "j": "integer", "k": "integer", "f": "number", "g": "number", "x": "number", "m": "number", "t": "string", "u": "string", "d": "timestamp", "day": "date",
           "b": "boolean", "n": "number", "p": "string", "low": "integer", "high": "integer", "seen": "timestamp"}
PHYSICAL = {"f": "double", "g": "double", "x": "double", "n": "double", "m": "decimal(8,2)"}
REGEXES = ["^a", "^[a-z]+$", "[0-9]", "^.{1,2}$", "A|B", "é"]
QUERIES = ["SELECT COUNT(*) FROM {object} WHERE i > j", "SELECT MAX(k) FROM ${object}", "SELECT SUM(i) FROM {object}", "SELECT COUNT(DISTINCT p) FROM {model}"]
# The options of a logical type, and the CLI's names for them.
OPTIONS = {"minLength": ["field_min_length"], "maxLength": ["field_max_length"], "pattern": ["field_regex"], "minimum": ["field_minimum"], "maximum": ["field_maximum"],
           "exclusiveMinimum": ["field_minimum", "field_not_equal"], "exclusiveMaximum": ["field_maximum", "field_not_equal"]}


def threshold(of):
    first, second = sorted([of(), of()])
    second += first == second  # the standard wants two different ends
    return one([{one(["mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo"]): first}, {one(["mustBeBetween", "mustNotBeBetween"]): [first, second]}])


def counted():
    """A threshold on rows or on their share."""
    if often(0.3):
        return {"unit": "percent", **threshold(lambda: one([0, 5, 20, 50, 75, 100]))}
    return {**({"unit": "rows"} if often(0.3) else {}), **threshold(lambda: chance.randint(0, 5))}


def valued():
    return {**maybe("severity", ["error", "warning", "info"], 0.3), **maybe("dimension", ["completeness", "conformity", "uniqueness"], 0.3)}


def library(name):
    """A metric of the library about a column."""
    metrics = {
        "nullValues": counted,
        "missingValues": lambda: {**counted(), "arguments": {"missingValues": [*one([[None], []]), *some(of_column(name), 1, 2)]}},
        "invalidValues": lambda: {**counted(), "arguments": one([{"validValues": some(of_column(name), 1, 5)}, {"pattern": one(REGEXES)}] if name in ("t", "u", "p") else [{"validValues": some(of_column(name), 1, 5)}])},
        "duplicateValues": lambda: threshold(lambda: chance.randint(0, 3)),
    }
    metric = one(["nullValues", "duplicateValues"] if name in ("d", "day", "seen", "x", "f", "g", "m", "n") else sorted(metrics))
    return {"metric": metric, **metrics[metric](), **valued()}


def constraints(name):
    """Options of the logical type."""
    if name in ("t", "u", "p"):
        return one([{"minLength": chance.randint(0, 2)}, {"maxLength": chance.randint(0, 3)}, {"pattern": one(REGEXES)}, {"minLength": 1, "maxLength": 2}])
    if name in ("i", "j", "k", "f", "g", "m", "x"):
        return one([{one(["minimum", "exclusiveMinimum"]): chance.number()}, {one(["maximum", "exclusiveMaximum"]): chance.number()}])
    return {}


def contract(table_name, path):
    """A random contract about a table. The CLI tells checks of one kind about one column not apart, so that there is one of each."""
    properties, numbers = [], iter(range(1000))
    identified = lambda check: {"id": f"q{next(numbers)}", **check}
    for name, logical in LOGICAL.items():
        entry = {"name": name, "logicalType": logical, **({"physicalType": PHYSICAL[name]} if name in PHYSICAL else {})}
        entry |= {"required": True} if often(0.15) else {}
        entry |= {"unique": True} if often(0.15) else {}
        if often(0.4) and (found := constraints(name)):
            entry["logicalTypeOptions"] = found
        by_metric = {check["metric"]: check for check in (library(name) for _ in range(chance.randint(0, 2)))}
        if by_metric:
            entry["quality"] = [identified(check) for check in by_metric.values()]
        properties.append(entry)
    quality = [identified({"metric": "rowCount", **threshold(lambda: chance.randint(0, 10)), **valued()})] if often(0.6) else []
    quality += [identified({"metric": "duplicateValues", "arguments": {"properties": one([["i", "j"], ["p", "b"], ["k", "p"]])}, "mustBe": 0})] if often(0.5) else []
    quality += [identified({"type": "sql", "query": one(QUERIES), **threshold(lambda: chance.randint(0, 6)), **valued()}) for _ in range(chance.randint(0, 2))]
    if often(0.3):
        next(entry for entry in properties if entry["name"] == one(["k", "i"]) or entry["name"] == "k")["primaryKey"] = True
    found = head(table_name, path) | {"schema": [{"name": table_name, "properties": properties, "quality": quality}]}
    if often(0.7):
        found["slaProperties"] = [{"property": "freshness", "element": f"{table_name}.seen", "value": one([1, 4, 50]), "unit": one(["h", "d"])}]
    return found


def head(table_name, path):
    server = {"server": "here", "type": "local", "path": str(path), "format": "parquet"}
    return {"apiVersion": "v3.1.0", "kind": "DataContract", "id": table_name, "version": "1.0.0", "status": "active", "servers": [server]}


def of_cli(asked):
    """The verdicts of the CLI: by the id of a quality rule, or by kind and column."""
    run = DataContract(data_contract_str=yaml.safe_dump(asked, allow_unicode=True, sort_keys=False), server="here").test()
    if not any(check.category and check.result for check in run.checks):
        sys.exit(f"the CLI gives no results: {[entry.message for entry in run.logs]}")
    words = {"passed": "pass", "failed": "fail", "warning": "warn"}
    found = collections.defaultdict(list)
    for check in run.checks:
        is_error = "rror evaluating" in (check.reason or "") or "Could not read" in (check.reason or "")
        verdict = "refused" if is_error else words.get(check.result and check.result.value, "refused")
        found[check.qualityId or (check.type, check.field)].append(verdict)
    return found


def together(verdicts):
    return next((word for word in ("refused", "fail", "warn", "pass") if word in verdicts), "refused")


def promises(asked):
    """What a contract promises: how we call it, how the CLI does, and the columns."""
    [schema] = asked["schema"]
    names = [entry["name"] for entry in schema["properties"]]
    yield "properties", [("field_is_present", name) for name in names], []  # it does not look at types in Parquet
    for entry in schema["properties"]:
        name = entry["name"]
        if entry.get("primaryKey"):
            # What `required` and `unique` say already the CLI does not say again.
            yield f"primaryKey({name})", [("field_required" if entry.get("required") else "field_primary_key_required", name), ("field_unique" if entry.get("unique") else "field_primary_key_unique", name)], [name]
            continue
        if entry.get("required"):
            yield f"required({name})", [("field_required", name)], [name]
        if entry.get("unique"):
            yield f"unique({name})", [("field_unique", name)], [name]
        for option in entry.get("logicalTypeOptions", {}):
            yield f"{option}({name})", [(kind, name) for kind in OPTIONS[option]], [name]
    for entry in [*schema["properties"], schema]:
        for check in entry.get("quality", []):
            called = check.get("metric", "sql")
            columns = [entry["name"]] if "logicalType" in entry else check.get("arguments", {}).get("properties", ["i", "j", "k"])
            of_column = f"({entry['name']})" if "logicalType" in entry else ""
            yield f"quality {called}{of_column} `{check['id']}`", [check["id"]], columns
    for sla in asked.get("slaProperties", []):
        yield f"slaProperties {sla['property']}({sla['element']})", [("servicelevel_freshness", "seen")], ["seen"]


def asked_of(asked, called):
    """The part of a contract that a promise is."""
    for entry in [*asked["schema"][0]["properties"], asked["schema"][0]]:
        for check in entry.get("quality", []):
            if called.endswith(f"`{check['id']}`"):
                return {called: check}
        if called.endswith(f"({entry['name']})"):
            return {called: {key: value for key, value in entry.items() if key != "quality"}}
    return {called: [entry["logicalType"] for entry in asked["schema"][0]["properties"]]} if called == "properties" else {called: asked.get("slaProperties")}


def exported(folder, name, suite, path):
    """The contract that the rules of a contract are written as, in parts in which the CLI tells checks apart."""
    rules = tempfile.mkdtemp(dir=folder)  # what was imported before is never written over
    subprocess.run([program, "import", "odcs", suite, "--out", rules], cwd=folder, capture_output=True, check=True)
    command = [program, "export", "odcs", path, "--rules", f"{rules}/{name}.yaml", "--table", name, "--dialect", "duckdb", "--out", "again.yml"]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if found.returncode:
        sys.exit(f"export: {found.stdout}{found.stderr}")
    [schema] = yaml.safe_load((folder / "again.yml").read_text())["schema"]
    waiting = [(entry, check) for entry in [*schema["properties"], schema] for check in entry.pop("quality", [])]
    while waiting:
        part, rest = {}, []
        for entry, check in waiting:
            key = (entry["name"], check.get("metric") or check["id"])
            rest += [(entry, check)] if key in part else []
            part.setdefault(key, (entry, check))
        for entry, check in part.values():
            entry.setdefault("quality", []).append(check)
        yield head(name, path) | {"schema": [json.loads(json.dumps(schema))]}
        for entry, _ in part.values():
            entry.pop("quality", None)
        waiting = rest


def main():
    findings = Findings("the datacontract CLI", "odcs_random_differences.json")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for number in range(options.tables):
            table, name = random_table(chance, now), f"t{number}"
            path = folder / f"{name}.parquet"
            pyarrow.parquet.write_table(table, path)
            for _ in range(options.contracts):
                asked = contract(name, path)
                suite = folder / f"{name}.odcs.yaml"
                suite.write_text(yaml.safe_dump(asked, allow_unicode=True, sort_keys=False))
                theirs = of_cli(asked)
                by_check = collections.defaultdict(list)
                for results in judged.check(program, folder, path, suite, {}, "odcs").values():
                    for result in results:
                        by_check[result.get("check", "")].append(result)
                again = collections.defaultdict(list)
                for part in exported(folder, name, suite, path):
                    for key, verdicts in of_cli(part).items():
                        again[key] += verdicts
                for called, keys, columns in promises(asked):
                    verdict = together([verdict for key in keys for verdict in theirs.get(key, ["refused"])])
                    found, details = status(by_check.get(called) or [{"error": f"no result for {called}"}])
                    case = {"kind": re.sub(r"\(.*", "", called), "asked": asked_of(asked, called), "columns": columns, "marks": marks(table, columns),
                            "rows": {column: table[column].to_pylist() for column in columns} if table.num_rows < 9 else f"{table.num_rows} rows of {name}"}
                    findings.add("imported", case, verdict, found, details)
                    ids = [result["id"] for result in by_check.get(called, []) if result.get("id") in again]
                    if ids and found in ("pass", "warn", "fail"):
                        findings.add("exported", case, verdict, together([verdict for rule in ids for verdict in again[rule]]))
    return findings.told()


if __name__ == "__main__":
    sys.exit(main())
