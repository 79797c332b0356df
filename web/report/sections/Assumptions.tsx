/* Every uncertain number with its origin, the one that moves the result most first. */

import { money, number, percent, plural } from "../../shared/format";
import { Table } from "../../shared/Table";
import type { Input, Num, Risk } from "../../shared/types";

const meaning: Record<Input["provenance"], string> = {
  measured: "by a test of this report",
  observed: "counted in operation",
  expert: "somebody's estimate",
  default: "nobody has confirmed it here",
};

export function Assumptions({ risk }: { risk: Risk | null }) {
  const share = new Map((risk?.variance_share ?? []).map((v) => [v.input, v.share]));
  const of = (name: string) => share.get(name) ?? null;
  const known = new Set((risk?.numbers ?? []).map((n) => n.name));
  // What was measured has a share too, but may have no row of its own.
  const inputs: Input[] = [
    ...(risk?.numbers ?? []),
    ...(risk?.variance_share ?? []).filter((v) => !known.has(v.input)).map((v) => ({ name: v.input, unit: "", role: "", low: null, high: null, provenance: v.provenance, by: null, date: null, source: null })),
  ].sort((a, b) => (of(b.name) ?? -1) - (of(a.name) ?? -1));
  const most = Math.max(0.01, ...inputs.map((i) => of(i.name) ?? 0));
  const show = (i: Input) => (v: Num) => (i.unit === risk?.currency ? money(v, i.unit) : i.unit === "probability" ? percent(v) : number(v));
  const heavy = (i: Input) => (of(i.name) ?? 0) >= 0.005;
  const table = (rows: Input[], name: string) => (
    <Table label={name} className="inputs">
      <thead>
        <tr>
          <th scope="col">Number</th>
          <th scope="col" className="num">5&nbsp;% to 95&nbsp;%</th>
          <th scope="col">Where from</th>
          <th scope="col">Share of the variance</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((i) => (
          <tr key={i.name + i.role}>
            <th scope="row"><bdi>{i.name}</bdi>{i.role && <small>{i.role}</small>}</th>
            <td className="num">
              {i.low === null ? <span className="quiet">drawn from the evidence</span> : i.low === i.high ? show(i)(i.low) : <>{show(i)(i.low)} to {show(i)(i.high)}</>}
              {i.low !== null && i.unit !== risk?.currency && i.unit !== "probability" && i.unit && <small>{i.unit}</small>}
            </td>
            <td>
              <span className={`tag ${i.provenance === "default" ? "odd" : i.provenance === "expert" ? "mute" : "good"}`}>{i.provenance}</span>
              <small><bdi>{[i.by, i.date, i.source].filter(Boolean).join(", ") || meaning[i.provenance]}</bdi></small>
            </td>
            <td className="share">
              {of(i.name) === null ? <span className="quiet">{"\u2013"}</span> : (
                <><i className={i.provenance} style={{ width: `${(62 * (of(i.name) ?? 0)) / most}%` }} /> {percent(of(i.name))}</>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
  return (
    <section id="assumptions" aria-labelledby="assumptions-h">
      <h2 id="assumptions-h">Assumptions</h2>
      {!inputs.length ? (
        <p>Without a scenario there is nothing to assume.</p>
      ) : (
        <>
          <p className="lead">What the expected loss rests on. The bar is the share of its variance that goes away when this one number becomes known.</p>
          {table(inputs.filter(heavy), "Assumptions")}
          {inputs.some((i) => !heavy(i)) && (
            <details className="rest">
              <summary>{plural(inputs.filter((i) => !heavy(i)).length, "further number")}, each below half a percent or not drawn</summary>
              {table(inputs.filter((i) => !heavy(i)), "Further assumptions")}
            </details>
          )}
        </>
      )}
    </section>
  );
}
