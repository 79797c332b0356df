#!/usr/bin/env bash
# The diagram as a browser measures it: no text leaves its box or the page, no label lies on a box, on a boundary's name
# or on another label; every element and flow can be pointed at. Small, nested, non-ASCII and large systems.
. tests/cli/lib/common.bash
command -v chromium >/dev/null || skip "skipped: chromium is not installed"

python3 - "$T" <<'PY'
import json, random, sys
folder = sys.argv[1]
types = ["annotator", "ingestion-api", "data-store", "training-data", "training-job", "model-registry", "inference-api",
         "monitoring", "end-user"]

def write(name, boundaries, elements, flows):
    system = {"version": 1, "name": f"{name}: " + "a title that is long enough to need a second line on most pages" * 2,
              "boundaries": boundaries, "elements": elements, "flows": flows}
    with open(f"{folder}/{name}.yaml", "w", encoding="utf-8") as f:
        json.dump(system, f)

def grown(name, n, zones, extra):
    """Chains within zones, and some flows between them."""
    random.seed(n)
    zone = lambda i: i * zones // n
    boundaries = [{"id": f"b{i}", "name": f"Zone {i}", **({"trust": "untrusted"} if not i else {}),
                   **({"inside": "b1"} if 1 < i < 4 else {})} for i in range(zones)]
    elements = [{"id": f"e{i}", "name": f"Element number {i}", "type": types[i % 9], "boundary": f"b{zone(i)}"}
                for i in range(n)]
    pairs = []
    for i in range(1, n):
        near = [k for k in range(max(0, i - 6), i) if zone(k) == zone(i)]
        pairs.append((random.choice(near) if near else random.randrange(i), i))
    pairs += [tuple(random.sample(range(n), 2)) for _ in range(extra)]
    flows = [{"id": f"f{i}", "from": f"e{a}", "to": f"e{b}", "carries": ["images", "labels"][:1 + i % 2]}
             for i, (a, b) in enumerate(pairs)]
    write(name, boundaries, elements, flows)

write("one", [], [{"id": "api", "name": "API", "type": "inference-api"}], [])
grown("sixty", 60, 6, 12)
grown("large", 150, 8, 20)
write("nested", [{"id": "l0", "name": "Internet", "trust": "untrusted"}, {"id": "l1", "name": "C", "trust": "partner"},
                 {"id": "l2", "name": "Account with a longer name than any of its parts " * 9, "inside": "l1"},
                 {"id": "l3", "name": "\u6f22\u5b57", "inside": "l2", "trust": "trusted"},
                 {"id": "l4", "name": "Enclave", "inside": "l3"}],
      [{"id": "user", "name": "U", "type": "end-user", "boundary": "l0"},
       {"id": "a", "name": "Gateway to everything that this company has", "type": "inference-api", "boundary": "l1"},
       {"id": "b", "name": "\u63a8\u8ad6\u30b5\u30fc\u30d3\u30b9 " * 30, "type": "inference-api", "boundary": "l2"},
       {"id": "c", "name": "\u041e\u0431\u0443\u0447\u0430\u044e\u0449\u0438\u0435 \u0434\u0430\u043d\u043d\u044b\u0435",
        "type": "training-data", "boundary": "l3"},
       {"id": "d", "name": "name " * 40, "type": "training-job", "boundary": "l4"},
       {"id": "g", "name": "W" * 200, "type": "data-store", "boundary": "l4"},
       {"id": "h", "name": "\u0645\u062a\u062c\u0631 \u0627\u0644\u0628\u064a\u0627\u0646\u0627\u062a " * 9,
        "type": "data-store", "boundary": "l3"}],
      [{"id": f"f{i}", "from": a, "to": b, "carries": c} for i, (a, b, c) in enumerate([
          ("user", "a", ["images"]), ("a", "user", ["scores"]), ("user", "a", ["labels"]), ("a", "b", ["\u753b\u50cf"]),
          ("b", "c", ["a very long thing that is carried " * 3, "and another"]), ("c", "d", ["x"]), ("d", "g", ["W" * 90]),
          ("g", "d", ["y"]), ("h", "d", []), ("user", "g", ["m" * 40])])])
PY

