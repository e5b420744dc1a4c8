"""Verdicts like those of Great Expectations 1.x in its own integration tests, which its source package on PyPI holds.

Arguments: the program, and the folder with the unpacked source package. Runs in an environment with PyPI's great_expectations
of the same version, pandas, pyarrow, pytest and what their tests import (`peers.sh` makes one). Their tests run on pandas and
SQLite while `great_expectations_record` writes down each question and answer; then `headworks check` is asked the same.
A case that comes out differently must be in `great_expectations_own_differences.json` with its reason.
"""
import collections
import datetime
import decimal
import json
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile

import pandas
import pyarrow
import pyarrow.parquet

import judged

here = pathlib.Path(__file__).parent
# Where unexpected values are rows, so that their number can be compared.
OF_ROWS = ("expect_column_values", "expect_column_value_", "expect_column_pair", "expect_compound", "expect_multicolumn", "expect_select")
TESTS = "tests/integration/data_sources_and_expectations"


def recorded(source, folder):
    """Runs their tests; returns the cases, each question once."""
    (source / "headworks.ini").write_text("[pytest]\naddopts = -p no:cacheprovider -p great_expectations_record\n")
    environment = {**os.environ, "HEADWORKS_RECORD": str(folder), "PYTHONPATH": str(here)}
    command = [sys.executable, "-m", "pytest", "-c", "headworks.ini", "--rootdir", ".", "-q", "-W", "ignore", TESTS, "-k", "pandas or sqlite"]
    subprocess.run(command, cwd=source, env=environment, stdout=subprocess.DEVNULL, check=False)
    lines = (folder / "cases.jsonl").read_text().splitlines()
    cases = {}
    for case in map(json.loads, lines):
        key = json.dumps([case["backend"], case["data"], case["others"], case["expectation"]["type"], case["expectation"]["kwargs"]], sort_keys=True)
        cases.setdefault(key, case)
    return list(cases.values())


def array(series):
    """The values of a column as a typed file has them; columns of several types are texts."""
    values = [None if value is None or value is pandas.NaT or (not isinstance(value, (list, dict)) and pandas.isna(value)) else value for value in series]
    present = [value for value in values if value is not None]
    if present and all(type(value) is datetime.date for value in present):
        return pyarrow.array(values, pyarrow.date32())
    if present and all(isinstance(value, (pandas.Timestamp, datetime.datetime)) for value in present):
        return pyarrow.array(pandas.Series(values), from_pandas=True)
    if not present:
        return pyarrow.array(values, pyarrow.float64())
    if series.dtype.kind == "f":
        return pyarrow.array(values, pyarrow.float64())
    try:
        return pyarrow.array(values)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):
        return pyarrow.array([None if value is None else str(value) for value in values])


def write(frame, path):
    pyarrow.parquet.write_table(pyarrow.table({str(name): array(frame[name]) for name in frame.columns}), path)


def judge(program, folder, cases):
    """Asks about the cases of one table in one go."""
    with tempfile.TemporaryDirectory() as temporary:
        data = pathlib.Path(temporary) / "data.parquet"
        write(pickle.loads((folder / f"{cases[0]['data']}.pickle").read_bytes()), data)
        others = {}
        for case in cases:
            name = case["expectation"]["kwargs"].get("other_table_name")
            name = name if isinstance(name, str) else "other"
            for other in case["others"].values():
                others[name] = pathlib.Path(temporary) / f"{other}.parquet"
                write(pickle.loads((folder / f"{other}.pickle").read_bytes()), others[name])
        asked = [{"type": case["expectation"]["type"], "kwargs": case["expectation"]["kwargs"]} for case in cases]
        parameters = {name: value for case in cases for name, value in case.get("parameters", {}).items()}
        return judged.expectations(program, temporary, data, asked, others, parameters)


def called(case):
    return f"{case['expectation']['type']} ({case['backend']}): {json.dumps(case['expectation']['kwargs'], sort_keys=True)}"


def main():
    program, source = sys.argv[1], pathlib.Path(sys.argv[2])
    known = json.loads((here / "great_expectations_own_differences.json").read_text())
    agreed, untranslated, differ, refused, wrong = 0, collections.Counter(), collections.Counter(), collections.Counter(), []
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else pathlib.Path(temporary)
        cases = recorded(source, folder) if not (folder / "cases.jsonl").exists() else [json.loads(line) for line in (folder / "cases.jsonl").open()]
        tables = collections.defaultdict(list)
        for case in cases:
            if "artition" in case["test"]:
                continue  # the batch is a part of the table there
            tables[(case["data"], json.dumps(case["others"]), json.dumps(case.get("parameters")), json.dumps(case["expectation"]["kwargs"].get("other_table_name")))].append(case)
        for together in tables.values():
            for case, results in zip(together, judge(program, folder, together)):
                found, details = judged.outcome(results)
                expected, counted = case["success"], case["unexpected"]
                kind = case["expectation"]["type"]
                is_of_rows = kind.startswith(OF_ROWS) and "type" not in kind and len(details) == 1 and isinstance(counted, int)
                same_count = not is_of_rows or details[0] == counted
                reason = next((entry["reason"] for entry in known if entry["expectation"] in case["expectation"]["type"] and entry.get("contains", "") in called(case)), None)
                if expected == "error":
                    refused["a verdict" if isinstance(found, bool) else "none either"] += 1
                elif found == "untranslated":
                    untranslated[f"{case['expectation']['type']}: {details}"] += 1
                elif found == expected and same_count:
                    agreed += 1
                elif reason:
                    differ[f"{case['expectation']['type']}: {reason}"] += 1
                else:
                    wrong.append(f"{called(case)}: theirs {expected} ({counted}), ours {found} ({details}); {case['test'].split('/')[-1]}; {case['data']}")
    print(f"{agreed} cases agree, {sum(differ.values())} differ for a known reason, {sum(untranslated.values())} are not translated, {len(wrong)} are wrong")
    print(f"Great Expectations gives no verdict in {sum(refused.values())} more, where Headworks gives: {dict(refused)}")
    for head, counter in (("differs", differ), ("not translated", untranslated)):
        for line, times in sorted(counter.items()):
            print(f"  {head} ({times}): {line}")
    for line in wrong:
        print(f"  WRONG: {line}")
    return 1 if wrong else 0


sys.exit(main())
