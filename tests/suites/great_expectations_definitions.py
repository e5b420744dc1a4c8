"""Verdicts like those of Great Expectations: its own test definitions, judged by `headworks check`.

Arguments: the program, and the folder of Great Expectations' source: a late 0.x, whose source package on PyPI holds the definitions.
Needs PyPI's pandas and pyarrow (`peers.sh` makes an environment). Every definition has data, the arguments of an expectation and the outcome
that is expected: the verdict, and often the values that are unexpected, whose number must agree as well. The data is judged as Parquet, CSV and
NDJSON. A case that comes out differently must be in `great_expectations_definitions_differences.json` with its reason, and one that is there
must still be different. An entry is for all forms of the data, or for the forms that it begins with: `csv, ndjson: …`.
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


FORMS = ["parquet", "csv", "ndjson"]


def write(data, schemas, path):
    """The columns as a file in the form that the path ends with. In JSON, a value that is not there is left out; CSV has no types."""
    if path.suffix == ".parquet":
        kinds = schemas.get("pandas") or schemas.get("spark") or {}
        pyarrow.parquet.write_table(pyarrow.table({name: array(values, kinds.get(name)) for name, values in data.items()}), path)
    elif path.suffix == ".csv":
        pandas.DataFrame({name: pandas.Series(values, dtype=object) for name, values in data.items()}).to_csv(path, index=False)
    else:
        rows = max((len(values) for values in data.values()), default=0)
        with open(path, "w") as file:
            for at in range(rows):
                file.write(json.dumps({name: values[at] for name, values in data.items() if at < len(values)}) + "\n")


def check(folder, data, expectations):
    """The results of each expectation, by its place in the suite."""
    suite = folder / "suite.json"
    suite.write_text(json.dumps({"name": "s", "expectations": expectations}))
    command = [program, "check", str(data), "--suite", str(suite), "--suite-format", "great-expectations", "--format", "json"]
    for other in sorted(folder.glob(f"*{data.suffix}")):
        if other != data:
            command += ["--with", f"{other.stem}={other}"]
    found = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    answer = json.loads(found.stdout) if found.stdout else {}
    if "results" not in answer:
        why = answer.get("message") or found.stderr.strip()
        return {at: [{"held": False, "error": why}] for at in range(len(expectations))}
    results = collections.defaultdict(list)
    for result in answer["results"]:
        results[result["item"]].append(result)
    return results


def outcome(results):
    for word in ("untranslated", "error"):
        whys = [result[word] for result in results if result.get(word)]
        if whys:
            return word, whys[0]
    return all(result["held"] for result in results), [result.get("measured") or result["violations"] for result in results]


def unexpected(out):
    """How many values are unexpected, where a definition tells it: `None` where it does not, or tells a part."""
    listed = out.get("unexpected_list")
    return len(listed) if isinstance(listed, list) and len(listed) < 20 else None


def dataset_cases(kind, dataset, form):
    """The cases of one dataset: title, expected outcome (true, false or `error`), outcome, and what was found. A wrong number is an outcome."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        parts = dataset["data"] if isinstance(dataset["data"], list) else [dataset]
        for at, part in enumerate(parts):
            name = "data" if at == 0 else part["dataset_name"]
            schemas = part.get("schemas") or part.get("schema") or {}
            write(part["data"], schemas, folder / f"{name}.{form}")
        expectations = [{"type": kind, "kwargs": test["in"]} for test in dataset["tests"]]
        together = [at for at, test in enumerate(dataset["tests"]) if "row_condition" not in test["in"]]
        found = check(folder, folder / f"data.{form}", [expectations[at] for at in together])
        results = {together[place]: result for place, result in found.items()}
        for at in set(range(len(expectations))) - set(together):
            results[at] = check(folder, folder / f"data.{form}", [expectations[at]])[0]
    for at, test in enumerate(dataset["tests"]):
        out = test.get("out") or test.get("output") or {}
        if not test.get("error") and not {"traceback_substring", "success"} & set(out):
            continue  # it tells what is measured, and no verdict
        expected = "error" if test.get("error") or "traceback_substring" in out else out.get("success")
        found, details = outcome(results[at])
        count = unexpected(out)
        counted = [result.get("violations", 0) for result in results[at] if not result.get("measured")]
        if found == expected and isinstance(found, bool) and count is not None and counted and sum(counted) != count:
            yield test["title"], f"{count} unexpected values", f"{sum(counted)} of them", details
        else:
            yield test["title"], expected, found, details


def definitions():
    for file in sorted((repository / "tests/test_definitions").glob("*/*.json")):
        definition = json.loads(file.read_text())
        for dataset in definition.get("datasets", []):
            if only in definition["expectation_type"] and dataset["tests"] and isinstance(dataset["tests"][0]["in"], dict):
                yield definition["expectation_type"], dataset


def reason(case, form):
    """The entry for a case that differs in a form of the data."""
    for entry in known:
        forms, _, rest = entry.partition(": ")
        is_meant = entry == case or (rest == case and form in forms.split(", "))
        if is_meant:
            return entry
    return None


def main():
    agreed, untranslated, unexplained, seen = 0, collections.Counter(), [], collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        judge = lambda *of: list(dataset_cases(*of))
        work = [(kind, form, pool.submit(judge, kind, dataset, form)) for kind, dataset in definitions() for form in FORMS]
        for kind, form, cases in work:
            for title, expected, found, details in cases.result():
                case = f"{kind}: {title}"
                if found == "untranslated" and expected != "error":
                    untranslated[f"{kind}: {details}"] += 1
                elif found == expected or (expected == "error" and found in ("untranslated", "error")):
                    agreed += 1
                elif reason(case, form):
                    seen[reason(case, form)] += 1
                else:
                    unexplained.append(f"{form}: {case}: expected {expected}, found {found}: {details}")
    print(f"{agreed} cases agree, {sum(seen.values())} differ for a known reason, {sum(untranslated.values())} are not translated")
    for entry, times in sorted(seen.items()):
        print(f"  differs ({times}): {entry}: {known[entry]}")
    for why, times in untranslated.items():
        print(f"  not translated ({times}): {why}")
    stale = [entry for entry in known if entry not in seen and only in entry]
    for line in unexplained + [f"{entry}: is listed and does not differ" for entry in stale]:
        print(f"  WRONG: {line}")
    return 1 if unexplained or stale or not agreed else 0


sys.exit(main())
