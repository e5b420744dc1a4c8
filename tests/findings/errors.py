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


def multiplied(table, factors, chance):
    """A number of a column with many, times one of the factors."""
    def changed(value):
        number = float(value) if NUMBER.fullmatch(value) else 0.0
        return f"{number * chance.choice(factors):.10g}" if number else value
    return change(table, lambda values: is_number(values) and len(set(values)) > 20, chance, changed)


def out_of_range(table, chance):
    """A number a hundred or a thousand times too large, or with the wrong sign."""
    return multiplied(table, [100, 1000, -100], chance)


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


# What other studies of error detection put into tables (BART, Raha, REIN, CleanML), beside the kinds above.

KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
ACCENTED = {"a": "á", "e": "é", "i": "í", "o": "ó", "u": "ü", "n": "ñ", "c": "ç"}


def keyed(table, chance):
    """A letter replaced by, or followed by, one that lies beside it on the keyboard."""
    def changed(value):
        places = [at for at, c in enumerate(value) if beside(c)]
        if not places:
            return value
        at = chance.choice(places)
        letter = chance.choice(beside(value[at]))
        return value[:at] + (letter if chance.random() < 0.5 else value[at] + letter) + value[at + 1:]
    return change(table, lambda values: is_text(values) and repeats(values), chance, changed)


def beside(letter):
    row = next((row for row in KEYBOARD if letter.lower() in row), "")
    at = row.find(letter.lower())
    return [row[other] for other in (at - 1, at + 1) if row and 0 <= other < len(row)]


def truncated(table, chance):
    """A text of which only the beginning arrived."""
    def changed(value):
        return value[:chance.randrange(len(value) // 3 + 1, len(value))].rstrip() if len(value) > 3 else value
    return change(table, lambda values: is_text(values) and repeats(values), chance, changed)


def cased(table, chance):
    """The same word in capitals, in small letters, or with the case of all letters turned around."""
    def changed(value):
        return chance.choice([value.upper(), value.lower(), value.swapcase(), value.capitalize()])
    return change(table, lambda values: is_text(values) and repeats(values), chance, changed)


def blanked(table, chance):
    """White space before, behind or within a text: blanks, a tab, a blank that does not break."""
    def changed(value):
        blank = chance.choice([" ", "  ", "\t", "\u00a0"])
        if " " in value and chance.random() < 0.4:
            return value.replace(" ", "  ", 1)
        return chance.choice([blank + value, value + blank])
    return change(table, is_text, chance, changed)


def wrongly_encoded(table, chance):
    """A letter with an accent whose bytes were read in another encoding."""
    def changed(value):
        places = [at for at, c in enumerate(value) if c in ACCENTED]
        if not places:
            return value
        at = chance.choice(places)
        letter = ACCENTED[value[at]].encode()
        return value[:at] + chance.choice([letter.decode("latin-1"), letter.decode("cp1252"), "\ufffd"]) + value[at + 1:]
    return change(table, is_text, chance, changed)


def scaled(table, chance):
    """A number with the point in another place."""
    return multiplied(table, [10, 100, 0.1, 0.01], chance)


def far_out(table, chance):
    """A number of five to ten standard deviations from the mean."""
    cells = set()
    for at in columns(table, lambda values: is_number(values) and len(set(values)) > 20, chance):
        numbers = [float(value) for value in table.column(at) if NUMBER.fullmatch(value)]
        mean = sum(numbers) / len(numbers)
        deviation = (sum((number - mean) ** 2 for number in numbers) / len(numbers)) ** 0.5
        whole = all(number == int(number) for number in numbers)
        for row in rows(table, at, chance):
            number = mean + chance.choice([-1, 1]) * chance.uniform(5, 10) * deviation
            table.rows[row][at] = str(round(number)) if whole else f"{number:.6g}"
            cells.add((row, at))
    return cells


def redated(table, chance):
    """A date written in another order, with the name of the month, or with a year of two digits."""
    def changed(value):
        date = DATE.match(value)
        if not date:
            return value
        year, month, day = date.groups()
        name = MONTHS[(int(month) - 1) % 12]
        ways = [f"{month}/{day}/{year}", f"{day}-{month}-{year}", f"{day} {name} {year}", f"{name} {int(day)}, {year}",
                f"{month}/{day}/{year[2:]}", f"{year}/{month}/{day}"]
        return chance.choice(ways) + value[10:]
    return change(table, is_date, chance, changed)


def rewritten(table, chance):
    """A number written in another way: with separators, an exponent, a unit, a sign, as a word for its thousands."""
    def changed(value):
        if not NUMBER.fullmatch(value):
            return value
        number = float(value)
        ways = [f"{number:.4e}", value + " kg", f"({value})", "+" + value, "~" + value, value + "k", value.replace(".", ",") if "." in value else value + "-"]
        return chance.choice(ways + ([f"{number:,.2f}"] if abs(number) >= 1000 else []))
    return change(table, lambda values: is_number(values) and len(set(values)) > 3, chance, changed)


def shifted(table, chance):
    """Cells of a row that slipped by one column to the right."""
    cells = set()
    width = len(table.header)
    for row in chance.sample(range(len(table.rows)), max(2, round(SHARE * len(table.rows) / 4))):
        before, start = list(table.rows[row]), chance.randrange(max(width - 3, 1))
        table.rows[row] = before[:start] + [""] + before[start:width - 1]
        cells |= {(row, at) for at in range(width) if table.rows[row][at] != before[at]}
    return cells


def implicitly_missing(table, chance):
    """Further stand-ins for no value, among texts too."""
    cells = set()
    for at in columns(table, lambda values: len(set(values)) > 2, chance):
        values = table.column(at)
        if is_number(values):
            numbers = [float(value) for value in values if NUMBER.fullmatch(value)]
            nines = next(nines for nines in ("99", "999", "9999", "99999", "9999999999") if float(nines) > 2 * max(map(abs, numbers)) or len(nines) > 9)
            choices = ["NaN", "none", "missing", "-" + nines, nines] + (["0"] if min(numbers) > 2 else [])
        elif is_date(values):
            choices = ["1970-01-01", "2099-12-31", "none", "1111-11-11"]
        else:
            choices = ["NaN", "missing", "not available", "xxx", "99999", "nil", "--", "#N/A"]
        stand_in = chance.choice(choices)
        if stand_in in values:
            continue
        for row in rows(table, at, chance):
            table.rows[row][at] = stand_in
            cells.add((row, at))
    return cells


def replaced(table, chance):
    """A value of another column of the table in the place of one's own."""
    cells = set()
    for at in columns(table, lambda values: len(set(values)) > 2, chance):
        other = chance.choice([other for other in range(len(table.header)) if other != at])
        for row in rows(table, at, chance):
            value = table.rows[chance.randrange(len(table.rows))][other]
            if value and value != table.rows[row][at]:
                table.rows[row][at] = value
                cells.add((row, at))
    return cells


KINDS = {kind.__name__: kind for kind in (missing, disguised_missing, mistyped, misspelled, swapped, conflicting, reformatted, out_of_range)}
FURTHER = {kind.__name__: kind for kind in (
    keyed, truncated, cased, blanked, wrongly_encoded, scaled, far_out, redated, rewritten, shifted, implicitly_missing, replaced)}
