"""A warehouse in an object store keeps what a folder keeps: the same rows, one commit after the other, nothing left behind.

Arguments: the program, and as one likes `--kills N` and `--seed N`. Needs PyPI's moto[server], boto3, deltalake and pyarrow; `tests/run.sh`
installs them. The server is that of moto on loopback; a proxy of this test stands before it where answers have to be late, lost or wrong.
"""
import argparse
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import boto3
import deltalake

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("--kills", type=int, default=int(os.environ.get("HEADWORKS_KILLS", "6")))
parser.add_argument("--seed", type=int, default=20261128)
options = parser.parse_args()
program = os.path.abspath(options.program)
chance = random.Random(options.seed)

KEY, SECRET = "AKIAEXAMPLE", "a-secret-that-nobody-may-see"
# No proxy may stand between this machine and itself.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
    "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1"}
os.environ.update({name: ENVIRONMENT[name] for name in ["NO_PROXY", "no_proxy"]})

RULES = "rules:\n  - range: { column: amount, min: 0, on_failure: quarantine }\n  - referential: { column: customer_id, to: customers.customer_id, on_failure: quarantine }\n"
COLUMNS = "order_id, customer_id, amount, changed_at"
FILES = {
    "headworks.yaml": """project: shop
warehouse: WAREHOUSE
engine: { threads: 2 }
sources:
  feed:
    csv:
      path: { orders: "orders/*.csv", customers: "customers/*.csv" }
      columns: { order_id: bigint, customer_id: bigint, amount: bigint, changed_at: timestamp }
""",
    "models/customers.sql": "select customer_id from feed.customers",
    "models/customers.yaml": "load: { upsert: { key: [customer_id] } }\n",
    "models/orders.sql": f"select {COLUMNS} from feed.orders",
    "models/orders.yaml": "load: { upsert: { key: [order_id] } }\nfollow: { feed.orders: changed_at }\npartition_by: month(changed_at)\n" + RULES,
    "models/versions.sql": f"select {COLUMNS} from feed.orders",
    "models/versions.yaml": "load: { scd2: { key: [order_id] } }\nfollow: { feed.orders: changed_at }\nrules:\n  - not_null: { column: amount }\n",
    "models/totals.sql": "select customer_id, count(*) as orders, sum(amount) as amount from orders group by customer_id",
}
TABLES = {"customers": "*", "orders": "*", "versions": "*", "totals": "*", "quarantine.orders": f"{COLUMNS}, _rules", "feed.orders": "*", "feed.customers": "*"}


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@contextlib.contextmanager
def server(**environment):
    """A server that speaks S3; gives its URL."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    running = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.kill()
        running.wait()


def client(service, endpoint, key=KEY, secret=SECRET):
    return boto3.client(service, endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1")


class Proxy(http.server.ThreadingHTTPServer):
    """Hands requests on; `meet` may hold one, change its headers, or say `lose` so that its answer is lost."""

    daemon_threads = True

    def __init__(self, endpoint, meet):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream, self.meet = endpoint.removeprefix("http://"), meet
        self.answers = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items()}
        wanted = self.server.meet(self.command, self.path, headers)
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=60)
        upstream.request(self.command, self.path, body, headers)
        answer = upstream.getresponse()
        content = answer.read()
        self.server.answers.append((self.path, answer.status))
        upstream.close()
        if wanted == "lose":
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        self.send_header("Content-Length", answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content)))
        self.end_headers()
        # Whoever asked may be gone by now.
        with contextlib.suppress(OSError):
            self.wfile.write(b"" if self.command == "HEAD" else content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_one

    def log_message(self, *_):
        pass


class Project:
    """A project and what arrives in it."""

    def __init__(self, folder, warehouse):
        self.folder, self.environment = pathlib.Path(folder), dict(ENVIRONMENT)
        self.folder.mkdir()
        for name, text in FILES.items():
            self.write(name, text.replace("WAREHOUSE", warehouse))

    def write(self, name, text):
        (self.folder / name).parent.mkdir(exist_ok=True, parents=True)
        (self.folder / name).write_text(text)

    def start(self, *arguments):
        return subprocess.Popen([program, *arguments], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def headworks(self, *arguments, code=0):
        running = self.start(*arguments)
        out, err = running.communicate()
        assert running.returncode == code, (arguments, running.returncode, out, err)
        assert SECRET not in out + err, "a secret was shown"
        return out + err

    def rows(self):
        """The rows of every table, in an order of their own."""
        queries = {table: f"select {columns} from {table}" for table, columns in TABLES.items()}
        read = {table: json.loads(self.start("sql", sql, "--limit", "100000", "--format", "json").communicate()[0]) for table, sql in queries.items()}
        return {table: sorted(json.dumps(row, sort_keys=True) for row in rows) for table, rows in read.items()}


class Feed:
    """Files that arrive in several projects at once."""

    def __init__(self, *projects):
        self.projects, self.files, self.orders, self.customers = projects, 0, 0, 0

    def write(self, kind, head, rows):
        text = "\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n"
        for project in self.projects:
            project.write(f"{kind}/{self.files:04}.csv", text)

    def arrives(self, orders=60):
        """New orders, changes of old ones, some that rules keep out, and customers that some of them have waited for."""
        def order(number):
            at = f"2026-{chance.randint(1, 4):02}-{chance.randint(1, 28):02} {chance.randint(0, 23):02}:00:00"
            return number, chance.randint(1, self.customers + 12), chance.choice([-1, *range(1, 50)]), at
        self.customers += 10
        self.write("customers", "customer_id", [(number,) for number in range(self.customers - 9, self.customers + 1)])
        new = range(self.orders + 1, self.orders + orders + 1)
        self.orders += orders
        changed = sorted({chance.randint(1, self.orders) for _ in range(orders // 4)} - set(new))
        self.write("orders", "order_id,customer_id,amount,changed_at", [order(number) for number in [*new, *changed]])
        self.files += 1


def objects(s3, bucket="lake"):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [found["Key"] for page in pages for found in page.get("Contents", [])]


def strays(s3):
    """Data files that no log entry has ever named."""
    keys, named = objects(s3), set()
    for key in keys:
        table, _, entry = key.partition("/_delta_log/")
        if entry.endswith(".json"):
            lines = s3.get_object(Bucket="lake", Key=key)["Body"].read().decode().splitlines()
            named |= {f"{table}/{action['add']['path']}" for action in map(json.loads, lines) if "add" in action}
    return [key for key in keys if key.endswith(".parquet") and "/_delta_log/" not in key and key not in named]


def same(here, there):
    ours, theirs = here.rows(), there.rows()
    for table in TABLES:
        assert ours[table] == theirs[table], (table, len(ours[table]), len(theirs[table]), sorted(set(ours[table]) ^ set(theirs[table]))[:5])
    assert ours["orders"] and ours["quarantine.orders"], "too little happened to tell"


def commits(s3):
    return len([key for key in objects(s3) if "/_delta_log/" in key and key.endswith(".json")])


def runs_as_in_a_folder(s3, lake, local, feed):
    feed.arrives()
    lake.headworks("plan")
    assert not objects(s3), "a plan wrote something"
    for project in [lake, local]:
        project.headworks("run")
    same(lake, local)
    before = commits(s3)
    assert "nothing" in lake.headworks("run").lower()
    assert commits(s3) == before, "a run without news has committed"
    for _ in range(12):
        feed.arrives(20)
        lake.headworks("run")
    local.headworks("run")
    assert any(key.endswith("checkpoint.parquet") for key in objects(s3)), "no log was checked"
    assert strays(s3) == [], strays(s3)


def others_read_it(s3, lake, local, feed):
    storage = {"AWS_ENDPOINT_URL": lake.environment["AWS_ENDPOINT_URL"], "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    ours = lake.rows()
    for table in ["customers", "orders", "versions", "totals"]:
        theirs = deltalake.DeltaTable(f"s3://lake/house/{table}", storage_options=storage).to_pyarrow_table().num_rows
        assert theirs == len(ours[table]), (table, theirs, len(ours[table]))


def decisions_and_rollback(s3, lake, local, feed):
    for project in [lake, local]:
        assert "orders" in project.headworks("quarantine", "list")
        project.headworks("quarantine", "release", "orders", "--rule", "range_amount", "--set", "amount = 0", "--reason", "a refund")
    same(lake, local)
    before = lake.rows()["orders"]
    feed.arrives()
    for project in [lake, local]:
        project.headworks("run")
    assert lake.rows()["orders"] != before
    lake.headworks("rollback", "orders")
    assert lake.rows()["orders"] == before, "the table is not what it was"
    assert "restore" in lake.headworks("status", "--table", "orders").lower()
    lake.headworks("check", "versions")
    for project in [lake, local]:
        project.headworks("run", "--rebuild", "orders")
    lake.headworks("run")
    local.headworks("run")
    assert strays(s3) == [], strays(s3)


def environments_stand_on_it(s3, lake, local, feed):
    model = lake.folder / "models/totals.sql"
    written = model.read_text()
    model.write_text(written.replace("count(*)", "2 * count(*)"))
    lake.headworks("run", "--env", "dev")
    lake.headworks("sql", "select * from totals", "--env", "dev")
    before = lake.rows()["totals"]
    lake.headworks("promote", "dev")
    assert lake.rows()["totals"] != before, "nothing was promoted"
    lake.headworks("env", "drop", "dev")
    assert not [key for key in objects(s3) if "environments/" in key], "the environment is still there"
    assert lake.rows()["totals"] != before
    model.write_text(written)
    lake.headworks("run")
    assert lake.rows()["totals"] == before
    assert strays(s3) == [], strays(s3)


def killed_runs_are_completed(s3, lake, local, feed):
    killed, took = 0, 3.0
    for _ in range(options.kills):
        feed.arrives()
        begun = time.monotonic()
        running = lake.start("run")
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(timeout=took * chance.uniform(0.1, 1.0))
        killed += running.poll() is None
        running.kill()
        running.communicate()
        lake.headworks("run")
        took = max(1.0, (time.monotonic() - begun) / 2)
    for _ in range(2):
        lake.headworks("run")
        local.headworks("run")
    same(lake, local)
    assert killed, "no run was killed"
    assert strays(s3) == [], strays(s3)


def of_two_runs_one_commits(s3, lake, local, feed):
    """A run is held before a commit until another one, of a project with a ledger of its own, has committed: nothing is written over."""
    first, second = (Project(lake.folder.parent / name, "s3://lake/race") for name in ["first", "second"])
    racing = Feed(first, second)
    racing.arrives()
    first.environment = dict(lake.environment)
    first.headworks("run")
    shutil.copytree(first.folder, second.folder, dirs_exist_ok=True)
    racing.arrives()
    is_held, goes_on = threading.Event(), threading.Event()

    def hold(method, path, headers):
        if method == "PUT" and "/_delta_log/" in path and not goes_on.is_set():
            is_held.set()
            goes_on.wait(25)

    proxy = Proxy(lake.environment["AWS_ENDPOINT_URL"], hold)
    second.environment = lake.environment | {"AWS_ENDPOINT_URL": proxy.url}
    slow = second.start("run")
    assert is_held.wait(60), slow.communicate()
    first.headworks("run")
    entries = lambda: {key: s3.head_object(Bucket="lake", Key=key)["ETag"] for key in objects(s3) if "race/" in key and key.endswith(".json")}
    committed, rows = entries(), first.rows()["orders"]
    goes_on.set()
    out, err = slow.communicate()
    assert slow.returncode in (2, 3) and ("HW502" in out + err or "HW702" in out + err), (slow.returncode, out, err)
    assert any(status == 412 and "/_delta_log/" in path for path, status in proxy.answers), ("the race did not happen", out, err)
    assert committed.items() <= entries().items(), "a commit was written over"
    assert first.rows()["orders"] == rows
    proxy.shutdown()


def of_two_machines_that_begin_neither_doubles(s3, lake, local, feed):
    """Two machines with ledgers of their own begin one warehouse: one is held before its first commit until the other one is done."""
    first, second, alone = (Project(lake.folder.parent / name, warehouse) for name, warehouse in
                            [("begins", "s3://lake/begun"), ("begins-too", "s3://lake/begun"), ("begins-alone", "warehouse")])
    both = Feed(first, second, alone)
    both.arrives()
    is_held, goes_on = threading.Event(), threading.Event()

    def hold(method, path, headers):
        if method == "PUT" and "/_delta_log/" in path and not goes_on.is_set():
            is_held.set()
            goes_on.wait(60)

    proxy = Proxy(lake.environment["AWS_ENDPOINT_URL"], hold)
    first.environment = dict(lake.environment)
    second.environment = lake.environment | {"AWS_ENDPOINT_URL": proxy.url}
    slow = second.start("run")
    assert is_held.wait(60), slow.communicate()
    first.headworks("run")
    goes_on.set()
    out, err = slow.communicate()
    assert slow.returncode == 3 and "HW502" in out + err and "let one machine alone run the project" in out + err, (slow.returncode, out, err)
    alone.headworks("run")
    same(first, alone)
    both.arrives()
    for project in [second, alone]:
        project.headworks("run")
    same(second, alone)
    said = first.headworks("run", code=2)
    assert "HW702" in said and "another machine" in said, said
    same(first, alone)
    proxy.shutdown()


def a_commit_whose_answer_is_lost_is_made_once(s3, lake, local, feed):
    feed.arrives()
    lost = []

    def lose(method, path, headers):
        if method == "PUT" and "/house/orders/_delta_log/" in path and path.split("?")[0].endswith(".json") and len(lost) < 1:
            lost.append(path)
            return "lose"

    endpoint = lake.environment["AWS_ENDPOINT_URL"]
    proxy = Proxy(endpoint, lose)
    lake.environment["AWS_ENDPOINT_URL"] = proxy.url
    lake.headworks("run")
    lake.environment["AWS_ENDPOINT_URL"] = endpoint
    local.headworks("run")
    assert lost, "no answer was lost"
    same(lake, local)
    assert strays(s3) == [], strays(s3)
    proxy.shutdown()


def a_store_that_writes_over_is_refused(s3, lake, local, feed):
    def forget(method, path, headers):
        for name in [name for name in headers if name.lower() == "if-none-match"]:
            del headers[name]

    proxy = Proxy(lake.environment["AWS_ENDPOINT_URL"], forget)
    new = Project(lake.folder.parent / "careless", "s3://lake/careless")
    shutil.copytree(lake.folder / "orders", new.folder / "orders")
    shutil.copytree(lake.folder / "customers", new.folder / "customers")
    new.environment = lake.environment | {"AWS_ENDPOINT_URL": proxy.url}
    said = new.headworks("run", code=3)
    assert "does not refuse to write over" in said, said
    assert not [key for key in objects(s3) if "careless" in key and "_delta_log" in key], "something was committed"
    proxy.shutdown()


def failures_say_what_to_do(s3, lake, local, feed):
    def fails(words, environment, warehouse="s3://lake/house", code=3, seconds=120):
        project = Project(lake.folder.parent / f"fails-{time.monotonic_ns()}", warehouse)
        shutil.copytree(lake.folder / "orders", project.folder / "orders")
        shutil.copytree(lake.folder / "customers", project.folder / "customers")
        project.environment = lake.environment | environment
        shutil.copytree(lake.folder / ".headworks", project.folder / ".headworks")
        begun = time.monotonic()
        for command in [["plan"], ["run"], ["sql", "select 1 from orders"]]:
            said = project.headworks(*command, code=code)
            assert words in said and "help:" in said, (command, said)
        assert time.monotonic() - begun < seconds, "it takes too long to say"
        return said

    fails("the bucket does not exist", {}, "s3://nobody-has-this/house")
    fails("cannot be reached", {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"})
    fails("is not encrypted", {"AWS_ALLOW_HTTP": "false"}, code=2)
    fails("is not supported", {}, "ftp://lake/house", code=2)
    with server(INITIAL_NO_AUTH_ACTION_COUNT="6") as guarded:
        iam, store = client("iam", guarded), client("s3", guarded)
        store.create_bucket(Bucket="lake")
        iam.create_user(UserName="reader")
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*"}]}
        iam.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName="reader")["AccessKey"]
        iam.create_user(UserName="nobody")
        nobody = iam.create_access_key(UserName="nobody")["AccessKey"]
        fails("refuses the credentials", {"AWS_ENDPOINT_URL": guarded})
        denied = {"AWS_ENDPOINT_URL": guarded, "AWS_ACCESS_KEY_ID": nobody["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": nobody["SecretAccessKey"]}
        assert nobody["SecretAccessKey"] not in fails("denies access", denied)
        reads = Project(lake.folder.parent / "reads", "s3://lake/house")
        shutil.copytree(lake.folder / "orders", reads.folder / "orders")
        shutil.copytree(lake.folder / "customers", reads.folder / "customers")
        reads.environment = denied | ENVIRONMENT | {"AWS_ENDPOINT_URL": guarded, "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        reads.headworks("plan")
        assert "denies access" in reads.headworks("run", code=3)


def settings_in_the_project(s3, lake, local, feed):
    """Endpoint and credentials in headworks.yaml, the latter as references; the environment has others."""
    endpoint = lake.environment["AWS_ENDPOINT_URL"]
    settings = f'{{ s3: {{ url: "s3://lake/house", endpoint: "{endpoint}", region: us-east-1, allow_http: true, access_key_id: "${{env:LAKE_ID}}", secret_access_key: "${{env:LAKE_SECRET}}" }} }}'
    lake.write("headworks.yaml", FILES["headworks.yaml"].replace("WAREHOUSE", settings))
    lake.environment = {name: value for name, value in ENVIRONMENT.items() if not name.startswith("AWS_")} | {"LAKE_ID": KEY, "LAKE_SECRET": SECRET, "AWS_SESSION_TOKEN": "of somebody else"}
    assert "nothing" in lake.headworks("run").lower()
    same(lake, local)
    unset = dict(lake.environment)
    del lake.environment["LAKE_SECRET"]
    assert "LAKE_SECRET" in lake.headworks("run", code=2)
    lake.environment = unset


def main():
    with server() as endpoint, tempfile.TemporaryDirectory() as temporary:
        ENVIRONMENT.update({"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true"})
        s3 = client("s3", endpoint)
        s3.create_bucket(Bucket="lake")
        lake, local = Project(f"{temporary}/lake", "s3://lake/house"), Project(f"{temporary}/local", "warehouse")
        feed = Feed(lake, local)
        for test in [runs_as_in_a_folder, others_read_it, decisions_and_rollback, environments_stand_on_it, killed_runs_are_completed, a_commit_whose_answer_is_lost_is_made_once,
                     of_two_runs_one_commits, of_two_machines_that_begin_neither_doubles, a_store_that_writes_over_is_refused, failures_say_what_to_do, settings_in_the_project]:
            begun = time.monotonic()
            test(s3, lake, local, feed)
            print(f"ok: {test.__name__.replace('_', ' ')} ({time.monotonic() - begun:.1f} s)", flush=True)


main()
