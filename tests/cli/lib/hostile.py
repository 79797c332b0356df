"""A system whose every text is hostile (hostile.py make FOLDER), and what its outputs may not hold (hostile.py check KIND
FILE [BENIGN]). Everything is parsed by somebody else's parser: json, csv, html.parser, ElementTree."""
import csv
import html.parser
import json
import re
import struct
import sys
import xml.etree.ElementTree as tree

MARK = "pwn7"  # in every text that would run something
HOSTILE = [
    f"</script><script>{MARK}=1</script>",
    f"]]><script>{MARK}</script> --> <!-- ]]>",
    f"\"><img src=x onerror={MARK}()>",
    f"' onload='{MARK}() \" style=\"x:y",
    f"=cmd|'/C {MARK}'!A0",
    f"+{MARK}()",
    f"-2+3+cmd|' /C {MARK}'!A0",
    f"@SUM({MARK})",
    f"| a | {MARK} | b |",
    f"`{MARK}` ``` code",
    f"[click](javascript:{MARK}) ![x](http://{MARK}.example/x.png) <http://{MARK}.example>",
    f"one\ntwo\n\n# {MARK}\n\n- three\n> four",
    f"\u001b[31m{MARK}\u001b]0;title\u0007\u001b[2J",
    f"evil\u202egnp.{MARK}\u2066x\u2069\u200f\u061c",
    f"line\u2028separator\u2029{MARK}\u0085next\ufeff\u200b",
    f"{{<a> {MARK} | {{b | c}} }} \\N \\l \\G &amp;quot; }}; a -> b [label=x];",
    f"&lt;b&gt; &{MARK}; &#60;script&#62; &#x0; %3Cscript%3E",
    f"[{MARK}](0) {{0}} {{1}} \\[x\\](2) '{MARK}'",
    f"$(touch {MARK}) `touch {MARK}` ; touch {MARK} && x || y > z",
    f"\"quoted\",comma;semi\ttab\r\n{MARK}\\",
    f"{MARK} " + "x" * 4000,
    f"\ufffe\uffff\U000e0041 {MARK} \u6f22\u5b57 \u0645\u0631\u062d\u0628\u0627 e\u0301\u0301\u0301",
]


# --- make ---

def varint(n):
    out = b""
    while True:
        out += bytes([n & 127 | (128 if n > 127 else 0)])
        n >>= 7
        if not n:
            return out


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name, shape, values):
    return b"".join(field(1, n) for n in shape) + field(2, 1) + field(8, name) + field(
        9, struct.pack(f"<{len(values)}f", *values))


def value_info(name, n):
    shape = field(1, field(2, "batch")) + field(1, field(1, n))
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def model():
    """y = 8 (x0 + x1 - x2 - x3) for class 1, its negative for class 0."""
    weight = [-8.0, 8.0, -8.0, 8.0, 8.0, -8.0, 8.0, -8.0]
    node = field(1, "x") + field(1, "w") + field(2, "y") + field(4, "MatMul")
    graph = field(1, node) + field(2, "g") + field(5, tensor("w", [4, 2], weight)) + field(
        11, value_info("x", 4)) + field(12, value_info("y", 2))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


def npy(kind, shape, packed):
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + packed


def data(state):
    rows = []
    while len(rows) < 200:
        row = []
        for _ in range(4):
            state = (state * 1103515245 + 12345) % 2**31
            row.append((state >> 8) % 1000 / 1000)
        if abs(row[0] + row[1] - row[2] - row[3]) > 0.05:
            rows.append(row)
    x = b"".join(struct.pack("<4f", *r) for r in rows)
    y = b"".join(struct.pack("<q", int(r[0] + r[1] > r[2] + r[3])) for r in rows)
    return npy("<f4", (200, 4), x), npy("<i8", (200,), y)


