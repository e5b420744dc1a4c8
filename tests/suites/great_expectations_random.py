"""Verdicts like those of Great Expectations, on random data and random arguments.

Arguments: the program, and as one likes `--seed N`, `--frames N` and `--only TEXT`. Runs in an environment with PyPI's
great_expectations, pandas, pyarrow and sqlalchemy. Every expectation that Headworks translates is asked on pandas and on
SQLite; the verdict and the number of unexpected rows must be the same. What differs must be in
`great_expectations_random_differences.json` with its reason.
"""
import argparse
import collections
import datetime
import json
import logging
import pathlib
import random
import sqlite3
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import great_expectations
import pandas
import pyarrow
import pyarrow.parquet
from great_expectations.expectations.registry import get_expectation_impl

import judged

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("--seed", type=int, default=20261128)
parser.add_argument("--frames", type=int, default=12)
parser.add_argument("--only", default="")
parser.add_argument("--backends", default="pandas,sqlite")
options = parser.parse_args()
known = json.loads(pathlib.Path(__file__).with_name("great_expectations_random_differences.json").read_text())
chance = random.Random(options.seed)

TEXTS = ["", "a", "A", "ab", "abc", "x1", "42", "é", "a_b", "a%b", " a"]
DAYS = [datetime.datetime(2026, 1, day, hour) for day in (1, 2, 15, 31) for hour in (0, 12)]


def values(pool, rows, nulls):
    return [None if chance.random() < nulls else pool() for _ in range(rows)]


def random_frame():
    """A small table: whole numbers, floats, texts, moments, truth values; some with nulls, one all nulls."""
    rows = chance.choice([0, 1, 2, 3, 5, 8, 13])
    nulls = chance.choice([0, 0, 0.2, 0.6])
    whole = lambda: chance.randint(-2, 5)
    real = lambda: chance.choice([chance.randint(-2, 5) / 2, round(chance.gauss(1, 2), 2), 0.1, 0.3])
    growing = sorted(chance.randint(0, 9) for _ in range(rows))
    columns = {
        "i": pyarrow.array(values(whole, rows, nulls), pyarrow.int64()),
        "j": pyarrow.array(values(whole, rows, nulls / 2), pyarrow.int64()),
        "f": pyarrow.array(values(real, rows, nulls), pyarrow.float64()),
        "g": pyarrow.array(values(real, rows, 0), pyarrow.float64()),
        "t": pyarrow.array(values(lambda: chance.choice(TEXTS), rows, nulls), pyarrow.string()),
        "u": pyarrow.array(values(lambda: chance.choice(TEXTS[:4]), rows, nulls / 2), pyarrow.string()),
        "s": pyarrow.array(growing, pyarrow.int64()),
        "d": pyarrow.array(values(lambda: chance.choice(DAYS), rows, nulls), pyarrow.timestamp("us")),
        "b": pyarrow.array(values(lambda: chance.random() < 0.5, rows, nulls), pyarrow.bool_()),
        "n": pyarrow.array([None] * rows, pyarrow.float64()),
    }
    return pyarrow.table(columns)


def in_pandas(table):
    """As people have it in pandas: numbers with gaps are floats, texts and truth values objects with `None`."""
    frame = {}
    for name in table.column_names:
        column = table[name]
        if name in ("t", "u", "b"):
            frame[name] = pandas.Series(column.to_pylist(), dtype=object)
        else:
            frame[name] = column.to_pandas()
    return pandas.DataFrame(frame)


NUMBERS = ["i", "j", "f", "g", "s", "n"]
ALL = ["i", "j", "f", "g", "s", "t", "u", "d", "b", "n"]
pick = lambda pool: chance.choice(pool)
number = lambda: pick([-2, -1, 0, 1, 2, 3, 5, 0.1, 0.3, 0.5, 1.5, 2.5, 1.1])
share = lambda: pick([0, 0.1, 0.25, 0.5, 2 / 3, 0.75, 0.9, 1, 1.0])


def limits(low=number, high=number):
    """One limit or two, some of them strict."""
    first, second = sorted([low(), high()])
    kwargs = pick([{"min_value": first}, {"max_value": second}, {"min_value": first, "max_value": second}])
    if "min_value" in kwargs and chance.random() < 0.3:
        kwargs["strict_min"] = True
    if "max_value" in kwargs and chance.random() < 0.3:
        kwargs["strict_max"] = True
    return kwargs


