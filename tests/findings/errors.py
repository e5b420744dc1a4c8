"""Errors of the kinds that people and programs make, put into a clean table at known cells.

A kind takes a table and a source of chance, changes the table, and returns the changed cells as a set of (row, column). It touches up
to three of the columns it can happen to, and two percent of the rows of each, at least two.
"""
import re

SHARE, MOST_COLUMNS_HIT = 0.02, 3
NUMBER = re.compile(r"-?\d+(\.\d+)?")
DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")


def is_number(values):
    return share(values, NUMBER.fullmatch) > 0.98


def is_date(values):
    return share(values, DATE.match) > 0.98


def is_text(values):
    return share(values, lambda value: sum(c.isalpha() for c in value) >= 3) > 0.8 and not is_date(values)


def share(values, is_such):
    present = [value for value in values if value]
    return sum(1 for value in present if is_such(value)) / max(len(present), 1) if len(present) > 20 else 0.0


def columns(table, is_such, chance):
    """Some of the columns whose values are such."""
    such = [at for at in range(len(table.header)) if is_such(table.column(at))]
    return sorted(chance.sample(such, min(len(such), MOST_COLUMNS_HIT)))


def rows(table, at, chance, can_change=bool):
    """Some of the rows with a value in a column that can be changed."""
    fitting = [row for row in range(len(table.rows)) if table.rows[row][at] and can_change(table.rows[row][at])]
    return chance.sample(fitting, min(len(fitting), max(2, round(SHARE * len(table.rows)))))


def change(table, is_such, chance, changed):
    cells = set()
    for at in columns(table, is_such, chance):
        for row in rows(table, at, chance):
            value = changed(table.rows[row][at])
            if value != table.rows[row][at]:
                table.rows[row][at] = value
                cells.add((row, at))
    return cells


def missing(table, chance):
    """A value is gone, from columns that are filled otherwise."""
    return change(table, lambda values: all(values), chance, lambda value: "")


def disguised_missing(table, chance):
    """A stand-in for no value; each column has one of its own."""
    cells = set()
    for at in columns(table, lambda values: len(set(values)) > 2, chance):
        values = table.column(at)
        choices = ["N/A", "null", "-", "?", "unknown"]
        if is_number(values):
            greatest = max(abs(float(value)) for value in values if NUMBER.fullmatch(value))
            choices = ["N/A", "?", "-1" if min(values) >= "0" and greatest > 1 else "-999", "9999" if greatest < 900 else "99999999"]
        elif is_date(values):
            choices = ["N/A", "1900-01-01", "9999-12-31", "0000-00-00"]
        stand_in = chance.choice(choices)
        if stand_in in values:
            continue
        for row in rows(table, at, chance):
            table.rows[row][at] = stand_in
            cells.add((row, at))
    return cells


def mistyped(table, chance):
    """A number or a date that is none any more: a letter for a digit, a word, a second point."""
    def changed(value):
        kind = chance.randrange(4)
        place = chance.randrange(len(value))
        if kind == 0:
            return value[:place] + chance.choice("abcdefxyz") + value[place + 1:]
        if kind == 1:
            return value.replace("0", "O", 1).replace("1", "l", 1) if re.search("[01]", value) else value + "q"
        if kind == 2:
            return chance.choice(["abc", "twelve", "error", "see note"])
        return value + chance.choice(["..", "x", "''", "_"])
    return change(table, lambda values: is_number(values) or is_date(values), chance, changed)


def misspelled(table, chance):
    """One letter left out, doubled, replaced, or swapped with its neighbour, in words that occur more than once."""
    def changed(value):
        places = [at for at, c in enumerate(value) if c.isalpha()]
        at = chance.choice(places or [0])
        kind = chance.randrange(4)
        if kind == 0:
            return value[:at] + value[at + 1:]
        if kind == 1:
            return value[:at] + value[at] + value[at:]
        if kind == 2 or at + 1 >= len(value):
            return value[:at] + chance.choice("abcdefghijklmnopqrstuvwxyz") + value[at + 1:]
        return value[:at] + value[at + 1] + value[at] + value[at + 2:]
    return change(table, lambda values: is_text(values) and repeats(values), chance, changed)


def repeats(values):
    present = [value for value in values if value]
    return len(set(present)) * 3 < len(present)