def make(folder, benign):
    count = 0

    def bad(limit=None):
        nonlocal count
        count += 1
        text = f"text {count}" if benign else HOSTILE[count % len(HOSTILE)]
        return text[:limit] if limit else text

    def expert(low, high):
        return {"low": low, "high": high, "provenance": "expert", "by": bad(), "date": "2026-11-01", "source": bad()}

    # A name that a file system takes: no slash, no NUL, at most 255 bytes.
    name = "model.onnx" if benign else f"=cmd|'{MARK}' <b>`x` $(touch {MARK}) \"q\" [l](u)\u202e\u001b[31m.onnx"
    x, y = data(7)
    u, v = data(8)
    for path, content in ((name, model()), ("eval-x.npy", x), ("eval-y.npy", y), ("pool-x.npy", u), ("pool-y.npy", v)):
        with open(f"{folder}/{path}", "wb") as f:
            f.write(content)
    zone = ["internet", "cloud", "inner", "vault"]
    types = ["end-user", "inference-api", "training-data", "training-job", "model-registry", "monitoring", "annotator",
             "ingestion-api", "data-store", "downstream-system"]
    elements = [{"id": t, "name": bad(), "type": t, "owner": bad(),
                 "boundary": zone[0 if t in ("end-user", "annotator") else 1 + i % 3]} for i, t in enumerate(types)]
    elements[1]["properties"] = {"exposure": "internet", "authentication": "none", "returns": "scores"}
    pairs = [(0, 1), (1, 0), (2, 3), (3, 4), (4, 1), (1, 5), (6, 7), (7, 8), (8, 2), (1, 9), (0, 1)]
    system = {
        "version": 1, "name": bad(), "currency": "USD",
        "scope": {"owner": bad(), "authorization": bad()},
        "boundaries": [{"id": z, "name": bad(), **({"trust": "untrusted"} if i == 0 else {}),
                        **({"inside": zone[i - 1]} if i > 1 else {})} for i, z in enumerate(zone)],
        "elements": elements,
        "flows": [{"id": f"flow-{i}", "name": bad(), "from": types[a], "to": types[b], "carries": [bad(), bad()],
                   "protocol": bad(), "encrypted": "no", "authenticated": "no"} for i, (a, b) in enumerate(pairs)],
        "assets": [{"id": "goods", "name": bad(), "of": "inference-api", "value": expert(1000, 90000)}],
        "actors": [{"id": "insider", "name": bad(), "access": ["files"], "data": "victim-like", "labeled": "yes",
                    "days": expert(1, 9), "budget": expert(100, 900), "gain": expert(1000, 9000)}],
        "artifacts": [
            {"id": "classifier", "name": bad(), "of": "inference-api", "kind": "model", "path": name},
            {"id": "eval", "name": bad(), "of": "inference-api", "kind": "dataset", "path": "eval-x.npy",
             "labels": "eval-y.npy"},
            {"id": "pool", "name": bad(), "of": "training-data", "kind": "dataset", "path": "pool-x.npy",
             "labels": "pool-y.npy"}],
        "controls": [
            {"id": "round", "name": bad(), "kind": "rounding", "at": "inference-api", "state": "proposed",
             "owner": bad(), "cost_per_year": expert(100, 900), "set": {"digits": 1}},
            {"id": "labels", "name": bad(), "kind": "label-only", "at": "inference-api", "state": "proposed",
             "owner": bad(), "cost_per_year": 700}],
        "tests": [{"id": "fool", "name": bad(), "threat": "evasion@inference-api", "actor": "insider",
                   "artifact": "classifier", "attack": "fgsm", "set": {"eps": 0.3}},
                  {"id": "steal", "name": bad(), "threat": "model-extraction@inference-api", "actor": "insider",
                   "artifact": "classifier", "attack": "copycat", "set": {"queries": 40, "epochs": 2, "checkpoints": 1}}],
        "risk": {
            "scenarios": [{"id": "wrong", "name": bad(), "threat": "evasion@inference-api", "actor": "insider",
                           "manipulation": "digital", "objects": 20, "queries_per_object": 4,
                           "attempts_per_year": expert(0.5, 4), "loss_when": "successes >= 2",
                           "magnitude": "0.2 * goods",
                           "secondary": {"probability": 0.1, "magnitude": expert(10, 900)}}],
            "appetite": [{"loss": 1000, "probability": 0.5}, {"loss": 10000, "probability": 0.01}]},
        "states": [{"threat": "model-extraction@inference-api", "decision": "accepted", "by": bad(), "why": bad(),
                    "ticket": bad(), "until": "2099-12-31"}],
    }
    with open(f"{folder}/redoubt.yaml", "w", encoding="utf-8") as f:
        json.dump(system, f, indent=1)  # JSON is YAML; every control character is an escape in it


