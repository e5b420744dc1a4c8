"""Random tables and what the harnesses with random checks share: choosing, counting and telling cases.

A table has numbers, texts, days, moments and truth values; with gaps, repetitions, NaN, empty texts, upper and lower case, letters beyond
ASCII, and now and then no rows at all.
"""
import collections
import datetime
import decimal
import json
import pathlib
import random

import pyarrow

TEXTS = ["a", "A", "ab", "Ab", "abc", "", " ", "42", "4.5", "-7", "é", "É", "ß", "日本", "a_b", "a%b", " a", "2026-01-15", "x@y.nl"]
DAYS = [datetime.date(2026, 1, day) for day in (1, 2, 3, 5, 15, 31)]
MOMENTS = [datetime.datetime(2026, 1, day, hour) for day in (1, 2, 3, 5, 31) for hour in (0, 12)]
NUMBERS = ["i", "j", "k", "f", "g", "m"]
AGES = [0.1, 3, 30, 100, 1000, -5]  # in hours


class Chance(random.Random):
    """Choices that a seed repeats."""

    def one(self, pool):
        return self.choice(pool)

    def some(self, pool, least=0, most=4):
        return [self.one(pool) for _ in range(self.randint(least, most))]

    def often(self, share):
        return self.random() < share

    def number(self):
        return self.one([-2, -1, 0, 1, 2, 3, 5, 0.5, 1.5, 2.25, 0.25, 10])

    def share(self):
        return self.one([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1])

    def maybe(self, key, pool, share=0.5):
        return {key: self.one(pool)} if self.often(share) else {}

    def limits(self, low="min_value", high="max_value", of=None):
        """One limit, or two."""
        first, second = sorted([(of or self.number)(), (of or self.number)()])
        return self.one([{low: first}, {high: second}, {low: first, high: second}])


def random_table(chance, moment):
    """A table; `moment` is now, from which the ages of its newest rows count."""
    rows = chance.one([0, 1, 2, 3, 5, 8, 13, 21])
    gaps = chance.one([0, 0, 0.2, 0.6])

    def column(kind, make, share=gaps):
        return pyarrow.array([None if chance.often(share) else make() for _ in range(rows)], kind)

    start = chance.randint(0, 3)
    step = chance.one([1, 1, 1, 2])
    lows = sorted(chance.randint(0, 20) for _ in range(rows))
    return pyarrow.table({
        "i": column(pyarrow.int64(), lambda: chance.randint(-2, 5)),
        "j": column(pyarrow.int64(), lambda: chance.randint(-2, 5), gaps / 2),
        "k": pyarrow.array([start + step * at for at in range(rows)], pyarrow.int64()),
        "f": column(pyarrow.float64(), lambda: chance.randint(-8, 20) / 4),
        "g": column(pyarrow.float64(), lambda: chance.randint(-2, 6) / 2, 0),
        "x": column(pyarrow.float64(), lambda: chance.one([1.5, 2.0, float("nan"), -1.0])),
        "m": column(pyarrow.decimal128(8, 2), lambda: decimal.Decimal(chance.randint(-20, 60)) / 10),
        "t": column(pyarrow.string(), lambda: chance.one(TEXTS)),
        "u": column(pyarrow.string(), lambda: chance.one(TEXTS[:5]), gaps / 2),
        "d": column(pyarrow.timestamp("us"), lambda: chance.one(MOMENTS)),
        "day": column(pyarrow.date32(), lambda: chance.one(DAYS)),
        "b": column(pyarrow.bool_(), lambda: chance.often(0.5)),
        "n": pyarrow.array([None] * rows, pyarrow.float64()),
        "p": column(pyarrow.string(), lambda: chance.one(["one", "two"]), gaps / 4),
        "low": pyarrow.array(lows, pyarrow.int64()),
        "high": column(pyarrow.int64(), lambda: chance.randint(0, 22), 0) if chance.often(0.3) else pyarrow.array([low + chance.randint(0, 2) for low in lows], pyarrow.int64()),
        "at": column(pyarrow.timestamp("us"), lambda: moment - datetime.timedelta(hours=chance.one(AGES))),
        "Mixed": column(pyarrow.int64(), lambda: chance.randint(0, 3), gaps / 2),
        "two words": column(pyarrow.string(), lambda: chance.one(TEXTS[:4])),
    })


