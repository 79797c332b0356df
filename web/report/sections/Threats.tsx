/* Every threat in one table; each row opens to its reasons. In print all rows are open. */

import { useEffect, useState, type ReactNode } from "react";
import { SeverityMark, StatusMark } from "../../shared/marks";
import { Table } from "../../shared/Table";
import type { Diagram, Threat, ThreatDetail } from "../../shared/types";

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

function Detail({ threat: t, detail: d }: { threat: Threat; detail: ThreatDetail | undefined }) {
  if (!d) return <p>No details.</p>;
  return (
    <div className="detail">
      <div className="prose">
        <p>{d.why}{d.impact && <> <b>{d.impact}</b></>}</p>
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
      </div>
      <div className="grid">
        {d.facts.length > 0 && (
          <div>
            <h4>What was looked at</h4>
            <dl className="facts">
              {d.facts.map((f) => (
                <div key={f.what}><dt><bdi>{f.what}</bdi></dt><dd><bdi>{f.value}</bdi></dd></div>
              ))}
            </dl>
          </div>
        )}
        <List head="What would make it go away" items={d.goes_away} />
        <List head="What helps" items={d.mitigations} />
        {d.false_positives && d.false_positives !== "-" && (
          <div><h4>When this is a false alarm</h4><p>{d.false_positives}</p></div>
        )}
        {d.severity_why && <div><h4>Why {t.severity}</h4><p>{d.severity_why}</p></div>}
        {(d.references.length > 0 || d.cwe.length > 0) && (
          <div>
            <h4>Known as</h4>
            <ul>
              {d.references.map((r) => <li key={r.list + r.id}>{r.id} {r.title} <small>({r.list} {r.edition})</small></li>)}
              {d.cwe.map((c) => <li key={c}>{c}</li>)}
            </ul>
          </div>
        )}
      </div>
      <p className="rule">Rule <code>{t.rule}</code> applies when <code>{d.when}</code></p>
    </div>
  );
}

interface Props {
  threats: Threat[];
  details: Record<string, ThreatDetail>;
  elements: Diagram["elements"];
  flows: Diagram["flows"];
  children: ReactNode;
}

export function Threats({ threats, details, elements, flows, children }: Props) {
  const [open, setOpen] = useState<Set<string>>(new Set());
  const [filter, setFilter] = useState<Filter>("all");
  const name = new Map<string, string>([...elements.map((e) => [e.id, e.name] as const), ...flows.map((f) => [f.id, `flow ${f.name}`] as const)]);
  const visible = threats.filter(filters[filter]);
  const toggle = (id: string) => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };

  // A link to a threat opens it, also from the diagram.
  useEffect(() => {
    const follow = () => {
      const id = decodeURIComponent(location.hash.slice(3));
      if (!location.hash.startsWith("#t-") || !threats.some((t) => t.id === id)) return;
      setFilter("all");
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
        A threat is a hypothesis with a test. {"\u201c"}Not demonstrated{"\u201d"} says what one attack did not reach; it never means safe.
      </p>
      <div className="filters no-print" role="group" aria-label="Show">
        {(Object.keys(filters) as Filter[]).map((f) => (
          <button key={f} type="button" className="plain" aria-pressed={filter === f} onClick={() => setFilter(f)}>
            {f} <span className="quiet">{threats.filter(filters[f]).length}</span>
          </button>
        ))}
      </div>
      <Table label="Threats" className="threats">
        <thead>
          <tr>
            <th scope="col">Threat</th>
            <th scope="col">Severity</th>
            <th scope="col">Applies</th>
            <th scope="col">Status</th>
            <th scope="col">What is known</th>
          </tr>
        </thead>
        {visible.map((t) => {
          const shown = open.has(t.id);
          return (
            <tbody key={t.id} id={`t-${t.id}`} className={shown ? "open" : ""}>
              <tr>
                <th scope="row">
                  <button type="button" id={`b-${t.id}`} className="row" aria-expanded={shown} aria-controls={`d-${t.id}`} onClick={() => toggle(t.id)}>
                    <svg width="9" height="9" viewBox="0 0 9 9" aria-hidden="true"><path d="M2 .8 6.6 4.5 2 8.2" /></svg>
                    <span>{t.title}</span>
                  </button>
                  <small><bdi>{name.get(t.on) ?? t.on}</bdi>, {t.stage}</small>
                </th>
                <td><SeverityMark severity={t.severity} /></td>
                <td>{t.applicability}</td>
                <td>
                  <StatusMark status={t.status} />
                  {t.decision && <small className="tag">{t.decision.decision}</small>}
                </td>
                <td className="known"><bdi>{t.status === "untried" ? (t.reason ?? t.text) : t.text}</bdi></td>
              </tr>
              <tr className={shown ? "more" : "more shut"} id={`d-${t.id}`}>
                <td colSpan={5}><Detail threat={t} detail={details[t.id]} /></td>
              </tr>
            </tbody>
          );
        })}
      </Table>
      {!visible.length && <p className="quiet">No threat is in this group.</p>}
      {children}
    </section>
  );
}