def counts():
    return limits(lambda: chance.randint(0, 8), lambda: chance.randint(0, 8))


def mostly():
    return {"mostly": share()} if chance.random() < 0.5 else {}


def some(pool, least=0, most=4):
    return [pick(pool) for _ in range(chance.randint(least, most))]


def of_column(column):
    """Values such as the column has, and some that it has not."""
    if column in ("t", "u"):
        return TEXTS + ["zz"]
    if column == "b":
        return [True, False]
    return [-2, -1, 0, 1, 2, 3, 5, 0.5, 1.5, 0.1, 0.3]


def column_set(name, least=0, no_dates=True):
    column = pick([name for name in ALL if name not in ("d", "n")])
    return {"column": column, name_of_set(name): some(of_column(column), least)}


def name_of_set(_):
    return "value_set"


def between():
    column = pick(NUMBERS)
    return {"column": column, **limits(), **mostly()}


def moments_between():
    first, second = sorted([pick(DAYS), pick(DAYS)])
    kwargs = pick([{"min_value": first}, {"max_value": second}, {"min_value": first, "max_value": second}])
    return {"column": "d", **{key: str(value) for key, value in kwargs.items()}, **mostly()}


def lists_of_columns():
    return {"column_list": pick([["i", "j"], ["i", "j", "s"], ["f", "g"], ["t", "u"], ["i", "s"]]),
            **ignoring("all_values_are_missing", "any_value_is_missing", "never")}


def ignoring(*words):
    return {"ignore_row_if": pick(words)} if chance.random() < 0.8 else {}


def pairs():
    a, b = pick([("i", "j"), ("i", "s"), ("f", "g"), ("t", "u"), ("i", "f"), ("j", "j")])
    return {"column_A": a, "column_B": b, **ignoring("both_values_are_missing", "either_value_is_missing", "neither"), **mostly()}


def patterns(key, pool, several=False):
    kwargs = {"column": pick(["t", "u"]), **mostly()}
    kwargs[key] = some(pool, 1, 3) if several else pick(pool)
    if several and "not" not in key and chance.random() < 0.6:
        kwargs["match_on"] = pick(["any", "all"])
    return kwargs


REGEXES = ["a", "^a$", "^[a-z]+$", "[0-9]", "^$", "A|B", "b$", "^.$", r"\d", "é"]
LIKES = ["a%", "%b", "_", "%", "a", "%1%", ""]


def quantiles():
    chosen = sorted({pick([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1]) for _ in range(chance.randint(1, 3))})
    ranges = [sorted([number(), number()]) for _ in chosen]
    for limit in ranges:
        limit[chance.randint(0, 1)] = pick([None, limit[0], limit[1]]) if chance.random() < 0.2 else limit[chance.randint(0, 1)]
        if None not in limit:
            limit.sort()
    return {"column": pick(["i", "f", "g", "s", "j"]), "quantile_ranges": {"quantiles": chosen, "value_ranges": ranges}}


def partition():
    if chance.random() < 0.5:
        weights = [chance.randint(1, 5) for _ in range(3)]
        found = {"column": pick(["u"]), "partition_object": {"values": ["a", "A", ""], "weights": [w / sum(weights) for w in weights]}}
    else:
        weights = [chance.randint(1, 5) for _ in range(3)]
        found = {"column": pick(["f", "g"]), "partition_object": {"bins": [-3, 0, 1, 6], "weights": [w / sum(weights) for w in weights]}}
        if chance.random() < 0.4:
            found["tail_weight_holdout"] = 0.02
    if chance.random() < 0.3 and "bins" in found["partition_object"]:
        found["internal_weight_holdout"] = 0.01
    return {**found, "threshold": pick([0.1, 0.5, 1, 2])}


def names():
    return pick([["i", "j", "f", "g", "t", "u", "s", "d", "b", "n"], ["i", "j"], ["j", "i", "f", "g", "t", "u", "s", "d", "b", "n"], ["i", "q"]])


