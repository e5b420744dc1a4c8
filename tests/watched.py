"""Nothing blocked or quarantined is ever readable: a reader that is not ours polls while many runs fail at random.

Arguments: the program, and as one likes `--runs N` and `--seed N`. Needs PyPI's deltalake and pyarrow; `tests/run.sh` installs them, and
`tests/soak.sh` for the many runs of `make soak`.

Files with good rows, rows that rules keep out (by themselves, without their customer, with a coupon that is taken) and rows that block a run
arrive in random order; customers arrive before or after the orders that wait for them. Runs are killed at random moments, stopped by a limit on the size of files, or blocked by a rule. Meanwhile a thread reads
every table again and again, and in the end every version that was ever committed is read once more.
"""
import argparse
import collections
import os
import pathlib
import random
import resource
import signal
import subprocess
import tempfile
import threading
import time

import deltalake

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("--runs", type=int, default=int(os.environ.get("HEADWORKS_WATCHED_RUNS", "40")))
parser.add_argument("--seed", type=int, default=20261128)
options = parser.parse_args()
program = os.path.abspath(options.program)
chance = random.Random(options.seed)

ORDERS = ["appended", "merged", "versions", "replaced"]
RULES = """rules:
  - rejected_values: { column: note, values: [blocks], on_failure: block }
  - range: { column: amount, min: 0, on_failure: quarantine }
  - referential: { column: customer_id, to: customers.customer_id, on_failure: quarantine }
"""
FIRST = "  - unique: { columns: [coupon], on_failure: quarantine }\n"
FOLLOWING = "follow: { feed.orders: changed_at }\n"
FILES = {
    "headworks.yaml": """project: watched
engine: { threads: 1 }
sources:
  feed:
    csv:
      path: { orders: "orders/*.csv", customers: "customers/*.csv" }
      columns: { order_id: bigint, customer_id: bigint, coupon: text, amount: bigint, note: text, changed_at: timestamp }
""",
    "models/customers.sql": "select customer_id from feed.customers",
    "models/customers.yaml": "load: { upsert: { key: [customer_id] } }\n",
    **{f"models/{name}.sql": "select order_id, customer_id, coupon, amount, note, changed_at from feed.orders" for name in ORDERS},
    "models/appended.yaml": "load: { append: {} }\nfollow: { feed.orders: _batch }\n" + RULES + FIRST,
    "models/merged.yaml": "load: { upsert: { key: [order_id] } }\n" + FOLLOWING + RULES,
    "models/versions.yaml": "load: { scd2: { key: [order_id] } }\n" + FOLLOWING + RULES,
    "models/replaced.yaml": RULES + FIRST,
}


class Feed:
    """What arrives: files with orders and customers."""

    def __init__(self, project):
        self.project, self.orders, self.files, self.blocking = project, 0, 0, []
        self.customers, self.wanted = 0, set()

    def write(self, folder, name, head, rows):
        (self.project / folder).mkdir(exist_ok=True)
        text = "\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n"
        (self.project / folder / name).write_text(text)

    def order(self, blocks):
        """A new order or a change of one. An amount below 0 must never be seen; nor may an order without its customer, or a coupon twice."""
        is_new = self.orders < 3 or chance.random() < 0.7
        self.orders += is_new
        number = self.orders if is_new else chance.randint(1, self.orders)
        customer = chance.randint(1, self.customers + 4)
        self.wanted.add(customer)
        amount = chance.choice([-1, *range(9)])
        coupon = f"c{chance.randint(1, max(2, self.orders))}" if chance.random() < 0.7 else ""
        return number, customer, coupon, amount, "blocks" if blocks else "fine", f"2026-01-{chance.randint(1, 28):02} 0{chance.randint(0, 9)}:00:00"

    def arrives(self):
        if chance.random() < 0.35:
            missing = [number for number in sorted(self.wanted) if number <= self.customers + 4] or [1]
            come = {chance.choice(missing) for _ in range(2)}
            self.customers = max(self.customers, *come)
            self.write("customers", f"{self.files}.csv", "customer_id", [(number,) for number in sorted(come)])
        if chance.random() < 0.8 or not self.files:
            blocks = chance.random() < 0.2
            rows = [self.order(blocks and at == 0) for at in range(chance.randint(1, 5))]
            name = f"{self.files:05}.csv"
            self.write("orders", name, "order_id,customer_id,coupon,amount,note,changed_at", rows)
            self.blocking += [name] if blocks else []
        self.files += 1

    def is_mended(self):
        """Files that block become files that do not."""
        for name in self.blocking:
            file = self.project / "orders" / name
            file.write_text(file.read_text().replace("blocks", "fine"))
        self.blocking = []


