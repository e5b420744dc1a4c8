"""Holds `headworks assess` against clean public tables with errors put into known cells.

    judge.py PROGRAM [--split seen|held|all] [--tables PATTERN] [--pairs FOLDER] [--out FILE] [--parts clean,errors] [--kinds A,B] [--most N] [--rows N]

For each kind of error, alone and all together, it prints precision, recall and F1 of the cells that `--cells` names, over all tables.
Of the clean tables it prints how many issues and cells are told. `--pairs` names a folder of published pairs, one folder each with
`dirty.csv` and `clean.csv`. One configuration serves all; nothing is told to the program but the file. `--out` gets every table's figures.
"""
import argparse
import collections
import csv
import fnmatch
import json
import os
import pathlib
import random
import subprocess
import tempfile

import errors
import tables


class Score:
    """What was flagged against what is wrong."""

    def __init__(self, right=0, flagged=0, wrong=0):
        self.right, self.flagged, self.wrong = right, flagged, wrong

    @staticmethod
    def of(flagged, wrong):
        return Score(len(flagged & wrong), len(flagged), len(wrong))

    def __add__(self, other):
        return Score(self.right + other.right, self.flagged + other.flagged, self.wrong + other.wrong)

    @property
    def precision(self):
        return self.right / self.flagged if self.flagged else float(self.wrong == 0)

    @property
    def recall(self):
        return self.right / self.wrong if self.wrong else 1.0

    @property
    def f1(self):
        return 2 * self.right / max(self.flagged + self.wrong, 1)

    def __str__(self):
        return f"precision {self.precision:.2f} recall {self.recall:.2f} F1 {self.f1:.2f} ({self.wrong:,} wrong cells)"