EXPECTATIONS = {
    "expect_column_values_to_be_null": lambda: {"column": pick(ALL), **mostly()},
    "expect_column_values_to_not_be_null": lambda: {"column": pick(ALL), **mostly()},
    "expect_column_values_to_be_unique": lambda: {"column": pick(ALL), **mostly()},
    "expect_column_values_to_be_in_set": lambda: {**column_set(0), **mostly()},
    "expect_column_values_to_not_be_in_set": lambda: {**column_set(0), **mostly()},
    "expect_column_values_to_be_between": lambda: between() if chance.random() < 0.8 else moments_between(),
    "expect_column_values_to_be_increasing": lambda: {"column": pick(["s", "i", "f", "g"]), **({"strictly": True} if chance.random() < 0.4 else {}), **mostly()},
    "expect_column_values_to_be_decreasing": lambda: {"column": pick(["s", "i", "f", "g"]), **({"strictly": True} if chance.random() < 0.4 else {}), **mostly()},
    "expect_column_value_lengths_to_be_between": lambda: {"column": pick(["t", "u"]), **limits(lambda: chance.randint(0, 3), lambda: chance.randint(0, 3)), **mostly()},
    "expect_column_values_to_be_json_parseable": lambda: {"column": pick(["t", "u"]), **mostly()},
    "expect_column_value_lengths_to_equal": lambda: {"column": pick(["t", "u"]), "value": chance.randint(0, 3), **mostly()},
    "expect_column_value_z_scores_to_be_less_than": lambda: {"column": pick(["i", "f", "g", "s"]), "threshold": pick([0.5, 1, 1.5, 2]), "double_sided": chance.random() < 0.5, **mostly()},
    "expect_column_values_to_not_be_outliers": lambda: {"column": pick(["i", "f", "g", "s"]), "method": pick(["iqr", "std"]), "multiplier": pick([0.5, 1, 1.5, 2]), **mostly()},
    "expect_column_values_to_match_regex": lambda: patterns("regex", REGEXES),
    "expect_column_values_to_not_match_regex": lambda: patterns("regex", REGEXES),
    "expect_column_values_to_match_regex_list": lambda: patterns("regex_list", REGEXES, True),
    "expect_column_values_to_not_match_regex_list": lambda: {**patterns("regex_list", REGEXES, True), "match_on": None},
    "expect_column_values_to_match_like_pattern": lambda: patterns("like_pattern", LIKES),
    "expect_column_values_to_not_match_like_pattern": lambda: patterns("like_pattern", LIKES),
    "expect_column_values_to_match_like_pattern_list": lambda: patterns("like_pattern_list", LIKES, True),
    "expect_column_values_to_not_match_like_pattern_list": lambda: {**patterns("like_pattern_list", LIKES, True), "match_on": None},
    "expect_column_distinct_values_to_be_in_set": lambda: column_set(0),
    "expect_column_distinct_values_to_contain_set": lambda: column_set(0),
    "expect_column_distinct_values_to_equal_set": lambda: column_set(0),
    "expect_column_most_common_value_to_be_in_set": lambda: {**column_set(0), **({"ties_okay": True} if chance.random() < 0.5 else {})},
    "expect_column_max_to_be_between": lambda: {"column": pick(NUMBERS), **limits()},
    "expect_column_min_to_be_between": lambda: {"column": pick(NUMBERS), **limits()},
    "expect_column_mean_to_be_between": lambda: {"column": pick(NUMBERS), **limits()},
    "expect_column_median_to_be_between": lambda: {"column": pick(NUMBERS), **limits()},
    "expect_column_sum_to_be_between": lambda: {"column": pick(NUMBERS), **limits()},
    "expect_column_stdev_to_be_between": lambda: {"column": pick(NUMBERS), **limits()},
    "expect_column_quantile_values_to_be_between": quantiles,
    "expect_column_unique_value_count_to_be_between": lambda: {"column": pick(ALL), **counts()},
    "expect_column_proportion_of_unique_values_to_be_between": lambda: {"column": pick(ALL), **limits(share, share)},
    "expect_column_proportion_of_non_null_values_to_be_between": lambda: {"column": pick(ALL), **limits(share, share)},
    "expect_column_kl_divergence_to_be_less_than": partition,
    "expect_column_pair_values_a_to_be_greater_than_b": lambda: {**pairs(), **({"or_equal": True} if chance.random() < 0.5 else {})},
    "expect_column_pair_values_to_be_equal": pairs,
    "expect_column_pair_values_to_be_in_set": lambda: {**pairs(), "column_A": "i", "column_B": "j", "value_pairs_set": [[pick([0, 1, 2]), pick([0, 1, 2])] for _ in range(chance.randint(1, 6))]},
    "expect_compound_columns_to_be_unique": lambda: {**lists_of_columns(), **mostly()},
    "expect_select_column_values_to_be_unique_within_record": lambda: {**lists_of_columns(), **mostly()},
    "expect_multicolumn_values_to_be_equal": lambda: {**lists_of_columns(), **mostly()},
    "expect_multicolumn_sum_to_equal": lambda: {**lists_of_columns(), "column_list": pick([["i", "j"], ["i", "j", "s"], ["f", "g"]]), "sum_total": chance.randint(-1, 6), **mostly()},
    "expect_table_row_count_to_be_between": counts,
    "expect_table_row_count_to_equal": lambda: {"value": pick([0, 1, 3, 8])},
    "expect_table_column_count_to_be_between": lambda: limits(lambda: pick([9, 10, 11]), lambda: pick([9, 10, 11])),
    "expect_table_column_count_to_equal": lambda: {"value": pick([9, 10])},
    "expect_table_columns_to_match_ordered_list": lambda: {"column_list": names()},
    "expect_table_columns_to_match_set": lambda: {"column_set": names(), **({"exact_match": chance.random() < 0.5} if chance.random() < 0.7 else {})},
    "expect_column_to_exist": lambda: {"column": pick(["i", "u", "q"]), **({"column_index": pick([0, 5])} if chance.random() < 0.4 else {})},
}
CONDITIONS = [
    "i > 1", "t == 'a' or u == 'a'", "f <= 1.5 and s >= 2", "i.notnull()", "s in [1, 2, 3]",
    "t != 'a'", "not i > 1", "s not in [1, 2]", "0 < i < 3", "0 < i != 3", "i == i", "f != f", "t.isnull()", "~t.isnull()",
    "not (i > 1 and f < 2)", "not t == 'a' or s > 2", "i in [1, None]", "t in ['a', None]", "t not in ['a', None]", "t == ['a', 'ab']",
    "i + 1 > 2", "i - -1 > 1", "-i > 1", "`i` > 1", "i != j", "not t == u", "(i > 1) | (t == 'a')", "i > 1 & j > 1", "(i > 1) != (j > 1)",
    "t == None or i > 1", "d > '2026-01-02 06:00:00'", "n.isnull()", "b == False", "i == 1 or i == 2 and j == 1", "not not i > 1",
]


