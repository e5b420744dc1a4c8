"""Holds the keys and references that `headworks assess` finds against those that databases declare.

    keys.py PROGRAM [DATABASE.sqlite ...] [--verbose]

Without databases it takes those of the packages in `tables.py`. A declared key counts as found where it is, or contains, one of the minimal
keys, and as first where that is the best one; tables of fewer than two rows are left out. A declared reference whose columns hold no value, or whose side
referred to has no row, cannot be found and is left out. Of two tables that share their key either direction counts.
"""
import argparse
import csv
import json
import os
import pathlib
import sqlite3
import subprocess
import tempfile

import tables


class Declared:
    """The tables, keys and references of a database that its rows can show."""

    def __init__(self, path):
        self.connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        names = self.connection.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'")
        self.tables = [name for (name,) in names if self.one(f'select count(*) from "{name}"') > 1]
        self.keys = {name: self.key(name) for name in self.tables if self.key(name)}
        self.references = {reference for name in self.tables for reference in self.of(name)}

    def one(self, query):
        return self.connection.execute(query).fetchone()[0]

    def key(self, name):
        columns = self.connection.execute(f'pragma table_info("{name}")')
        return frozenset(column for _, column, _, _, _, place in columns if place)

    def of(self, name):
        parts = {}
        for number, _, to, column, target, *_ in self.connection.execute(f'pragma foreign_key_list("{name}")'):
            parts.setdefault((number, to), []).append((column, target))
        for (_, to), pairs in parts.items():
            to = next((other for other in self.tables if other.lower() == to.lower()), None)
            if to and all(target is None for _, target in pairs):
                pairs = [(column, target) for (column, _), target in zip(pairs, sorted(self.key(to)))]
            filled = " and ".join(f'"{column}" is not null' for column, _ in pairs)
            if to and self.one(f'select count(*) from "{name}" where {filled}'):
                yield (name, to, frozenset((column.lower(), target.lower()) for column, target in pairs))


    def is_shared(self, reference):
        """Whether it is declared the other way around, and both sides are keys."""
        name, to, pairs = reference
        one, other = ({column.lower() for column in self.keys.get(table, [])} for table in (name, to))
        return turned(reference) in self.references and one == {column for column, _ in pairs} and other == {target for _, target in pairs}


def found(program, declared, folder):
    """The keys per table, best first, and the references, best first."""
    paths = []
    for name in declared.tables:
        cursor = declared.connection.execute(f'select * from "{name}"')
        path = pathlib.Path(folder) / f"{name.replace(' ', '_')}.csv"
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([column[0] for column in cursor.description])
            writer.writerows([value.hex() if isinstance(value, bytes) else value for value in row] for row in cursor)
        paths.append(str(path))
    out = pathlib.Path(folder) / "out"
    done = subprocess.run([program, "assess", *paths, "--out", str(out)], capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    names = {plain(name): name for name in declared.tables}
    keys = {}
    for report in out.glob("*/assessment.json"):
        name = names[plain(report.parent.name)]
        keys[name] = [frozenset(key["columns"]) for key in json.loads(report.read_text())["keys"]]
    source = json.loads((out / "source.json").read_text())
    references = [
        (names[plain(one["dataset"])], names[plain(one["references"])],
         frozenset(zip((c.lower() for c in one["columns"]), (c.lower() for c in one["reference_columns"]))), one["score"])
        for one in source["relationships"]
    ]
    return keys, references


def plain(name):
    return "".join(c for c in name.lower() if c.isalnum())


def turned(reference):
    name, to, pairs = reference
    return to, name, frozenset((target, column) for column, target in pairs)


def judge(program, path, verbose):
    declared = Declared(path)
    with tempfile.TemporaryDirectory() as folder:
        keys, references = found(program, declared, folder)
    among = [name for name, key in declared.keys.items() if any(found <= key for found in keys.get(name, []))]
    first = [name for name in among if keys[name][0] <= declared.keys[name]]
    told = [reference[:3] for reference in references]
    right = [one for one in told if one in declared.references or declared.is_shared(one)]
    lost = [one for one in declared.references if one not in told and not (turned(one) in right)]
    best = sum(1 for one in told[:len(declared.references)] if one in right)
    print(f"{path.stem:12} keys: {len(among)} of {len(declared.keys)} found, {len(first)} first; references: "
          f"{len(declared.references) - len(lost)} of {len(declared.references)} found, {len(right)} of {len(told)} told are declared, "
          f"{best} of the best {min(len(told), len(declared.references))}")
    if verbose:
        for name in declared.keys.keys() - set(first):
            print("    key:", name, sorted(declared.keys[name]), "found", [sorted(key) for key in keys.get(name, [])[:3]])
        for place, (one, reference) in enumerate(zip(told, references)):
            if one not in right:
                print(f"    not declared, place {place + 1}: {one[0]} {sorted(one[2])} {one[1]} {reference[3]}")
        for one in lost:
            print("    not found:", one[0], sorted(one[2]), one[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=os.path.realpath)
    parser.add_argument("databases", nargs="*", type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--cache", default=os.environ.get("HEADWORKS_PEERS_CACHE", os.path.expanduser("~/.cache/headworks-peers")))
    asked = parser.parse_args()
    for path in asked.databases or tables.databases(asked.cache):
        judge(asked.program, path, asked.verbose)


main()
