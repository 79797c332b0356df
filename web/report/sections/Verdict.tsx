/* The candid first paragraph, and the five figures behind it. */

import { money, percent, range } from "../../shared/format";
import { Glyph } from "../../shared/marks";
import type { Report, Status } from "../../shared/types";

const order: Status[] = ["demonstrated", "inconclusive", "not demonstrated", "controlled", "untried"];

export function Verdict({ report }: { report: Report }) {
  const { threats, verdict, risk } = report.result;
  const count = (s: Status) => threats.filter((t) => t.status === s).length;
  const present = order.filter((s) => count(s) > 0);
  const money_ = (v: number | null) => money(v, risk?.currency ?? "", true);

  return (
    <section id="verdict" aria-labelledby="verdict-h">
      <h2 id="verdict-h" className="sr-only">Verdict</h2>
      <p className="verdict"><bdi>{verdict[0]}</bdi></p>
      <div className="tally">
        <div className="bar" aria-hidden="true">
          {present.map((s) => (
            <i key={s} className={`seg ${s.replace(" ", "-")}`} style={{ flexGrow: count(s) }} />
          ))}
        </div>
        <ul>
          {present.map((s) => (
            <li key={s}>
              <Glyph status={s} /> <b>{count(s)}</b> {s}
            </li>
          ))}
        </ul>
      </div>
      <div className="columns">
        <ul className="points">
          {verdict.slice(1).map((s) => (
            <li key={s}><bdi>{s}</bdi></li>
          ))}
        </ul>
        {risk && risk.ale.value !== null && (
          <dl className="figures">
            <div>
              <dt>Expected loss a year</dt>
              <dd>{money_(risk.ale.value)}</dd>
              <dd className="sub">90&nbsp;% interval {range(risk.ale, money_)}</dd>
            </div>
            <div>
              <dt>A year without loss</dt>
              <dd>{percent(risk.no_loss.value)}</dd>
              <dd className="sub">{range(risk.no_loss, percent)}</dd>
            </div>
            <div>
              <dt>Rests on measured success</dt>
              <dd>{percent(risk.ale_share_measured)}</dd>
              <dd className="sub">{risk.ale_share_measured === null ? (risk.ale_share_measured_reason ?? "") : "of the expected loss"}</dd>
            </div>
          </dl>
        )}
      </div>
      {report.warnings.length > 0 && (
        <div className="warnings" role="note" aria-label="Warnings">
          {report.warnings.map((w) => (
            <p key={w}><bdi>{w}</bdi></p>
          ))}
        </div>
      )}
    </section>
  );
}
