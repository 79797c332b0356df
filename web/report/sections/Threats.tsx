/* Every threat in one table; each row opens to its reasons. In print all rows are open. */

import { useEffect, useState } from "react";
import { Copy } from "../../shared/Copy";
import { SeverityMark, StatusMark } from "../../shared/marks";
import { Table } from "../../shared/Table";
import { Term } from "../../shared/Term";
import type { Diagram, Test, Threat, ThreatDetail } from "../../shared/types";

const filters = {
  all: () => true,
  tried: (t: Threat) => t.status !== "untried",
  demonstrated: (t: Threat) => t.status === "demonstrated",
  "not tried": (t: Threat) => t.status === "untried",
  "needs an answer": (t: Threat) => t.applicability === "unknown",
};
type Filter = keyof typeof filters;

function List({ head, items }: { head: string; items: string[] }) {
  if (!items.length) return null;
  return (
    <div>
      <h4>{head}</h4>
      <ul>{items.map((s) => <li key={s}><bdi>{s}</bdi></li>)}</ul>
    </div>
  );
}

/** By list, since the list's name would else stand in every line. */
function References({ references }: { references: NonNullable<Threat["references"]> }) {
  const lists = new Map<string, typeof references>();
  references.forEach((r) => {
    const name = `${r.list} ${r.edition ?? ""}`.trim();
    lists.set(name, [...(lists.get(name) ?? []), r]);
  });
  return (
    <>
      {[...lists].map(([name, items]) => (
        <p key={name} className="refs">
          <span className="quiet">{name}:</span> {items.map((r, i) => <span key={r.id}>{i > 0 && "; "}<span className="nowrap">{r.id}</span> {r.title}</span>)}
        </p>
      ))}
    </>
  );
}

/** The facts and sources that a reviewer asks for; what a reader needs stands before it. */
function Background({ threat: t, detail: d }: { threat: Threat; detail: ThreatDetail | undefined }) {
  const references = t.references?.length ? t.references : (d?.references ?? []);
  const cwe = t.cwe?.length ? t.cwe : (d?.cwe ?? []);
  return (
    <div className="grid">
      {d && d.facts.length > 0 && (
        <div>
          <h4>What was looked at</h4>
          <dl className="facts">
            {d.facts.map((f, i) => (
              <div key={`${f.what} ${i}`}><dt><bdi>{f.what}</bdi></dt><dd><bdi>{f.value}</bdi></dd></div>
            ))}
          </dl>
        </div>
      )}
      <List head="What would make it go away" items={d?.goes_away ?? []} />
      {d?.false_positives && d.false_positives !== "-" && (
        <div><h4>When this is a false alarm</h4><p>{d.false_positives}</p></div>
      )}
      {d?.severity_why && <div><h4>Why {t.severity}</h4><p>{d.severity_why}</p></div>}
      {(references.length > 0 || cwe.length > 0) && (
        <div>
          <h4>Known as</h4>
          <References references={references} />
          {cwe.length > 0 && <p className="refs"><span className="quiet">CWE</span> {cwe.join(", ")}</p>}
        </div>
      )}
    </div>
  );
}

function Evidence({ threat: t, tests }: { threat: Threat; tests: Test[] }) {
  const test = tests.find((x) => x.id === t.test);
  return (
    <>
      <h4>Evidence</h4>
      {test && test.outcome !== null ? (
        <p>
          <a href={`#ev-${test.id}`}>Test <bdi>{test.id}</bdi></a>: {test.attack}, {test.outcome}{t.text && <> (<bdi>{t.text}</bdi>)</>}.
          {t.evidence && <> Record <code className="key" title={t.evidence}>{t.evidence.slice(0, 12)}</code></>}
        </p>
      ) : (
        <p>None: <bdi>{t.reason ?? "it was not tried"}</bdi>.</p>
      )}
    </>
  );
}

function Detail({ threat: t, detail: d, place, drawn, tests }: { threat: Threat; detail: ThreatDetail | undefined; place: string; drawn: boolean; tests: Test[] }) {
  const why = t.why ?? d?.why;
  const impact = t.impact ?? d?.impact;
  const fix = t.fix?.length ? t.fix : (d?.mitigations ?? []);
  return (
    <div className="detail">
      {t.decision && (
        <p className="decision">
          Decision: <b>{t.decision.decision}</b>{t.decision.by && <> by <bdi>{t.decision.by}</bdi></>}
          {t.decision.until && <> until {t.decision.until}</>}{t.decision.why && <>, because: <bdi>{t.decision.why}</bdi></>}
          {t.decision.ticket && <> (<bdi>{t.decision.ticket}</bdi>)</>}.
        </p>
      )}
      {t.applicability === "unknown" && t.missing.length > 0 && (
        <p>It may or may not apply: fill in {t.missing.map((m, i) => <span key={m}>{i > 0 && ", "}<code>{m}</code></span>)}.</p>
      )}
      {t.mitigated_by && <p>Mitigated by <code>{t.mitigated_by}</code>.</p>}
      <div className="case">
        <div>
          {why && <><h4>Why</h4><p><bdi>{why}</bdi></p></>}
          {impact && <><h4>Impact</h4><p><bdi>{impact}</bdi></p></>}
          <Evidence threat={t} tests={tests} />
        </div>
        <div><List head="Fix" items={fix} /></div>
      </div>
      {t.check && (
        <div className="yourself">
          <h4>Check it yourself</h4>
          <Copy text={t.check} label={`the command for ${t.title} at ${place}`} />
          {t.check_reason && <small><bdi>{t.check_reason}</bdi></small>}
        </div>
      )}
      <Background threat={t} detail={d} />
      <p className="rule">
        {drawn && <span className="no-print"><a href={`#e-${t.on}`}>Show <bdi>{place}</bdi> in the diagram</a>. </span>}
        Rule <code>{t.rule}</code>{d && <> applies when <code>{d.when}</code></>}
      </p>
    </div>
  );
}

