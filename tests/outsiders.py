"""What outsiders read: the JSON contracts, the project schemas, and the warehouse through a Delta reader that is not ours.

Arguments: the built program. Needs PyPI's jsonschema, deltalake and pyarrow; `tests/run.sh` installs them.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import deltalake
import jsonschema

program = sys.argv[1]
root = pathlib.Path(__file__).parent.parent


def headworks(*arguments, folder, codes=(0,)):
    result = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True)
    assert result.returncode in codes, (arguments, result.returncode, result.stdout, result.stderr)
    return result.stdout


def assessments_keep_the_contract(folder):
    contract = jsonschema.Draft202012Validator(json.loads((root / "contracts/assessment.schema.json").read_text()))
    for data in ["landing/orders/*.csv", "landing/customers/*.ndjson", "landing/products.parquet"]:
        headworks("assess", data, "--out", "report", folder=folder)
        contract.validate(json.loads((folder / "report/assessment.json").read_text()))
    (folder / "odd.csv").write_text("a,b\n,\n,\n")
    headworks("assess", "odd.csv", "--out", "odd", folder=folder)
    contract.validate(json.loads((folder / "odd/assessment.json").read_text()))


def editors_can_check_a_project(folder):
    for kind, files in {"project": ["headworks.yaml"], "model": sorted((folder / "models").glob("*.yaml"))}.items():
        schema = jsonschema.Draft202012Validator(json.loads(headworks("schema", kind, folder=folder)))
        for file in files:
            text = (folder / file).read_text()
            value = json.loads(subprocess.run([sys.executable, "-c", "import sys, yaml, json; print(json.dumps(yaml.safe_load(sys.stdin), default=str))"], input=text, capture_output=True, text=True, check=True).stdout)
            schema.validate(value)
        assert not schema.is_valid({"projekt": 1}), kind


def runs_keep_the_contract(folder):
    run = json.loads(headworks("run", "--format", "json", folder=folder))
    for key in ["run", "project", "started", "ended", "outcome", "steps", "version_group"]:
        assert key in run, key
    assert run["outcome"] == "succeeded", run["outcome"]
    for step in run["steps"]:
        for key in ["model", "load", "window", "outcome", "rows_read", "rows_written", "rows_quarantined", "seconds", "peak_memory_bytes", "spilled_bytes", "commit", "verdict"]:
            assert key in step, key
    checked = json.loads(headworks("check", "fact_orders", "--format", "json", folder=folder, codes=(0, 1)))
    for key in ["id", "kind", "columns", "held", "rows", "violations", "share", "tolerance", "action", "examples"]:
        assert key in checked["results"][0], key


def others_read_the_warehouse(folder):
    for table in ["fact_orders", "dim_customers", "dim_products", "dim_dates", "raw/shop.customer_orders", "quarantine/fact_orders"]:
        theirs = deltalake.DeltaTable(str(folder / "warehouse" / table))
        rows = theirs.to_pyarrow_table().num_rows
        name = {"raw/shop.customer_orders": "raw.shop.customer_orders", "quarantine/fact_orders": "quarantine.fact_orders"}.get(table, table)
        ours = json.loads(headworks("sql", f"select count(*) as rows from {name}", "--format", "json", folder=folder))[0]["rows"]
        assert rows == ours, (table, rows, ours)


with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary) / "project"
    headworks("demo", "--rows", "3000", "--into", str(folder), "--prepare-only", folder=temporary)
    model = folder / "models/fact_orders.yaml"
    model.write_text(model.read_text().replace("at_least: 95%, on_failure: block", "at_least: 50%, on_failure: block"))
    for test in [assessments_keep_the_contract, editors_can_check_a_project, runs_keep_the_contract, others_read_the_warehouse]:
        test(folder)
        print(f"ok: {test.__name__.replace('_', ' ')}")
