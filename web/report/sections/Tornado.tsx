/* Each number at its low and its high end, one at a time: which guess moves the expected loss. */

import { money, number, percent } from "../../shared/format";
import { Table } from "../../shared/Table";
import { Term } from "../../shared/Term";
import type { Num, Risk } from "../../shared/types";

type Row = NonNullable<Risk["tornado"]>[number];
const MOST = 12;

export function shownInput(unit: string, currency: string): (v: Num) => string {
  return (v) => (unit === currency ? money(v, currency, true) : unit === "probability" ? percent(v) : number(v));
}

export function Tornado({ risk }: { risk: Risk }) {
  const all = (risk.tornado ?? []).filter((t) => t.ale_low !== null && t.ale_high !== null);
  const rows = all.slice(0, MOST);
  const cash = (v: Num) => money(v, risk.currency, true);
  const mean = risk.ale.value ?? 0;
  if (!rows.length) return null;
  const ends = rows.flatMap((t) => [t.ale_low as number, t.ale_high as number]).concat(mean);
  const low = Math.min(...ends);
  const span = Math.max(...ends) - low || 1;
  const x = (v: number) => (100 * (v - low)) / span;
  const values = (t: Row) => {
    const show = shownInput(t.unit, risk.currency);
    return t.low === null || t.high === null ? "as measured" : `${show(t.low)} to ${show(t.high)}${t.unit && t.unit !== risk.currency && t.unit !== "probability" && t.unit !== "1" ? ` ${t.unit}` : ""}`;
  };
  return (
    <>
      <h3><Term of="tornado">What moves the expected loss</Term></h3>
      <p className="lead">Each number alone at the low and at the high end of its range, all others as they are. The line is the expected loss, {cash(risk.ale.value)}.</p>
      <Table label="Inputs that move the expected loss" className="tornado">
        <thead>
          <tr>
            <th scope="col">Number</th>
            <th scope="col">from, to</th>
            <th scope="col" className="num">loss at one end</th>
            <th scope="col"><span className="sr-only">Bar from the lower to the higher expected loss</span></th>
            <th scope="col" className="num left">at the other</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((t) => {
            const [a, b] = [Math.min(t.ale_low as number, t.ale_high as number), Math.max(t.ale_low as number, t.ale_high as number)];
            return (
              <tr key={t.input}>
                <th scope="row"><bdi>{t.input}</bdi><small>{t.provenance}</small></th>
                <td className="nums"><bdi>{values(t)}</bdi></td>
                <td className="num">{cash(a)}</td>
                <td className="bar">
                  <svg width="100%" height="20" aria-hidden="true">
                    <defs>
                      <pattern id="guess" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
                        <rect width="5" height="5" className="ground" />
                        <rect width="2" height="5" className="stripe" />
                      </pattern>
                    </defs>
                    <rect x={`${x(a)}%`} width={`${Math.max(0.4, x(b) - x(a))}%`} y="4" height="12" rx="1" className={`swing ${t.provenance}`} />
                    <line x1={`${x(mean)}%`} x2={`${x(mean)}%`} y1="0" y2="20" className="mean" />
                  </svg>
                </td>
                <td className="num left">{cash(b)}</td>
              </tr>
            );
          })}
        </tbody>
      </Table>
      <ul className="legend key">
        <li><i className="swatch default" />default</li>
        <li><i className="swatch expert" />expert</li>
        <li><i className="swatch measured" />measured or observed</li>
        {all.length > MOST && <li>{all.length - MOST} smaller ones are in report.json</li>}
      </ul>
    </>
  );
}
