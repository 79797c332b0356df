/* The stages of a model's life: what threatens each, what was tried there, what stands against it. */

import { money, percent } from "../../shared/format";
import { Table } from "../../shared/Table";
import { Term } from "../../shared/Term";
import type { Report, Stage, StageControl } from "../../shared/types";

function Controls({ list }: { list: StageControl[] }) {
  if (!list.length) return <span className="quiet">{"\u2013"}</span>;
  return (
    <ul className="bare">
      {list.map((c) => (
        <li key={c.id} className={`ctl ${c.state}`}>
          <bdi>{c.name}</bdi> <small>{c.kind === c.name ? "" : `${c.kind}, `}{c.state}</small>
        </li>
      ))}
    </ul>
  );
}

/** Of the threats: how many were tried, and of those how many came out. */
function Share({ s }: { s: Stage }) {
  const w = (n: number) => `${(100 * n) / Math.max(1, s.threats)}%`;
  if (!s.threats) return null;
  return (
    <span className="share3" aria-hidden="true">
      <i className="tried" style={{ width: w(s.tried) }} />
      <i className="shown" style={{ width: w(s.demonstrated) }} />
    </span>
  );
}

export function Stages({ result }: { result: Report["result"] }) {
  const stages = result.stages ?? [];
  const currency = result.risk?.currency ?? result.system.currency;
  const most = Math.max(0, ...stages.map((s) => s.expected_loss ?? 0));
  const sum = stages.reduce((t, s) => t + (s.expected_loss ?? 0), 0);
  if (!stages.length) return null;
  return (
    <section id="stages" aria-labelledby="stages-h">
      <h2 id="stages-h">Stages of the life cycle</h2>
      <p className="lead">Where in the model{"\u2019"}s life the threats lie, where they were tried, and what prevents, detects or answers them.</p>
      {result.stage_warning && <p className="caution" role="note"><bdi>{result.stage_warning}</bdi></p>}
      <Table label="Stages: threats and controls" className="stages">
        <thead>
          <tr>
            <th scope="col">Stage</th>
            <th scope="col" className="num">Threats</th>
            <th scope="col" className="num">Tried</th>
            <th scope="col" className="num"><Term of="demonstrated">Demonstrated</Term></th>
            <th scope="col" className="num">Expected loss</th>
            <th scope="col">Prevent</th>
            <th scope="col">Detect</th>
            <th scope="col">Respond</th>
          </tr>
        </thead>
        <tbody>
          {stages.map((s) => (
            <tr key={s.stage} className={s.threats > 0 && s.tried === 0 ? "blank" : ""}>
              <th scope="row">{s.stage}<Share s={s} /></th>
              <td className="num">{s.threats}</td>
              <td className="num">{s.tried}</td>
              <td className="num">{s.demonstrated > 0 ? <b className="bad">{s.demonstrated}</b> : s.demonstrated}</td>
              <td className="num money">
                {s.expected_loss !== null ? (
                  <>{money(s.expected_loss, currency, true)}{most > 0 && <i className="mini" style={{ width: `${(100 * s.expected_loss) / most}%` }} aria-hidden="true" />}<small>{sum > 0 ? percent(s.expected_loss / sum) : ""}</small></>
                ) : (
                  <small><bdi>{s.threats ? (s.expected_loss_reason ?? "no scenario") : "\u2013"}</bdi></small>
                )}
              </td>
              <td><Controls list={s.controls.prevent} /></td>
              <td><Controls list={s.controls.detect} /></td>
              <td><Controls list={s.controls.respond} /></td>
            </tr>
          ))}
        </tbody>
      </Table>
    </section>
  );
}