# --- check ---

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
                    "\ufffe\uffff\U000e0000-\U000e007f]")
problems = []


def wrong(what):
    problems.append(what)


def plain(what, text):
    for found in UNSAFE.finditer(text):
        wrong(f"{what}: U+{ord(found.group()):04X} in {text[max(0, found.start() - 30):found.end() + 10]!r}")
        return


def check_text(path, _):
    with open(path, "rb") as f:
        plain("terminal", f.read().decode("utf-8"))


def check_json(path, _):
    with open(path, "rb") as f:
        raw = f.read()
    if re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", raw):
        wrong("a raw control byte in JSON")
    json.loads(raw)


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.data, self.inside = [], "", False

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, *sorted(k for k, _ in attrs)))
        self.inside = tag == "script" and dict(attrs).get("type") == "application/json"
        for key, value in attrs:
            if key.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                wrong(f"html: <{tag} {key}={value!r}>")

    def handle_data(self, data):
        if self.inside:
            self.data += data

    def handle_endtag(self, _):
        self.inside = False


def tags_of(path):
    parser = Tags()
    with open(path, encoding="utf-8", newline="") as f:
        parser.feed(f.read())
    parser.close()
    return parser


def check_html(path, benign):
    page = tags_of(path)
    if benign and page.tags != tags_of(benign).tags:
        wrong("html: other tags than with harmless names")
    if page.data:
        json.loads(page.data)
        plain("html data", page.data)
        if "<" in page.data:
            wrong("html: '<' in the data block")


def check_dom(path, benign):
    """What a browser made of the page: names may only ever be text, so the kinds of tags do not change."""
    kinds = {(t[0], *(k for k in t[1:] if k.startswith("on"))) for t in tags_of(path).tags}
    known = {(t[0], *(k for k in t[1:] if k.startswith("on"))) for t in tags_of(benign).tags}
    scripts = [sum(t[0] == "script" for t in tags_of(p).tags) for p in (path, benign)]
    if kinds - known or scripts[0] != scripts[1]:
        wrong(f"html: {kinds - known} in the rendered page, {scripts[0]} scripts for {scripts[1]}")


def check_markdown(path, _):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    plain("markdown", text)
    fence = None
    cells = None
    before, code, item = "", False, False
    for line in text.split("\n"):
        # Four blanks behind an empty line, outside of a list, make a code block.
        code = line.startswith("    ") and (code or not before) and not item
        if line.strip():
            item = bool(re.match(r"([-*+]|\d+[.)]) ", line)) or (item and line.startswith(" "))
        before = line.strip()
        if code:
            continue
        mark = re.match(r"\s*(`{3,}|~{3,})", line)
        if mark and (fence is None or line.strip() == fence):
            fence = None if fence else mark.group(1)
            continue
        if fence:
            continue
        bare = re.sub(r"(?<!\\)(`+)(?!`).*?(?<!`)\1(?!`)", "", line)  # code spans
        bare = re.sub(r"\\.", "", bare)
        if re.search(r"<(?!br\s*/?>|/?sub>|a id=\"[\w@-]+\"></a>)[a-zA-Z/!]", bare):
            wrong(f"markdown: a tag in {line[:160]!r}")
        if re.search(r"\]\((?!#|\.?/?[\w.-]+\))|!\[", bare):
            wrong(f"markdown: a link in {line[:160]!r}")
        n = bare.count("|") if bare.startswith("|") else None
        if n is not None and cells is not None and n != cells:
            wrong(f"markdown: {n} bars after {cells} in {line[:160]!r}")
        cells = n
    for line in text.split("\n"):
        if re.match(rf"#+ {MARK}|> four|- three", line):
            wrong(f"markdown: a name made its own block: {line!r}")


