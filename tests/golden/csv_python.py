#!/usr/bin/python3
"""Tables against Python's csv module and NumPy: every cell of tables made at random and of the published ones, what
csv refuses in its strict mode, and images as NumPy packs them."""
import csv
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import zlib

try:
    import numpy as np
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(77)
try:
    import jsonschema
except ImportError:
    jsonschema = None

REDOUBT = os.path.abspath(os.environ.get("REDOUBT", "build/release/redoubt"))
TABULAR = "../shared/data/tabular/"
MISSING = {"", "NA", "N/A", "n/a", "na", "?", "NaN", "nan", "NAN", "null", "NULL", "None", "-nan", "#N/A"}


def info(path, *options):
    done = subprocess.run([REDOUBT, "data", "info", path, "--json", *options], capture_output=True, text=True)
    if done.returncode:
        return done.returncode, done.stderr
    out = json.loads(done.stdout)
    if jsonschema:
        with open("docs/schema/data-info.schema.json", encoding="utf-8") as f:
            jsonschema.validate(out, json.load(f))
    return 0, out["result"]


def load(folder, path, *options):
    """The result, x and y as written."""
    x, y = os.path.join(folder, "x.npy"), os.path.join(folder, "y.npy")
    code, result = info(path, "--write-x", x, "--write-labels", y, *options)
    assert code == 0, result
    return result, np.load(x), np.load(y)


def encode(rows, kinds, scale):
    """Rows of text as the reader should encode them: one kind a column, "number" or "category"."""
    parts = []
    for c, kind in enumerate(kinds):
        cells = [row[c] for row in rows]
        gone = np.array([cell.strip() in MISSING for cell in cells])
        if kind == "number":
            there = np.array([float(cell) for cell, g in zip(cells, gone) if not g])
            v = np.full(len(cells), np.median(there))
            v[~gone] = there
            if scale:
                v = (v - there.mean()) / (there.std() or 1)
            parts.append(v[:, None])
        else:
            cells = ["(missing)" if g else cell for cell, g in zip(cells, gone)]
            words = sorted(set(cells), key=lambda w: w.encode())
            parts.append(np.array([[cell == word for word in words] for cell in cells], float))
    return np.hstack(parts)


def random_table(rng):
    """Header, rows and kinds: what a table may hold that is hard to read."""
    pieces = ["a", "B", ",", ";", '"', '""', "\n", "\r\n", " ", "\u00e4", "\U0001f600", "'", "x,y", "\t", "#", "-"]
    words = [["w" + "".join(rng.choices(pieces, k=rng.randrange(1, 5))) for _ in range(5)] + ["NA"] for _ in range(2)]
    rows = []
    for i in range(60):
        number = rng.choice(["", f"{rng.uniform(-1e3, 1e3)!r}", f"{rng.randrange(-50, 50)}", f" {rng.random():.3e} "])
        rows.append([number, rng.choice(words[0]), str(rng.uniform(0, 1)), rng.choice(words[1]), "c" + str(i % 3)])
    return ["n", "first word", "m", 'w"2', "class"], rows


def random_tables(folder):
    path = os.path.join(folder, "t.csv")
    for seed in range(40):
        rng = random.Random(seed)
        header, rows = random_table(rng)
        text = io.StringIO()
        writer = csv.writer(text, delimiter=rng.choice(",;\t|"), lineterminator=rng.choice(["\n", "\r\n"]),
                            quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
        writer.writerows([header, *rows])
        with open(path, "wb") as f:
            f.write(rng.choice([b"", b"\xef\xbb\xbf"]) + text.getvalue().encode())
        scale = seed % 2
        result, x, y = load(folder, path, "--column-scale", "standard" if scale else "none")
        want = encode(rows, ["number", "category", "number", "category"], scale)
        assert x.shape == want.shape, (seed, x.shape, want.shape)
        assert np.allclose(x, want.astype(np.float32), rtol=1e-6, atol=1e-6), seed
        assert (y == [i % 3 for i in range(len(rows))]).all(), seed
        assert result["columns"][1]["name"] == "first word" and result["columns"][3]["name"] == 'w"2'


def published_tables(folder):
    if not os.path.isdir(TABULAR):
        return
    for name, label in (("adult-train.csv", "class"), ("german-credit.csv", "credit_risk"), ("spambase.csv", "type")):
        with open(TABULAR + name, newline="", encoding="utf-8") as f:
            header, *rows = csv.reader(f, strict=True)
        result, x, y = load(folder, TABULAR + name)
        assert header[-1] == label
        kinds = [c["type"] for c in result["columns"]]
        flags = [i for i, h in enumerate(header[:-1]) if {row[i] for row in rows} == {"no", "yes"}]
        for row in rows:
            for i in flags:
                row[i] = str(int(row[i] == "yes"))
        want = encode(rows, kinds, False)
        assert np.array_equal(x, want.astype(np.float32)), name
        classes = sorted({row[-1] for row in rows})
        assert (y == [classes.index(row[-1]) for row in rows]).all(), name
        assert result["duplicates"]["rows"] == len(x) - len(np.unique(x, axis=0)), name


def what_csv_refuses(folder):
    path = os.path.join(folder, "bad.csv")
    for text in ('a,b\n1,"x\n', 'a,b\n1,"x"y\n'):
        try:
            list(csv.reader(io.StringIO(text), strict=True))
            raise AssertionError("csv takes it")
        except csv.Error:
            pass
        with open(path, "w", encoding="utf-8", newline="") as f:
            f.write(text)
        code, said = info(path)
        assert code == 3 and "line 2" in said, said


def schema_gives_the_same_rows(folder):
    path, schema = os.path.join(folder, "t.csv"), os.path.join(folder, "schema.yaml")
    for seed in range(10):
        header, rows = random_table(random.Random(100 + seed))
        with open(path, "w", encoding="utf-8", newline="") as f:
            csv.writer(f).writerows([header, *rows])
        _, first = info(path, "--column-scale", "minmax", "--write-schema", schema)
        _, second = info(path, "--schema", schema)
        assert first["digest"] == second["digest"], seed
        parts = [info(path, "--part", part, "--seed", str(seed))[1] for part in ("train", "test")]
        assert [p["rows"] for p in parts] == [48, 12], seed
        assert all(c["rows"] == 4 for c in parts[1]["classes"]), seed


def png(pixels):
    """An RGB or gray image as a PNG with the filter byte 0 in front of each line."""
    height, width = pixels.shape[:2]
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def images_are_planes(folder):
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
    for i, image in enumerate(pixels):
        place = os.path.join(folder, "set", "ab"[i % 2])
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, f"{i}.png"), "wb") as f:
            f.write(png(image))
    result, x, y = load(folder, os.path.join(folder, "set"))
    order = [0, 2, 4, 1, 3, 5]
    assert np.array_equal(x, pixels[order].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255))
    assert y.tolist() == [0, 0, 0, 1, 1, 1] and [c["name"] for c in result["classes"]] == ["a", "b"]


def main():
    with tempfile.TemporaryDirectory() as folder:
        random_tables(folder)
        published_tables(folder)
        what_csv_refuses(folder)
        schema_gives_the_same_rows(folder)
        images_are_planes(folder)


main()