def of_column(name):
    """Values such as the column has, and some that it has not."""
    if name in ("t", "u", "two words"):
        return TEXTS + ["zz"]
    return {"b": [True, False], "p": ["one", "two", "three"]}.get(name, [-2, -1, 0, 1, 2, 3, 5])


def marks(table, columns):
    """What is unusual about the data of a case: `nan`, `null`, `empty`, as reasons for differences name it."""
    found = set() if table.num_rows else {"empty"}
    for name in columns:
        values = table[name].to_pylist() if name in table.column_names else []
        found |= {"null"} if None in values else set()
        found |= {"nothing"} if all(value is None for value in values) else set()
        found |= {"nan"} if any(isinstance(value, float) and value != value for value in values) else set()
    return found


class Findings:
    """Counts of cases, with those that are wrong in full."""

    def __init__(self, tool, differences):
        self.tool, self.agreed, self.wrong = tool, collections.Counter(), []
        self.counters = {head: collections.Counter() for head in ("differs", "not translated", "no verdict")}
        self.known = json.loads((pathlib.Path(__file__).parent / differences).read_text())

    def add(self, way, case, theirs, ours, details="", why=""):
        """Compares two verdicts on a case, which has `kind`, `asked`, `marks` and `rows`; `way` is how ours came about, `why` is what they say without a verdict."""
        if theirs == "refused":
            self.counters["no verdict"][f"{way}: {case['kind']}: {' '.join(str(why).split())[:150]}"] += 1
        elif ours == "untranslated":
            self.counters["not translated"][f"{way}: {case['kind']}: {details}"] += 1
        elif theirs == ours:
            self.agreed[way] += 1
        elif reason := self.reason(way, case, theirs, ours):
            self.counters["differs"][f"{way}: {case['kind']}: {reason}"] += 1
        else:
            self.wrong.append(f"{way}: {json.dumps(case['asked'], default=str, ensure_ascii=False)}: theirs {theirs}, ours {ours} {details}; on {case['rows']}")

    def reason(self, way, case, theirs, ours):
        """Why a difference is known: the first entry of which all parts agree with the case."""
        facts = {"way": way, "kind": case["kind"], "theirs": theirs, "ours": ours}
        for entry in self.known:
            agree = all(facts[key] in entry[key] for key in facts if key in entry)
            contains = entry.get("contains", "") in json.dumps(case["asked"], default=str)
            if agree and contains and set(entry.get("marks", [])) <= case["marks"]:
                return entry["reason"]
        return None

    def told(self):
        """Prints all; the exit code."""
        total = {head: sum(counter.values()) for head, counter in self.counters.items()}
        agreed = ", ".join(f"{count} {way}" for way, count in sorted(self.agreed.items()))
        print(f"{self.tool}: verdicts that agree: {agreed or 'none'}; {total['differs']} differ for a known reason, {total['not translated']} are not translated,")
        print(f"{total['no verdict']} get no verdict from {self.tool}, {len(self.wrong)} are wrong")
        for head, counter in self.counters.items():
            for line, times in sorted(counter.items()):
                print(f"  {head} ({times}): {line}")
        for line in self.wrong:
            print(f"  WRONG: {line}")
        return 1 if self.wrong or not self.agreed else 0


def status(results):
    """`pass`, `warn` or `fail` of the rules that a check became, or `untranslated` or `error`; and why."""
    for word in ("untranslated", "error"):
        whys = [result[word] for result in results if result.get(word)]
        if whys:
            return word, " ".join(whys[0].split())[:300]
    broken = {result["action"] for result in results if not result["held"]}
    return ("fail" if "block" in broken else "warn" if broken else "pass"), [result.get("violations") for result in results]