def check_rendered(path, _):
    """Markdown as cmark --unsafe renders it."""
    known = {f"h{i}" for i in range(1, 7)} | {"p", "ul", "ol", "li", "strong", "em", "code", "pre", "hr", "br", "blockquote"}
    for tag, *attrs in tags_of(path).tags:
        if tag not in known or set(attrs) - {"class", "start"}:
            wrong(f"markdown: <{tag} {attrs}> when rendered")


def check_csv(path, _):
    with open(path, encoding="utf-8", newline="") as f:
        rows = list(csv.reader(f, strict=True))
    widths = {len(r) for r in rows}
    if len(widths) != 1 or len(rows) < 2:
        wrong(f"csv: {len(rows)} rows of {widths} columns")
    for row in rows:
        for cell in row:
            plain("csv", cell)
            if re.match(r"[=+@\-\t\r|%]", cell) and not re.fullmatch(r"-?[\d.]+(e[+-]?\d+)?", cell):
                wrong(f"csv: a formula: {cell[:80]!r}")


def check_svg(path, _):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    plain("svg", text)
    root = tree.fromstring(text)
    known = {"svg", "title", "desc", "style", "defs", "marker", "path", "rect", "text", "g", "a"}
    ids = []
    for node in root.iter():
        tag = node.tag.replace("{http://www.w3.org/2000/svg}", "")
        if tag not in known:
            wrong(f"svg: <{tag}>")
        for key, value in node.attrib.items():
            if key.startswith("on") or (key.endswith("href") and not value.startswith("report.html#")):
                wrong(f"svg: {key}={value!r}")
            if key == "id":
                ids.append(value)
        if tag == "style" and MARK in (node.text or ""):
            wrong("svg: a name in the style sheet")
    if len(ids) != len(set(ids)):
        wrong("svg: an id twice")
    if sum(i.startswith("element-") for i in ids) != 10 or sum(i.startswith("flow-") for i in ids) != 11:
        wrong(f"svg: elements or flows are missing: {ids}")


def check_dot(path, _):
    """What dot -Tplain made of it."""
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    nodes, edges = ([line for line in lines if line.startswith(kind)] for kind in ("node ", "edge "))
    if len(nodes) != 10 or len(edges) != 11:
        wrong(f"dot: {len(nodes)} nodes and {len(edges)} edges")
    plain("dot", "\n".join(lines))


def check_drawn(path, _):
    """What dot -Tsvg made of it."""
    for node in tree.parse(path).getroot().iter():
        if node.tag.endswith("script"):
            wrong("dot: a script")
        for key, value in node.attrib.items():
            if key.endswith("href") and not value.startswith("report.html#"):
                wrong(f"dot: a link to {value!r}")


def check_pdf(path, _):
    with open(path, "rb") as f:
        raw = f.read()
    if not raw.startswith(b"%PDF"):
        wrong("pdf: no PDF")
    for word in (b"/JavaScript", b"/Launch", b"/EmbeddedFile"):
        if word in raw:
            wrong(f"pdf: {word.decode()}")


def check_png(path, _):
    with open(path, "rb") as f:
        if f.read(8) != b"\x89PNG\r\n\x1a\n":
            wrong("png: no PNG")


if sys.argv[1] == "make":
    make(sys.argv[2], len(sys.argv) > 3)
else:
    globals()["check_" + sys.argv[2]](sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else None)
    for p in problems[:8]:
        print(f"    {p}")
    sys.exit(1 if problems else 0)