cat >"$T/measure.js" <<'JS'
const svg = document.querySelector("svg"), bad = [];
const box = (n) => { const b = n.getBBox(); return { x: b.x, y: b.y, r: b.x + b.width, b: b.y + b.height, t: n.textContent.slice(0, 40) }; };
const within = (i, o) => i.x >= o.x - 0.6 && i.r <= o.r + 0.6 && i.y >= o.y - 0.6 && i.b <= o.b + 0.6;
const touch = (a, b) => a.x < b.r - 0.6 && b.x < a.r - 0.6 && a.y < b.b - 0.6 && b.y < a.b - 0.6;
const page = box(document.querySelector("rect.page"));
const texts = [...svg.querySelectorAll("text")];
for (const t of texts) if (!within(box(t), page)) bad.push("off the page: " + box(t).t);
const elements = [...svg.querySelectorAll("g[id^=element-]")].map((g) => ({ g, b: box(g.querySelector("rect")) }));
for (const e of elements) for (const t of e.g.querySelectorAll("text")) if (!within(box(t), e.b)) bad.push("out of its box: " + box(t).t);
elements.forEach((e, i) => elements.slice(i + 1).forEach((o) => { if (touch(e.b, o.b)) bad.push("boxes touch: " + e.g.id + " " + o.g.id); }));
for (const p of svg.querySelectorAll(".pill")) if (!within(box(p.querySelector("text")), box(p.querySelector("rect")))) bad.push("out of its badge: " + box(p).t);
const labels = [...svg.querySelectorAll(".label")].map((g) => [...g.querySelectorAll("text")].map(box)), heads = [...svg.querySelectorAll(".head,.trust")].map(box);
labels.forEach((group, i) => group.forEach((t) => {
  for (const e of elements) if (touch(t, e.b)) bad.push("label on a box: " + t.t + " " + e.g.id);
  for (const h of heads) if (touch(t, h)) bad.push("label on a name: " + t.t + " / " + h.t);
  labels.slice(i + 1).flat().forEach((o) => { if (touch(t, o)) bad.push("labels touch: " + t.t + " / " + o.t); });
}));
heads.forEach((h, i) => { for (const o of heads.slice(i + 1)) if (touch(h, o)) bad.push("names touch: " + h.t + " / " + o.t); for (const e of elements) if (touch(h, e.b)) bad.push("name on a box: " + h.t); });
const ids = [...svg.querySelectorAll("[id]")].map((n) => n.id);
if (new Set(ids).size !== ids.length) bad.push("an id twice");
document.body.insertAdjacentHTML("beforeend", "<pre id=found></pre>");
document.getElementById("found").textContent = `elements ${elements.length} flows ${svg.querySelectorAll("g[id^=flow-]").length} bad ${bad.length}\n` + bad.slice(0, 12).join("\n");
JS

# look NAME SVG: what the browser found wrong, "elements N flows N bad N" first.
look() {
    { printf '<!doctype html><meta charset="utf-8"><body>'; cat "$2"; printf '<script>'; cat "$T/measure.js"; printf '</script>'; } >"$T/$1.html"
    timeout 90 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$T/profile" --dump-dom "file://$T/$1.html" 2>/dev/null |
        sed -n '/<pre id="found">/,/<\/pre>/p' | sed 's/<[^>]*>//g' >"$T/$1.found"
}
expected() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print("elements", len(d["elements"]), "flows", len(d["flows"]), "bad 0")' "$1"; }

for name in one nested sixty large; do
    for path in "$PATH" /nonexistent; do # with dot and without
        PATH=$path expect 0 "$REDOUBT" diagram "$T/$name.yaml" -o "$T/$name.svg"
        look $name "$T/$name.svg"
        [ "$(head -n 1 "$T/$name.found")" = "$(expected "$T/$name.yaml")" ] || { fail "$name${path#"$PATH"}"; cat "$T/$name.found"; }
    done
done

# It can fail: a name too long for its box is seen.
sed 's/>API</>API of a name that its box has no room for</' "$T/one.svg" >"$T/spoiled.svg"
"$REDOUBT" diagram "$T/one.yaml" -o "$T/one.svg" --quiet
look spoiled "$T/spoiled.svg"
grep -q "out of its box" "$T/spoiled.found" || fail "not noticed: a name that runs out of its box"
finish
