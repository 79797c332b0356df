/* The system as a data-flow diagram: who trusts whom, what flows, where the threats are. */

import { useEffect, useState } from "react";
import { plural } from "../../shared/format";
import { toneOf } from "../../shared/marks";
import { Table } from "../../shared/Table";
import type { Diagram as Drawing, Status, Threat } from "../../shared/types";

const rank: Status[] = ["demonstrated", "inconclusive", "untried", "not demonstrated", "controlled"];

function worst(threats: Threat[]): Status {
  return rank.find((s) => threats.some((t) => t.status === s)) ?? "untried";
}

function cut(text: string, room: number): string {
  const letters = [...text];
  return letters.length > room ? letters.slice(0, room - 1).join("") + "\u2026" : text;
}

function curve(points: [number, number][]): string {
  return points.map(([x, y], i) => `${i === 0 ? "M" : i === 1 ? "C" : ""}${x} ${y}`).join(" ");
}

export function Diagram({ diagram: d, threats }: { diagram: Drawing; threats: Threat[] }) {
  const [shown, setShown] = useState<string | null>(null);
  const by = (id: string) => threats.filter((t) => t.on === id);
  const boundary = new Map(d.boundaries.map((b) => [b.id, b.name]));
  const name = new Map(d.elements.map((e) => [e.id, e.name]));
  const depth = (id: string | null): number => {
    let n = 0;
    for (let b = d.boundaries.find((x) => x.id === id); b && n < 64; b = d.boundaries.find((x) => x.id === b?.inside)) n++;
    return n;
  };
  // A link from a threat leads here: the place it names takes the focus.
  useEffect(() => {
    const follow = () => {
      if (!location.hash.startsWith("#e-")) return;
      const id = decodeURIComponent(location.hash.slice(1));
      const at = document.getElementById(id);
      if (!at) return;
      at.scrollIntoView({ block: "center", inline: "center" });
      (at as unknown as HTMLElement).focus?.({ preventScroll: true });
      setShown(id.slice(2));
    };
    addEventListener("hashchange", follow);
    follow();
    return () => removeEventListener("hashchange", follow);
  }, [d]);
  const element = d.elements.find((e) => e.id === shown);
  const flow = d.flows.find((f) => f.id === shown);
  const tall = d.width < 820;
  const drawn = d.engine !== "none" && d.elements.length > 0;
  const hold = (id: string) => ({
    onPointerEnter: () => setShown(id),
    onPointerLeave: () => setShown(null),
    onFocus: () => setShown(id),
    onBlur: () => setShown(null),
  });
  const tip = element ?? (flow && { x: flow.at[0], y: flow.at[1], w: 0, h: 0 });
  const right = tip ? tip.x + tip.w / 2 > d.width / 2 : false;

  return (
    <section id="system" className={drawn && d.width > 900 && d.width > 1.25 * d.height ? "across" : undefined} aria-labelledby="system-h">
      <h2 id="system-h">System</h2>
      <div className={tall ? "system tall" : "system"}>
        {drawn ? (
          <div className="diagram">
            <div className="sheet" style={{ maxWidth: d.width }}>
              <svg viewBox={`0 0 ${d.width} ${d.height}`} role="group" aria-label={`Data-flow diagram: ${plural(d.elements.length, "element")}, ${plural(d.flows.length, "flow")}, ${plural(d.boundaries.length, "trust boundary", "trust boundaries")}. The table beside it says the same.`}>
                <defs>
                  {["flow", "crossing"].map((k) => (
                    <marker key={k} id={`tip-${k}`} className={`head-${k}`} viewBox="0 0 8 8" refX="7.4" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">
                      <path d="M0 .6 8 4 0 7.4z" />
                    </marker>
                  ))}
                </defs>
                {[...d.boundaries].sort((a, b) => depth(a.id) - depth(b.id)).map((b) => b.w > 0 && (
                  <g key={b.id} className={`boundary ${b.trust === "untrusted" ? "untrusted" : ""}`}>
                    <rect x={b.x} y={b.y} width={b.w} height={b.h} rx="9" />
                  </g>
                ))}
                {d.flows.map((f) => f.points.length > 1 && (
                  <g key={f.id} className={`flow ${f.crosses ? "crossing" : ""} ${shown === f.id || shown === f.from || shown === f.to ? "lit" : ""}`} {...hold(f.id)}>
                    <path d={curve(f.points)} className="grip" />
                    <path d={curve(f.points)} markerEnd={`url(#tip-${f.crosses ? "crossing" : "flow"})`} />
                    <text x={f.at[0]} y={f.at[1]} dy=".32em">{f.label}</text>
                    {by(f.id).length > 0 && (
                      <a id={`e-${f.id}`} href={by(f.id).length > 1 ? `#at-${f.id}` : `#t-${by(f.id)[0].id}`} className="onflow" aria-label={`Flow ${name.get(f.from)} to ${name.get(f.to)}: ${plural(by(f.id).length, "threat")}, worst is ${worst(by(f.id))}`} onFocus={() => setShown(f.id)} onBlur={() => setShown(null)}>
                        <g className={`badge ${toneOf(worst(by(f.id)))}`}>
                          <circle cx={f.at[0]} cy={f.at[1] + (f.label ? 16 : 0)} r="9.5" />
                          <text x={f.at[0]} y={f.at[1] + (f.label ? 16 : 0)} dy=".35em">{by(f.id).length}</text>
                        </g>
                      </a>
                    )}
                  </g>
                ))}
                {d.boundaries.map((b) => b.w > 0 && (
                  <text key={b.id} className="boundary-name" x={b.x + 12} y={b.y + 19}>
                    {cut(b.name, Math.max(6, Math.floor(b.w / 7.2)))}
                    {b.trust && b.w > 170 && <tspan className="trust" dx="7">{b.trust}</tspan>}
                  </text>
                ))}
                {d.elements.map((e) => {
                  const mine = by(e.id);
                  const open = mine.filter((t) => t.applicability !== "mitigated");
                  const room = Math.floor((e.w - 26) / 7.2);
                  const body = (
                    <>
                      {e.dfd === "store" ? (
                        <>
                          <rect x={e.x} y={e.y} width={e.w} height={e.h} className="fill" />
                          <path d={`M${e.x} ${e.y}h${e.w}M${e.x} ${e.y + e.h}h${e.w}`} className="edge heavy" />
                        </>
                      ) : (
                        <rect x={e.x} y={e.y} width={e.w} height={e.h} rx={e.dfd === "process" ? 12 : 1} className="fill edge" />
                      )}
                      <text x={e.x + 14} y={e.y + 22} className="title">{cut(e.name, room)}</text>
                      <text x={e.x + 14} y={e.y + 38} className="type">{e.type}</text>
                      {mine.length > 0 && (
                        <g className={`badge ${toneOf(worst(open.length ? open : mine))}`}>
                          <circle cx={e.x + e.w - 4} cy={e.y + 3} r="11" />
                          <text x={e.x + e.w - 4} y={e.y + 3} dy=".35em">{mine.length}</text>
                        </g>
                      )}
                    </>
                  );
                  return mine.length ? (
                    <a key={e.id} id={`e-${e.id}`} className={`element ${e.dfd} ${shown === e.id ? "lit" : ""}`} href={mine.length > 1 ? `#at-${e.id}` : `#t-${mine[0].id}`} aria-label={`${e.name}: ${plural(mine.length, "threat")}, worst is ${worst(mine)}`} {...hold(e.id)}>
                      {body}
                    </a>
                  ) : (
                    <g key={e.id} id={`e-${e.id}`} className={`element ${e.dfd}`} {...hold(e.id)}>{body}</g>
                  );
                })}
              </svg>
              {tip && (
                <div className={right ? "tip left" : "tip"} style={{ top: `${(100 * (tip.y + tip.h)) / d.height}%`, ...(right ? { right: `${100 - (100 * (tip.x + tip.w)) / d.width}%` } : { left: `${(100 * tip.x) / d.width}%` }) }} aria-hidden="true">
                  {element && (
                    <>
                      <div className="tip-head">{element.name}</div>
                      {element.properties.map((p) => (
                        <div key={p.name} className="tip-row"><span>{p.name}</span><b>{p.value}</b></div>
                      ))}
                      {by(element.id).slice(0, 12).map((t) => (
                        <div key={t.id} className="tip-row"><i className={`dot ${toneOf(t.status)}`} /><span>{t.title}</span></div>
                      ))}
                      {by(element.id).length > 12 && <div className="tip-row">and {by(element.id).length - 12} more</div>}
                      {!element.properties.length && !by(element.id).length && <div className="tip-row">no threat found here</div>}
                    </>
                  )}
                  {flow && (
                    <>
                      <div className="tip-head">{name.get(flow.from)} {"\u2192"} {name.get(flow.to)}</div>
                      <div className="tip-row"><span>carries</span><b>{flow.label || "not said"}</b></div>
                      <div className="tip-row"><span>protocol</span><b>{flow.protocol ?? "not said"}</b></div>
                      <div className="tip-row"><span>authenticated</span><b>{flow.authenticated}</b></div>
                      <div className="tip-row"><span>encrypted</span><b>{flow.encrypted}</b></div>
                      {flow.crosses && <div className="tip-row">crosses a trust boundary</div>}
                    </>
                  )}
                </div>
              )}
            </div>
            <ul className="legend key">
              <li><svg width="20" height="12" aria-hidden="true"><rect x="1" y="1" width="18" height="10" className="edge" /></svg>outside party</li>
              <li><svg width="20" height="12" aria-hidden="true"><rect x="1" y="1" width="18" height="10" rx="4" className="edge" /></svg>process</li>
              <li><svg width="20" height="12" aria-hidden="true"><path d="M1 1.5h18M1 10.5h18" className="edge heavy" /></svg>store</li>
              <li><svg width="24" height="10" aria-hidden="true"><path d="M1 5h22" className="cross" /></svg>flow across a boundary</li>
              <li><svg width="16" height="14" aria-hidden="true"><circle cx="8" cy="7" r="6.5" className="count" /></svg>number of threats</li>
            </ul>
          </div>
        ) : (
          <p>{d.reason ?? "The system has no elements."}</p>
        )}
        <div className="beside">
          <h3>Where the threats are</h3>
          <Table label="Elements and their threats" className="compact">
            <thead>
              <tr>
                <th scope="col">Element</th>
                <th scope="col">In</th>
                <th scope="col">Threats</th>
              </tr>
            </thead>
            <tbody>
              {[...d.elements].sort((a, b) => by(b.id).length - by(a.id).length).map((e) => (
                <tr key={e.id}>
                  <th scope="row"><bdi>{e.name}</bdi><small>{e.type}</small></th>
                  <td><bdi>{boundary.get(e.boundary ?? "") ?? "\u2013"}</bdi></td>
                  <td className="dots">
                    {by(e.id).length === 0 && <span className="quiet">none found</span>}
                    {by(e.id).map((t) => (
                      <a key={t.id} href={`#t-${t.id}`} title={`${t.title}: ${t.status}`} aria-label={`${t.title}: ${t.status}`}>
                        <i className={`dot ${toneOf(t.status)} ${t.status === "untried" ? "hollow" : ""}`} />
                      </a>
                    ))}
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
        </div>
      </div>
      <details className="data">
        <summary>All {plural(d.flows.length, "flow")}</summary>
        <Table label="Flows">
          <thead>
            <tr><th scope="col">From</th><th scope="col">To</th><th scope="col">Carries</th><th scope="col">Protocol</th><th scope="col">Authenticated</th><th scope="col">Encrypted</th><th scope="col">Crosses a boundary</th></tr>
          </thead>
          <tbody>
            {d.flows.map((f) => (
              <tr key={f.id}>
                <td><bdi>{name.get(f.from)}</bdi></td><td><bdi>{name.get(f.to)}</bdi></td><td><bdi>{f.label || "\u2013"}</bdi></td><td><bdi>{f.protocol ?? "\u2013"}</bdi></td><td>{f.authenticated}</td><td>{f.encrypted}</td><td>{f.crosses ? "yes" : "no"}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      </details>
    </section>
  );
}