def asked(kind, kwargs, backend):
    """The expectation with its arguments, now and then for some of the rows only."""
    if backend == "pandas" and chance.random() < 0.15 and not kind.startswith(("expect_table_column", "expect_column_to_exist")):
        kwargs = {**kwargs, "row_condition": pick(CONDITIONS), "condition_parser": "pandas"}
    return {"type": kind, "kwargs": {key: value for key, value in kwargs.items() if value is not None}}


def theirs(batch, expectation):
    """Their verdict and the number of unexpected rows; `refused` where they give none."""
    try:
        asked = get_expectation_impl(expectation["type"])(**expectation["kwargs"])
        result = batch.validate(asked)
    except Exception as error:
        return "refused", f"{type(error).__name__}: {error}"
    raised = json.loads(json.dumps(result.exception_info, default=str))
    raised = [raised] if "raised_exception" in raised else list(raised.values())
    if any(isinstance(one, dict) and one.get("raised_exception") for one in raised):
        return "refused", str(raised)[:300]
    return result.success, result.result.get("unexpected_count", result.result.get("observed_value"))


def pandas_batch(context, table, at, _):
    source = context.data_sources.add_pandas(f"pandas{at}")
    whole = source.add_dataframe_asset("d").add_batch_definition_whole_dataframe("w")
    return whole.get_batch(batch_parameters={"dataframe": in_pandas(table)})