def assess(program, path, folder):
    """The issues of a file, and its suspicious cells as {(row, column): issue}."""
    cells = pathlib.Path(folder) / "cells.csv"
    command = [program, "assess", str(path), "--cells", str(cells), "--out", str(pathlib.Path(folder) / "report")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise SystemExit(f"{path}: {done.stdout}{done.stderr}")
    report = json.loads((pathlib.Path(folder) / "report" / "assessment.json").read_text())
    names = {column["name"]: at for at, column in enumerate(report["columns"])}
    with open(cells, newline="", encoding="utf-8") as file:
        found = {(int(cell["row"]), names[cell["column"]]): cell["issue"] for cell in csv.DictReader(file)}
    return report, found


def judged(program, table, wrong):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "data.csv"
        table.write(path)
        return (*assess(program, path, folder), wrong)


def spoiled(table, kind):
    """A copy of a table with errors of one kind (all kinds for `mixed`), and their cells by kind."""
    copy, chance = table.copy(), random.Random(f"{table.name} {kind}")
    kinds = errors.KINDS if kind == "mixed" else {kind: {**errors.KINDS, **errors.FURTHER}[kind]}
    by_kind = {name: put(copy, chance) for name, put in kinds.items()}
    before = {name: {(row, at) for row, at in cells if copy.rows[row][at] != table.rows[row][at]} for name, cells in by_kind.items()}
    return copy, before


def judge_errors(program, chosen, kinds, rows):
    for kind in kinds:
        total, by_issue, recalled = Score(), collections.Counter(), collections.defaultdict(Score)
        for table in chosen:
            copy, by_kind = spoiled(table, kind)
            wrong = set().union(*by_kind.values())
            if not wrong:
                continue
            _, flagged, _ = judged(program, copy, wrong)
            score = Score.of(set(flagged), wrong)
            total += score
            by_issue.update((issue, cell in wrong) for cell, issue in flagged.items())
            for name, cells in by_kind.items():
                recalled[name] += Score.of(set(flagged) & cells, cells)
            rows.append({"table": table.name, "kind": kind, "right": score.right, "flagged": score.flagged, "wrong": score.wrong})
        print(f"{kind:18} {total}", flush=True)
        if kind == "mixed":
            print("    recall by kind:", ", ".join(f"{name} {score.recall:.2f}" for name, score in recalled.items()))
        issues = sorted({issue for issue, _ in by_issue})
        print("    right/flagged by issue:", ", ".join(f"{one} {by_issue[one, True]}/{by_issue[one, True] + by_issue[one, False]}" for one in issues))


def judge_clean(program, chosen, rows):
    issues, cells, quiet, all_cells = collections.Counter(), collections.Counter(), 0, 0
    for table in chosen:
        report, flagged, _ = judged(program, table, set())
        weighty = [issue for issue in report["issues"] if issue["severity"] in ("CRITICAL", "HIGH", "MEDIUM")]
        quiet += not weighty
        issues.update((issue["code"], issue["severity"]) for issue in report["issues"])
        cells.update(flagged.values())
        all_cells += len(table.rows) * len(table.header)
        shown = [(issue["code"], issue["severity"], issue.get("column"), issue["description"]) for issue in report["issues"]]
        rows.append({"table": table.name, "kind": "clean", "flagged": len(flagged), "issues": shown})
    told = sum(issues.values())
    weighty = sum(count for (_, severity), count in issues.items() if severity in ("CRITICAL", "HIGH", "MEDIUM"))
    print(f"clean: {len(chosen)} tables, {told} issues ({told / max(len(chosen), 1):.2f} a table; {weighty} medium and above), "
          f"{quiet} without an issue of medium or above; {sum(cells.values())} of {all_cells:,} cells flagged")
    print("    issues:", ", ".join(f"{code} {severity} {count}" for (code, severity), count in issues.most_common()))
    print("    cells:", ", ".join(f"{code} {count}" for code, count in cells.most_common()))


def judge_copies(program, chosen):
    """How many rows that were added as copies, whole or nearly, the report counts, and how many in the tables as they were."""
    for kind, code in ((errors.copied, "duplicate_rows"), (errors.nearly_copied, "near_duplicate_rows")):
        added, told, before, count = 0, 0, 0, 0
        for table in chosen:
            copy = table.copy()
            rows = kind(copy, random.Random(f"{table.name} {kind.__name__}"))
            if rows:
                count += 1
                added += len(rows)
                before += rows_of(judged(program, table, set())[0], code)
                told += rows_of(judged(program, copy, set())[0], code)
        print(f"{kind.__name__:18} {added} rows added to {count} tables; {told} told as `{code}`, {before} before", flush=True)


def rows_of(report, code):
    return sum(issue["rows"] for issue in report["issues"] if issue["code"] == code)


def judge_chance(program, chosen):
    """What is told of tables whose columns have nothing to do with each other: all of it is chance."""
    told, held = collections.Counter(), collections.Counter()
    for table in chosen:
        copy = table.copy()
        errors.shuffled(copy, random.Random(table.name))
        for one, counts in ((copy, told), (table, held)):
            report = judged(program, one, set())[0]
            counts.update({kind: len(report.get(kind, [])) for kind in BETWEEN})
            counts["near_duplicates"] += report.get("near_duplicates", {}).get("rows", 0)
            counts["gaps and spikes"] += sum(issue["code"] in ("volume_gap", "volume_spike") for issue in report["issues"])
    print(f"between columns, of {len(chosen)} tables:")
    for kind in held:
        print(f"    {kind:18} {held[kind]} told, {told[kind]} with every column shuffled")


BETWEEN = ("patterns", "missing_where", "correlations", "dependencies", "keys")


def judge_pairs(program, folder, rows):
    for pair in sorted(path for path in pathlib.Path(folder).iterdir() if (path / "dirty.csv").exists()):
        dirty, clean = (list(csv.reader(open(pair / f"{side}.csv", newline="", encoding="utf-8"))) for side in ("dirty", "clean"))
        if len(dirty) != len(clean) or not dirty:
            print(f"{pair.name:18} left out: {len(dirty)} and {len(clean)} rows")
            continue
        wrong = {(row, at) for row, (one, other) in enumerate(zip(dirty[1:], clean[1:])) for at in range(min(len(one), len(other)))
                 if one[at].strip() != other[at].strip()}
        table = tables.Table(pair.name, dirty[0], dirty[1:])
        _, flagged, _ = judged(program, table, wrong)
        score = Score.of(set(flagged), wrong)
        rows.append({"table": pair.name, "kind": "pair", "right": score.right, "flagged": score.flagged, "wrong": score.wrong})
        print(f"{pair.name:18} {score}", flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=os.path.realpath)
    parser.add_argument("--split", choices=["seen", "held", "all"], default="held")
    parser.add_argument("--tables", default="*")
    parser.add_argument("--pairs")
    parser.add_argument("--out")
    parser.add_argument("--parts", default="clean,errors,copies,chance", help="of clean, errors, copies, chance")
    parser.add_argument("--kinds", default=",".join([*errors.KINDS, "mixed", *errors.FURTHER]))
    parser.add_argument("--rows", type=int, default=tables.MOST_ROWS, help="tables with more rows are left out")
    parser.add_argument("--most", type=int, default=60, help="tables that errors are put into")
    parser.add_argument("--cache", default=os.environ.get("HEADWORKS_PEERS_CACHE", os.path.expanduser("~/.cache/headworks-peers")))
    return parser.parse_args()


def mix(chosen, most):
    """As many tables with text as possible: tables of numbers alone are many and alike."""
    texts = [table for table in chosen if sum(errors.is_text(table.column(at)) for at in range(len(table.header))) > 0]
    others = [table for table in chosen if table not in texts]
    chance = random.Random("tables")
    picked = chance.sample(texts, min(len(texts), most * 3 // 4))
    return sorted(picked + chance.sample(others, min(len(others), most - len(picked))), key=lambda table: table.name)


def main():
    asked, rows = arguments(), []
    found = [table for table in tables.all_tables(asked.cache) if fnmatch.fnmatch(table.name, asked.tables)]
    chosen = [table for table in found if asked.split in (table.split, "all") and len(table.rows) <= asked.rows]
    if "clean" in asked.parts:
        judge_clean(asked.program, chosen, rows)
    if "errors" in asked.parts:
        judge_errors(asked.program, mix(chosen, asked.most), asked.kinds.split(","), rows)
    if "copies" in asked.parts:
        judge_copies(asked.program, mix(chosen, asked.most))
    if "chance" in asked.parts:
        judge_chance(asked.program, mix(chosen, asked.most))
    if asked.pairs:
        judge_pairs(asked.program, asked.pairs, rows)
    if asked.out:
        pathlib.Path(asked.out).write_text("\n".join(json.dumps(row) for row in rows) + "\n")


main()
