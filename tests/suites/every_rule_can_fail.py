"""Every kind of rule breaks under data that breaks it, and holds on the repaired data.

Argument: the program. Needs PyPI's pyyaml.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import yaml

program = sys.argv[1]
cases = yaml.safe_load(pathlib.Path(__file__).with_name("every_rule.yaml").read_text())


def result(folder, case, data):
    (folder / "data.csv").write_text(data)
    (folder / "rules.yaml").write_text(json.dumps({"rules": [case["rule"]]}))
    arguments = ["check", str(folder / "data.csv"), "--rules", str(folder / "rules.yaml"), "--format", "json"]
    for name, text in case.get("other", {}).items():
        (folder / f"{name}.csv").write_text(text)
        arguments += ["--with", f"{name}={folder / f'{name}.csv'}"]
    found = subprocess.run([program, *arguments], capture_output=True, text=True)
    if found.returncode not in (0, 1) or not found.stdout:
        return f"exit code {found.returncode}: {found.stdout}{found.stderr}"
    return json.loads(found.stdout)["results"][0]["held"]


wrong = 0
for case in cases:
    for data, expected in (("broken", False), ("repaired", True)):
        with tempfile.TemporaryDirectory() as folder:
            held = result(pathlib.Path(folder), case, case[data])
        if held is not expected:
            wrong += 1
            print(f"WRONG: {case['rule']} on {data} data: {held}")
print(f"{len(cases)} rules break and are repaired, {wrong} do not")
sys.exit(1 if wrong else 0)
