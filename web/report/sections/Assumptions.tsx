/* Every uncertain number with its origin, the one that moves the result most first. */

import { money, number, percent } from "../../shared/format";
import { Table } from "../../shared/Table";
import type { Input, Num, Risk } from "../../shared/types";

const meaning: Record<Input["provenance"], string> = {
  measured: "by a test of this report",
  observed: "counted in operation",
  expert: "somebody's estimate",
  default: "nobody has confirmed it here",
};

export function Assumptions({ risk }: { risk: Risk | null }) {
  const inputs = [...(risk?.inputs ?? [])].sort((a, b) => (b.variance_share ?? -1) - (a.variance_share ?? -1));
  const most = Math.max(0.01, ...inputs.map((i) => i.variance_share ?? 0));
  const show = (i: Input) => (v: Num) => (i.unit === risk?.currency ? money(v, i.unit) : i.unit === "probability" || i.unit === "share" ? percent(v) : number(v));
  return (
    <section id="assumptions" aria-labelledby="assumptions-h">
      <h2 id="assumptions-h">Assumptions</h2>
      {!inputs.length ? (
        <p>Without a scenario there is nothing to assume.</p>
      ) : (
        <>
          <p className="lead">What the expected loss rests on. The bar is the share of its variance that goes away when this one number becomes known.</p>
          <Table label="Assumptions" className="inputs">
            <thead>
              <tr>
                <th scope="col">Number</th>
                <th scope="col" className="num">5&nbsp;% to 95&nbsp;%</th>
                <th scope="col">Where from</th>
                <th scope="col">Share of the variance</th>
              </tr>
            </thead>
            <tbody>
              {inputs.map((i) => (
                <tr key={i.at + i.name}>
                  <th scope="row"><bdi>{i.name}</bdi></th>
                  <td className="num">
                    {i.low === i.high ? show(i)(i.low) : <>{show(i)(i.low)} to {show(i)(i.high)}</>}
                    {i.unit !== risk?.currency && i.unit !== "probability" && i.unit && <small>{i.unit}</small>}
                  </td>
                  <td>
                    <span className={`tag ${i.provenance === "default" ? "odd" : i.provenance === "expert" ? "mute" : "good"}`}>{i.provenance}</span>
                    <small><bdi>{[i.by, i.date, i.source].filter(Boolean).join(", ") || meaning[i.provenance]}</bdi></small>
                  </td>
                  <td className="share">
                    {i.variance_share === null ? <span className="quiet">not computed</span> : (
                      <><i className={i.provenance} style={{ width: `${(62 * i.variance_share) / most}%` }} /> {percent(i.variance_share)}</>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
        </>
      )}
    </section>
  );
}
