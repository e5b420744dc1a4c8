"""What `headworks check` says of checks of another tool, for the harnesses in this folder."""
import collections
import json
import pathlib
import subprocess


def check(program, folder, data, suite, others=None, suite_format="auto", table=None):
    """The results of each check of `suite` (a path) on `data` (a path), by its place in the suite.

    `others` are more tables, by name; `table` is the one of the suite that the data is, where it has another name. Where the whole is refused, every place has one result with the error.
    """
    command = [program, "check", str(data), "--suite", str(suite), "--suite-format", suite_format, "--format", "json"]
    command += ["--table", table] if table else []
    for name, path in (others or {}).items():
        command += ["--with", f"{name}={path}"]
    found = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    answer = json.loads(found.stdout) if found.stdout else {}
    if "results" not in answer:
        why = found.stdout or found.stderr.strip() or f"exit code {found.returncode}"
        return collections.defaultdict(lambda: [{"held": False, "violations": 0, "error": why}])
    results = collections.defaultdict(list)
    for result in answer["results"]:
        results[result["item"]].append(result)
    return results


def expectations(program, folder, data, asked, others=None, parameters=None):
    """The results of expectations of Great Expectations, each as `{type, kwargs}`, in their order."""
    suite = pathlib.Path(folder) / "suite.json"
    suite.write_text(json.dumps({"name": "s", "expectations": asked, "suite_parameters": parameters or {}}))
    results = check(program, folder, data, suite, others, "great-expectations")
    return [results[at] for at in range(len(asked))]


def outcome(results):
    """Whether all hold, or `untranslated` or `error`; and the reason, or how many rows broke each."""
    for word in ("untranslated", "error"):
        whys = [result[word] for result in results if result.get(word)]
        if whys:
            return word, " ".join(whys[0].split())[:300]
    return all(result["held"] for result in results), [result["violations"] for result in results]