def sqlite_batch(context, table, at, folder):
    kinds = {"i": "integer", "j": "integer", "s": "integer", "f": "real", "g": "real", "n": "real", "t": "text", "u": "text", "d": "timestamp", "b": "boolean"}
    file = pathlib.Path(folder) / f"{at}.sqlite"
    connection = sqlite3.connect(file)
    connection.execute(f"create table d ({', '.join(f'{name} {kinds[name]}' for name in table.column_names)})")
    rows = [tuple(str(value) if isinstance(value, datetime.datetime) else value for value in row.values()) for row in table.to_pylist()]
    connection.executemany(f"insert into d values ({', '.join('?' * len(kinds))})", rows)
    connection.commit()
    source = context.data_sources.add_sqlite(f"sqlite{at}", connection_string=f"sqlite:///{file}")
    return source.add_table_asset("d", table_name="d").add_batch_definition_whole_table("w").get_batch()


def reason(case):
    """Why a difference is known: the first entry whose parts all agree with the case."""
    for entry in known:
        is_told = entry.get("details", "") in str(case.get("our_count", ""))
        if case["type"] in entry["expectations"] and entry.get("backend", case["backend"]) == case["backend"] and is_told:
            if all(str(case.get(key, "")) in entry[key] for key in ("theirs", "ours") if key in entry):
                return entry["reason"]
    return None


def same(case):
    if case["theirs"] != case["ours"]:
        return False
    counted = isinstance(case["their_count"], int) and not isinstance(case["their_count"], bool) and case["counts"]
    return not counted or len(case["our_count"]) != 1 or case["our_count"][0] == case["their_count"]


def compared(context, at, folder, backend):
    """The cases of one random table."""
    table = random_frame()
    data = pathlib.Path(folder) / "d.parquet"
    pyarrow.parquet.write_table(table, data)
    batch = {"pandas": pandas_batch, "sqlite": sqlite_batch}[backend](context, table, at, folder)
    expectations = [asked(kind, make(), backend) for kind, make in EXPECTATIONS.items() if options.only in kind]
    ours = judged.expectations(options.program, folder, data, expectations)
    for expectation, results in zip(expectations, ours):
        verdict, count = theirs(batch, expectation)
        found, details = judged.outcome(results)
        counts = expectation["type"].startswith(("expect_column_value", "expect_column_pair", "expect_compound", "expect_multi", "expect_select"))
        yield {**expectation, "backend": backend, "theirs": verdict, "their_count": count, "ours": found, "our_count": details, "counts": counts, "table": table}


def main():
    context = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    agreed, refused, untranslated, differ, wrong = 0, collections.Counter(), collections.Counter(), collections.Counter(), []
    for at in range(options.frames):
        for backend in options.backends.split(","):
            with tempfile.TemporaryDirectory() as folder:
                for case in compared(context, f"{at}{backend}", folder, backend):
                    if case["theirs"] == "refused":
                        refused[f"{case['type']} ({backend})"] += 1
                    elif case["ours"] == "untranslated":
                        untranslated[f"{case['type']}: {case['our_count']}"] += 1
                    elif same(case):
                        agreed += 1
                    elif reason(case):
                        differ[f"{case['type']} ({backend}): {reason(case)}"] += 1
                    else:
                        wrong.append(case)
    print(f"{agreed} cases agree, {sum(differ.values())} differ for a known reason, {sum(untranslated.values())} are not translated,")
    print(f"{sum(refused.values())} get no verdict from Great Expectations, {len(wrong)} are wrong")
    for head, counter in (("differs", differ), ("not translated", untranslated), ("no verdict", refused)):
        for line, times in sorted(counter.items()):
            print(f"  {head} ({times}): {line}")
    for case in wrong:
        columns = {name for key in ("column", "column_A", "column_B") for name in [case["kwargs"].get(key)] if name} | set(case["kwargs"].get("column_list", []))
        rows = {name: case["table"][name].to_pylist() for name in sorted(columns) if name in case["table"].column_names}
        print(f"  WRONG: {case['backend']} {case['type']} {json.dumps(case['kwargs'])}: theirs {case['theirs']} ({case['their_count']}), ours {case['ours']} ({case['our_count']}) on {rows}, {case['table'].num_rows} rows")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
