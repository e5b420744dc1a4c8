#!/usr/bin/env python3
"""Writes what is delivered to the brokerage: `python3 deliver.py 1` the history, `2` and `3` the batches after it.

The same rows each time. With the last batch come rows that are late, and accounts and securities that trades have named before.
"""

import csv
import datetime
import pathlib
import sys

LANDING = pathlib.Path(__file__).parent / "landing"
# The first day of the trades of a batch, and how many days it has: a year of history, then a day each.
DAYS = {1: (datetime.date(2024, 1, 1), 360), 2: (datetime.date(2025, 1, 2), 1), 3: (datetime.date(2025, 1, 3), 1)}


def moment(batch, number, hour):
    first, length = DAYS[batch]
    return f"{first + datetime.timedelta(days=number % length)} {hour:02}:{number % 60:02}:00"


def customers(batch):
    """Every customer in the history, each seventh again in each later batch, and with the last batch a version that comes late."""
    for number in range(1, 31):
        if batch == 1 or (number + batch) % 7 == 0:
            tier = 9 if number % 11 == 0 else 1 + (number + batch) % 3
            born = "1878-01-01" if number == 5 else f"19{40 + number}-03-04"
            status = "inac" if number % 13 == 0 else "actv"
            yield number, status, f"name{number}", tier, born, f"city{number % 4}", moment(batch, number, 8)
    if batch == 3:
        yield 7, "actv", "name7", 2, "1947-03-04", "late city", "2024-06-01 08:00:00"


def accounts(batch):
    """Accounts 41 to 46 come with the last batch, a day after trades of theirs; account 46 has a customer who never comes."""
    for number in range(1, 47):
        is_new = number <= 40 if batch == 1 else batch == 3 and number > 40
        is_changed = batch > 1 and number <= 40 and (number + batch) % 9 == 0
        if is_new or is_changed:
            customer = 99 if number == 46 else 1 + number % 30
            yield number, customer, 1 + number % 3, "actv", (number + batch) % 3, moment(batch, number, 8)


def securities(batch):
    """The last two come with the last batch; one of them is of a kind that nobody knows."""
    for number in range(1, 13):
        is_new = number <= 10 if batch == 1 else batch == 3 and number > 10
        is_changed = batch > 1 and number == batch
        if is_new or is_changed:
            issue = "BOND" if number == 12 else ("COMMON", "PREF_A", "PREF_B")[number % 3]
            yield f"S{number}", issue, "ACTV", f"company {number % 5}", moment(batch, number, 7)


def trades(batch):
    """Trades of the batch, later versions of some that were pending, and with the last batch one that is months late."""
    first = 1000 * batch

    def row(trade, of):
        number = trade % 1000
        account = 1 + number % 40 if of == 1 else 30 + number % 17
        symbol = 1 + number % 10 if of == 1 else 1 + number % 12
        quantity = 0 if number == 33 else 1 + number % 50
        commission = 10_000 if number % 97 == 0 else 1
        status = "PNDG" if of == batch and number % 3 == 0 else "CMPT"
        price = f"{10 + number % 9}.50"
        return trade, account, f"S{symbol}", moment(of, number, 12), status, quantity, price, commission, moment(batch, number, 18)

    for trade in range(first, first + (400 if batch == 1 else 40)):
        yield row(trade, batch)
    for trade in range(first - 1000, first - 960):
        if batch > 1 and trade % 3 == 0:
            yield row(trade, batch - 1)
    if batch == 3:
        yield 9999, 3, "S3", "2024-05-05 12:00:00", "CMPT", 5, "10.00", 1, "2025-01-03 19:00:00"


def cash(batch):
    for number in range(300 if batch == 1 else 30):
        yield 1 + number % 44, moment(batch, number, 13), f"{number}.25"
    if batch == 2:
        yield 3, "2024-02-02 10:00:00", "1000.00"


def brokers(_):
    for number in range(1, 4):
        yield number, f"broker{number}", f"branch{number}"


def prospects(batch):
    for number in range(1, 21):
        if (number + batch) % 10:
            yield f"A{number}", f"name{number}", 1000 * (1 + (number * batch) % 7)


FILES = {
    customers: "customer_id,status,last_name,tier,date_of_birth,city,action_ts",
    accounts: "account_id,customer_id,broker_id,status,tax_status,action_ts",
    securities: "symbol,issue,status,company,action_ts",
    trades: "trade_id,account_id,symbol,trade_ts,status,quantity,price,commission,updated_ts",
    cash: "account_id,cash_ts,amount",
    brokers: "broker_id,name,branch",
    prospects: "agency_id,last_name,net_worth",
}


def deliver(batch):
    for rows, header in FILES.items():
        if rows is brokers and batch > 1:
            continue
        # Prospects are delivered whole each day, over those of the day before.
        folder = LANDING if rows is prospects else LANDING / str(batch)
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / f"{rows.__name__}.csv", "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header.split(","))
            writer.writerows(rows(batch))


if __name__ == "__main__":
    if sys.argv[1:] not in (["1"], ["2"], ["3"]):
        sys.exit("say which delivery to write: `python3 deliver.py 1`, then 2 and 3")
    deliver(int(sys.argv[1]))