class Reader(threading.Thread):
    """Reads every table again and again."""

    def __init__(self, warehouse):
        super().__init__(daemon=True)
        self.warehouse, self.ends, self.reads, self.versions, self.wrong = warehouse, False, 0, collections.defaultdict(set), []

    def table(self, name, version=None):
        """The rows of a table, as columns; nothing where there is no table yet."""
        folder = self.warehouse / name
        if not (folder / "_delta_log").exists() or not any((folder / "_delta_log").glob("*.json")):
            return None, None
        found = deltalake.DeltaTable(str(folder), version=version)
        return found.version(), found.to_pyarrow_table().to_pydict()

    def run(self):
        while not self.ends:
            for name in ORDERS:
                self.look(name)

    def look(self, name, version=None):
        version, rows = self.table(name, version)
        if rows is None:
            return
        # Customers only ever come, so that one who is gone from a later version was never there.
        _, customers = self.table("customers")
        known = set(customers["customer_id"]) if customers else set()
        found = {"an amount below 0": any(amount < 0 for amount in rows["amount"]), "a row that blocks": "blocks" in rows["note"],
                 "an order without its customer": not set(rows["customer_id"]) <= known}
        if FIRST in FILES[f"models/{name}.yaml"]:
            coupons = [coupon for coupon in rows["coupon"] if coupon is not None]
            found["a coupon twice"] = len(coupons) != len(set(coupons))
        self.wrong += [f"{name} version {version} shows {what}: {rows}" for what, is_shown in found.items() if is_shown]
        self.versions[name].add(version)
        self.reads += 1


def headworks(project, *arguments, **how):
    return subprocess.Popen([program, *arguments], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how)


def small_files():
    """No file may grow beyond some bytes, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = chance.choice([100, 1000, 2000, 5000])
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def one_run(project, took, fails):
    """A run that may be killed or find no room; how it ended, and how long a whole one takes."""
    begun = time.monotonic()
    running = headworks(project, "run", **({"preexec_fn": small_files} if fails == "full" else {}))
    if fails == "killed":
        try:
            running.wait(took * chance.random())
        except subprocess.TimeoutExpired:
            running.kill()
    output, _ = running.communicate()
    ended = {0: "done", 1: "blocked", -9: "killed"}.get(running.returncode, "failed")
    if ended == "failed" and fails != "full":
        raise SystemExit(f"a run fails with exit code {running.returncode}: {output}")
    return ended, time.monotonic() - begun if ended == "done" else took, output


def main():
    with tempfile.TemporaryDirectory() as temporary:
        project = pathlib.Path(temporary)
        for name, text in FILES.items():
            (project / name).parent.mkdir(exist_ok=True)
            (project / name).write_text(text)
        feed, reader, ends, took, returned = Feed(project), Reader(project / "warehouse"), collections.Counter(), 1.0, 0
        feed.write("customers", "none.csv", "customer_id", [(0,)])
        reader.start()
        for _ in range(options.runs):
            feed.arrives()
            ended, took, output = one_run(project, took, chance.choice(["", "", "killed", "killed", "full"]))
            ends[ended] += 1
            returned += "back" in output
            if ended == "blocked" and chance.random() < 0.7:
                feed.is_mended()
            assert reader.is_alive(), "the reader ended"
        feed.is_mended()
        ended, _, output = one_run(project, took, "")
        assert ended == "done", output
        reader.ends = True
        reader.join()
        seen = {name: len(versions) for name, versions in reader.versions.items()}
        reads = reader.reads
        for name in ORDERS:
            newest, rows = reader.table(name)
            assert rows["order_id"], f"{name} is empty"
            for version in range(newest + 1):
                reader.look(name, version)
        for line in reader.wrong[:5]:
            print(f"WRONG: {line}")
        print(f"{options.runs} runs ({dict(ends)}), orders came back in {returned}; {reads} reads meanwhile of {seen} versions: {len(reader.wrong)} showed what rules keep out")
        assert not reader.wrong
        assert reads > options.runs and ends["killed"] and ends["blocked"] and returned, "too little happened to tell"


main()