def swapped(table, chance):
    """The values of two columns of a row stand in each other's place."""
    chosen = columns(table, lambda values: len(set(values)) > 3, chance)
    cells = set()
    if len(chosen) < 2:
        return cells
    one, other = chosen[:2]
    for row in rows(table, one, chance):
        values = table.rows[row]
        if values[one] != values[other]:
            values[one], values[other] = values[other], values[one]
            cells |= {(row, one), (row, other)}
    return cells


def conflicting(table, chance):
    """Another value of the column, where a second column determines it."""
    cells = set()
    pairs = [(key, at) for key in range(len(table.header)) for at in range(len(table.header)) if key != at and determines(table, key, at)]
    hit = set()
    for key, at in chance.sample(pairs, len(pairs)):
        if at in hit or key in hit or len(hit) >= MOST_COLUMNS_HIT:
            continue
        hit.add(at)
        values = sorted({value for value in table.column(at) if value})
        for row in rows(table, at, chance):
            others = [value for value in values if value != table.rows[row][at]]
            table.rows[row][at] = chance.choice(others)
            cells.add((row, at))
    return cells


def determines(table, key, at):
    """Whether a column determines another exactly, with five rows and more for most of its values, and it is no constant."""
    known, counts = {}, {}
    for row in table.rows:
        if known.setdefault(row[key], row[at]) != row[at] or not row[key] or not row[at]:
            return False
        counts[row[key]] = counts.get(row[key], 0) + 1
    frequent = sum(count for count in counts.values() if count >= 5)
    return len(set(known.values())) >= 3 and frequent > 0.9 * len(table.rows)


def reformatted(table, chance):
    """The same thing written in another way: a unit, separators, another order of a date, capitals, blanks."""
    def changed(value):
        date = DATE.match(value)
        if date:
            year, month, day = date.groups()
            return chance.choice([f"{day}/{month}/{year}", f"{day}.{month}.{year}", f"{year}{month}{day}"]) + value[10:]
        if NUMBER.fullmatch(value):
            return chance.choice([value + " USD", "$" + value, value.replace(".", ",") if "." in value else value + ",00", value + "%"])
        return chance.choice([value.upper(), value.lower(), " " + value, value + "  ", value.replace(" ", "_") + "."])
    def fits(values):
        return is_number(values) or is_date(values) or (is_text(values) and repeats(values))
    return change(table, fits, chance, changed)


def out_of_range(table, chance):
    """A number a hundred or a thousand times too large, or with the wrong sign."""
    def changed(value):
        number = float(value) if NUMBER.fullmatch(value) else 0.0
        return f"{number * chance.choice([100, 1000, -100]):.10g}" if number else value
    return change(table, lambda values: is_number(values) and len(set(values)) > 20, chance, changed)


def copied(table, chance):
    """Rows that stand there twice; returns the later ones."""
    return {add(table, row, lambda value, at: value, chance) for row in some(table, chance)}


def nearly_copied(table, chance):
    """Rows that stand there twice, the later one with another number of the row, in capitals, or with a slip in a word; returns those."""
    words = [at for at in range(len(table.header)) if is_text(table.column(at)) and not repeats(table.column(at))]
    keys = [at for at in range(len(table.header)) if len(set(table.column(at))) == len(table.rows) and at not in words]
    if not words:
        return set()

    def changed(value, at):
        if at in keys and NUMBER.fullmatch(value):
            return str(10 ** 8 + chance.randrange(10 ** 8))
        if at != words[0]:
            return value
        places = [place for place, c in enumerate(value) if c.isalpha()]
        place = chance.choice(places) if places else 0
        return chance.choice([value.upper(), value + " ", value[:place] + value[place + 1:]])
    return {add(table, row, changed, chance) for row in some(table, chance)}


def some(table, chance):
    return chance.sample(range(len(table.rows)), max(2, len(table.rows) // 100))


def add(table, row, changed, chance):
    table.rows.append([changed(value, at) for at, value in enumerate(table.rows[row])])
    return len(table.rows) - 1


def shuffled(table, chance):
    """Each column in an order of its own: nothing holds between columns any more."""
    columns = [table.column(at) for at in range(len(table.header))]
    for column in columns:
        chance.shuffle(column)
    table.rows = [list(row) for row in zip(*columns)]


KINDS = {kind.__name__: kind for kind in (missing, disguised_missing, mistyped, misspelled, swapped, conflicting, reformatted, out_of_range)}
