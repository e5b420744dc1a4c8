"""A plugin of pytest: writes down what Great Expectations is asked in its own tests, and what it answers.

`HEADWORKS_RECORD` names the folder: `cases.jsonl`, and each table as a pickle of pandas.
"""
import hashlib
import json
import locale
import os
import pathlib
import pickle

locale.setlocale = lambda *_: ""  # their tests ask for one that may not be installed

import pytest

into = pathlib.Path(os.environ.get("HEADWORKS_RECORD", "."))
running = {}


def kept(frame):
    """Keeps a table; returns its name."""
    content = pickle.dumps(frame)
    name = hashlib.sha256(content).hexdigest()[:16]
    (into / f"{name}.pickle").write_bytes(content)
    return name


def raised(result):
    """Whether the expectation gave no verdict."""
    information = result.exception_info or {}
    each = [information] if "raised_exception" in information else [one for one in information.values() if isinstance(one, dict)]
    return any(one.get("raised_exception") for one in each)


def record(expectation, result, parameters):
    asked = running["test"].callspec.params.get("_batch_setup_for_datasource")
    if asked is None:
        return
    case = {
        "test": running["test"].nodeid,
        "backend": asked.data_source_config.test_id,
        "data": kept(asked.data),
        "others": {label: kept(frame) for label, frame in (asked.extra_data or {}).items()},
        "expectation": expectation.configuration.to_json_dict(),
        "parameters": parameters or {},
        "success": "error" if raised(result) else bool(result.success),
        "unexpected": (result.result or {}).get("unexpected_count"),
    }
    with open(into / "cases.jsonl", "a") as out:
        out.write(json.dumps(case, default=str) + "\n")


def pytest_runtest_setup(item):
    running["test"] = item


def pytest_sessionstart(session):
    from great_expectations.datasource.fluent.interfaces import Batch

    theirs = Batch.validate

    def validate(batch, expect, **arguments):
        result = theirs(batch, expect, **arguments)
        if hasattr(running["test"], "callspec"):
            asked = zip(expect.expectations, result.results) if hasattr(expect, "expectations") else [(expect, result)]
            for expectation, one in asked:
                record(expectation, one, arguments.get("expectation_parameters"))
        return result

    Batch.validate = validate
