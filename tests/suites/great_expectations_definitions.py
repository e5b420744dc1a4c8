"""Verdicts like those of Great Expectations: its own test definitions, judged by `headworks check`.

Arguments: the program, and the folder of Great Expectations' source: a late 0.x, whose source package on PyPI holds the definitions.
Needs PyPI's pandas and pyarrow (`peers.sh` makes an environment). Every definition has data, the arguments of an expectation and the outcome that is expected. A case that comes out
differently must be in `great_expectations_definitions_differences.json` with its reason, and one that is there must still be different.
"""
import collections
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tempfile

import pandas
import pyarrow
import pyarrow.parquet

program, repository = sys.argv[1], pathlib.Path(sys.argv[2])
only = sys.argv[3] if len(sys.argv) > 3 else ""
known = json.loads(pathlib.Path(__file__).with_name("great_expectations_definitions_differences.json").read_text())


def array(values, kind):
    """The values as Parquet holds them. A column of several types is one of text."""
    kind = (kind or "").lower()
    if kind.startswith(("datetime", "timestamp")) and all(value is None or isinstance(value, str) for value in values):
        return pyarrow.array(pandas.Series([pandas.to_datetime(value) for value in values]))
    if all(value is None for value in values):
        return pyarrow.array(values, pyarrow.float64())
    try:
        return pyarrow.array(values)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):
        return pyarrow.array([None if value is None else str(value) for value in values])


def write(data, schemas, path):
    kinds = schemas.get("pandas") or schemas.get("spark") or {}
    columns = {name: array(values, kinds.get(name)) for name, values in data.items()}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def check(folder, data, expectations):
    """The results of each expectation, by its place in the suite."""
    suite = folder / "suite.json"
    suite.write_text(json.dumps({"name": "s", "expectations": expectations}))
    command = [program, "check", str(data), "--suite", str(suite), "--format", "json"]
    for other in sorted(folder.glob("*.parquet")):
        if other != data:
            command += ["--with", f"{other.stem}={other}"]
    found = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if found.returncode not in (0, 1, 2) or not found.stdout:
        return {at: [{"held": False, "error": found.stderr.strip()}] for at in range(len(expectations))}
    results = collections.defaultdict(list)
    for result in json.loads(found.stdout)["results"]:
        results[result["item"]].append(result)
    return results


def outcome(results):
    for word in ("untranslated", "error"):
        whys = [result[word] for result in results if result.get(word)]
        if whys:
            return word, whys[0]
    return all(result["held"] for result in results), [result.get("measured") or result["violations"] for result in results]


def dataset_cases(kind, dataset):
    """The cases of one dataset: title, expected outcome (true, false or `error`), outcome, and what was found."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        parts = dataset["data"] if isinstance(dataset["data"], list) else [dataset]
        for at, part in enumerate(parts):
            name = "data" if at == 0 else part["dataset_name"]
            schemas = part.get("schemas") or part.get("schema") or {}
            write(part["data"], schemas, folder / f"{name}.parquet")
        expectations = [{"type": kind, "kwargs": test["in"]} for test in dataset["tests"]]
        together = [at for at, test in enumerate(dataset["tests"]) if "row_condition" not in test["in"]]
        found = check(folder, folder / "data.parquet", [expectations[at] for at in together])
        results = {together[place]: result for place, result in found.items()}
        for at in set(range(len(expectations))) - set(together):
            results[at] = check(folder, folder / "data.parquet", [expectations[at]])[0]
    for at, test in enumerate(dataset["tests"]):
        out = test.get("out") or test.get("output") or {}
        if not test.get("error") and not {"traceback_substring", "success"} & set(out):
            continue  # it tells what is measured, and no verdict
        expected = "error" if test.get("error") or "traceback_substring" in out else out.get("success")
        yield test["title"], expected, *outcome(results[at])


def definitions():
    for file in sorted((repository / "tests/test_definitions").glob("*/*.json")):
        definition = json.loads(file.read_text())
        for dataset in definition.get("datasets", []):
            if only in definition["expectation_type"] and dataset["tests"] and isinstance(dataset["tests"][0]["in"], dict):
                yield definition["expectation_type"], dataset


def main():
    agreed, untranslated, unexplained, seen = 0, collections.Counter(), [], set()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        work = [(kind, pool.submit(lambda *of: list(dataset_cases(*of)), kind, dataset)) for kind, dataset in definitions()]
        for kind, cases in work:
            for title, expected, found, details in cases.result():
                case = f"{kind}: {title}"
                if found == "untranslated" and expected != "error":
                    untranslated[f"{kind}: {details}"] += 1
                elif found == expected or (expected == "error" and found in ("untranslated", "error")):
                    agreed += 1
                elif case in known:
                    seen.add(case)
                else:
                    unexplained.append(f"{case}: expected {expected}, found {found}: {details}")
    print(f"{agreed} cases agree, {len(seen)} differ for a known reason, {sum(untranslated.values())} are not translated")
    for case in sorted(seen):
        print(f"  differs: {case}: {known[case]}")
    for why, times in untranslated.items():
        print(f"  not translated ({times}): {why}")
    stale = [case for case in known if case not in seen and only in case]
    for line in unexplained + [f"{case}: is listed and does not differ" for case in stale]:
        print(f"  WRONG: {line}")
    return 1 if unexplained or stale else 0


sys.exit(main())