/* Above it, paper shows the reasons only of what was tried or is grave; the page and report.md hold all. */
const MOST_ON_PAPER = 40;

interface Props {
  threats: Threat[];
  details: Record<string, ThreatDetail>;
  elements: Diagram["elements"];
  flows: Diagram["flows"];
  tests: Test[];
}

export function Threats({ threats, details, elements, flows, tests }: Props) {
  const [open, setOpen] = useState<Set<string>>(new Set());
  const [filter, setFilter] = useState<Filter>("all");
  const name = new Map<string, string>([...elements.map((e) => [e.id, e.name] as const), ...flows.map((f) => [f.id, `flow ${f.name}`] as const)]);
  const [at, setAt] = useState<string | null>(null);
  const visible = threats.filter(filters[filter]).filter((t) => !at || t.on === at);
  const toggle = (id: string) => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };

  // A link to a threat opens it; one to a place (from the diagram) shows the threats of that place.
  useEffect(() => {
    const follow = () => {
      if (location.hash.startsWith("#at-")) {
        const place = decodeURIComponent(location.hash.slice(4));
        const first = threats.find((t) => t.on === place);
        if (!first) return;
        setFilter("all");
        setAt(place);
        requestAnimationFrame(() => {
          document.getElementById("threats")?.scrollIntoView({ block: "start" });
          document.getElementById(`b-${first.id}`)?.focus({ preventScroll: true });
        });
        return;
      }
      const id = decodeURIComponent(location.hash.slice(3));
      if (!location.hash.startsWith("#t-") || !threats.some((t) => t.id === id)) return;
      setFilter("all");
      setAt(null);
      setOpen((old) => new Set(old).add(id));
      requestAnimationFrame(() => {
        document.getElementById(`t-${id}`)?.scrollIntoView({ block: "start" });
        document.getElementById(`b-${id}`)?.focus({ preventScroll: true });
      });
    };
    addEventListener("hashchange", follow);
    follow();
    return () => removeEventListener("hashchange", follow);
  }, [threats]);

  return (
    <section id="threats" aria-labelledby="threats-h">
      <h2 id="threats-h">Threats</h2>
      <p className="lead">
        A threat is a hypothesis with a test. {"\u201c"}<Term of="not demonstrated">Not demonstrated</Term>{"\u201d"} says what one attack did not reach; it never means safe.
      </p>
      <div className="filters no-print" role="group" aria-label="Show">
        {(Object.keys(filters) as Filter[]).map((f) => (
          <button key={f} type="button" className="plain" aria-pressed={filter === f} onClick={() => setFilter(f)}>
            {f} <span className="quiet">{threats.filter(filters[f]).length}</span>
          </button>
        ))}
        {at && (
          <button type="button" className="plain at" onClick={() => { setAt(null); history.replaceState(null, "", "#threats"); }}>
            only at <bdi>{name.get(at) ?? at}</bdi> <span aria-hidden="true">{"\u00d7"}</span><span className="sr-only">, show all again</span>
          </button>
        )}
      </div>
      <Table label="Threats" className="threats">
        <thead>
          <tr>
            <th scope="col">Threat</th>
            <th scope="col">Severity</th>
            <th scope="col"><abbr title="spoofing, tampering, repudiation, information disclosure, denial of service, elevation of privilege">STRIDE</abbr></th>
            <th scope="col">Applies</th>
            <th scope="col">Status</th>
            <th scope="col">What is known</th>
          </tr>
        </thead>
        {visible.map((t) => {
          const shown = open.has(t.id);
          const brief = threats.length > MOST_ON_PAPER && t.status === "untried" && !["high", "critical"].includes(t.severity);
          return (
            <tbody key={t.id} id={`t-${t.id}`} className={shown ? "open" : ""}>
              <tr>
                <th scope="row">
                  <button type="button" id={`b-${t.id}`} className="row" aria-expanded={shown} aria-controls={`d-${t.id}`} onClick={() => toggle(t.id)}>
                    <svg width="9" height="9" viewBox="0 0 9 9" aria-hidden="true"><path d="M2 .8 6.6 4.5 2 8.2" /></svg>
                    <span>{t.title}</span>
                  </button>
                  <small>{name.has(t.on) ? <a href={`#e-${t.on}`} title="Show in the diagram"><bdi>{name.get(t.on)}</bdi></a> : <bdi>{t.on}</bdi>}, {t.stage}</small>
                </th>
                <td><SeverityMark severity={t.severity} /></td>
                <td>{[...t.stride].map((c, i) => <Term key={i} of={`STRIDE ${c}`}>{c}</Term>)}</td>
                <td>{t.applicability}</td>
                <td>
                  <StatusMark status={t.status} />
                  {t.decision && <small className="tag">{t.decision.decision}</small>}
                </td>
                <td className="known"><bdi>{t.status === "untried" ? (t.reason ?? t.text) : t.text}</bdi></td>
              </tr>
              <tr className={`more ${shown ? "" : "shut"} ${brief ? "brief" : ""}`} id={`d-${t.id}`}>
                <td colSpan={6}><Detail threat={t} detail={details[t.id]} place={name.get(t.on) ?? t.on} drawn={name.has(t.on)} tests={tests} /></td>
              </tr>
            </tbody>
          );
        })}
      </Table>
      {threats.length > MOST_ON_PAPER && <p className="only-print note">On paper the reasons stand only with threats that were tried or are of high or critical severity; report.html and report.md hold all.</p>}
      {!visible.length && <p className="quiet">No threat is in this group.</p>}
    </section>
  );
}
