/*
 * The page for the board: one sheet of paper, first. What share was tried, what was demonstrated, which guess
 * dominates; then the few figures that matter, what the roadmap buys, what nobody has tried.
 */

import { money, percent, plural, range } from "../../shared/format";
import { Glyph, SeverityMark } from "../../shared/marks";
import { Range } from "../../shared/Range";
import { Term } from "../../shared/Term";
import type { Appetite, Num, Report, Roadmap, Severity, Status } from "../../shared/types";
import { after, judged } from "./shared";

const order: Status[] = ["demonstrated", "inconclusive", "not demonstrated", "controlled", "untried"];
const gravity: Severity[] = ["critical", "high", "medium", "low"];
/* More would not fit on the sheet; the sections behind it hold all. */
const LIMITS = 3;
const STEPS = 4;
const UNTRIED = 5;
const SENTENCES = 4;

/* Sentences of the verdict that say no more than the figures above them. */
const figures = /^(Illustrative:|The expected loss is |Of this, |A year that costs more than |The roadmap: |\d+ (was|were) not tried)/;

type Cash = (v: Num | undefined) => string;

function Tally({ threats }: { threats: Report["result"]["threats"] }) {
  const count = (s: Status) => threats.filter((t) => t.status === s).length;
  const present = order.filter((s) => count(s) > 0);
  if (!present.length) return null;
  return (
    <div className="tally">
      <h3>{plural(threats.length, "threat")} that {threats.length === 1 ? "applies" : "apply"} or may apply</h3>
      <div className="bar" aria-hidden="true">
        {present.map((s) => <i key={s} className={`seg ${s.replace(" ", "-")}`} style={{ flexGrow: count(s) }} />)}
      </div>
      <ul>
        {present.map((s) => (
          <li key={s}><Glyph status={s} /> <b>{count(s)}</b> <Term of={s}>{s}</Term></li>
        ))}
      </ul>
    </div>
  );
}

function Limit({ a, then, cash }: { a: Appetite; then: Appetite | undefined; cash: Cash }) {
  const [tone, word] = judged(a);
  return (
    <tr>
      <th scope="row">more than {cash(a.loss)}<span className={`tag ${tone}`}>{word}</span></th>
      <td className="num"><b className={tone === "good" ? "" : tone}>{percent(a.probability.value)}</b> <small>{range(a.probability, percent)}</small></td>
      <td className="num">{percent(a.allowed)}</td>
      {then && <td className="num"><b>{percent(then.probability.value)}</b></td>}
    </tr>
  );
}

/** The chance to lose more than what is accepted, beside what is accepted. */
function Limits({ appetite, roadmap, cash }: { appetite: Appetite[]; roadmap: Roadmap | null; cash: Cash }) {
  const then = after(roadmap);
  if (!appetite.length) return <p className="quiet">No appetite is declared, so nothing says whether this is too much.</p>;
  const worst = [...appetite].sort((a, b) => (b.probability.value ?? 0) / b.allowed - (a.probability.value ?? 0) / a.allowed).slice(0, LIMITS);
  return (
    <table className="limits" aria-label="Chance to lose more than the appetite allows">
      <thead>
        <tr>
          <th scope="col">A year that costs</th>
          <th scope="col" className="num">has a chance of</th>
          <th scope="col" className="num">accepted</th>
          {then && <th scope="col" className="num">after roadmap</th>}
        </tr>
      </thead>
      <tbody>
        {worst.map((a) => <Limit key={`${a.loss} ${a.allowed}`} a={a} then={then?.appetite.find((b) => b.loss === a.loss && b.allowed === a.allowed)} cash={cash} />)}
      </tbody>
    </table>
  );
}

function Buys({ roadmap: r, cash }: { roadmap: Roadmap | null; cash: Cash }) {
  const then = after(r);
  if (!r || !then) return <p className="quiet">This assessment holds no roadmap.</p>;
  if (!r.steps.length) return <p>{r.no_steps_reason} Doing nothing costs {cash(r.ale_before)} a year.</p>;
  const saved = r.ale_before !== null && then.ale.value !== null ? r.ale_before - then.ale.value : null;
  return (
    <>
      <p>
        {plural(r.steps.length, "control")} for <b>{cash(r.cost)}</b> a year {r.budget !== null && <>(budget {cash(r.budget)}) </>}
        {saved !== null && (saved >= 0 ? <>take <b>{cash(saved)}</b> a year off the expected loss.</> : <>do not lower the expected loss.</>)}
      </p>
      <ol className="steps">
        {r.steps.slice(0, STEPS).map((s) => (
          <li key={s.control}>
            <span><bdi>{s.name}</bdi>{s.quarter && <small>{s.quarter}{s.owner && <>, <bdi>{s.owner}</bdi></>}</small>}</span>
            <b className="num">{cash(s.cost)}</b>
          </li>
        ))}
      </ol>
      {r.steps.length > STEPS && <p><a href="#roadmap">and {r.steps.length - STEPS} more</a></p>}
    </>
  );
}

function Untried({ result }: { result: Report["result"] }) {
  const all = [...result.not_tried].sort((a, b) => gravity.indexOf(a.severity) - gravity.indexOf(b.severity));
  const where = new Map(result.threats.map((t) => [t.id, t.on]));
  if (!all.length) return <p>Every threat that applies was tried.</p>;
  return (
    <>
      <p>No figure covers {all.length === 1 ? "it" : `these ${all.length}`}; {all.length === 1 ? "it is" : "they are"} not known to be harmless.</p>
      <ul className="bare">
        {all.slice(0, UNTRIED).map((t) => (
          <li key={t.threat}><SeverityMark severity={t.severity} short /> <span><a href={`#t-${t.threat}`}>{t.title}</a> <small><bdi>{where.get(t.threat)}</bdi></small></span></li>
        ))}
      </ul>
      {all.length > UNTRIED && <p><a href="#not-tried">and {all.length - UNTRIED} more</a></p>}
    </>
  );
}

export function Executive({ report }: { report: Report }) {
  const { threats, verdict, risk, system } = report.result;
  const roadmap = report.result.roadmap ?? null;
  const currency = risk?.currency ?? system.currency;
  const cash: Cash = (v) => money(v, currency, true);
  const then = after(roadmap);
  const ale = risk && risk.ale.value !== null && risk.scenarios.some((s) => s.quantified) ? risk.ale : null;
  const most = Math.max(ale?.high ?? 0, ale?.value ?? 0, then?.ale.high ?? 0);
  const rest = verdict.slice(1).filter((s) => !figures.test(s));
  const dense = (verdict[0] ?? "").length > 320;

  return (
    <section id="verdict" className={dense ? "exec dense" : "exec"} aria-labelledby="verdict-h">
      <h2 id="verdict-h" className="sr-only">Executive view</h2>
      <p className="verdict"><bdi>{verdict[0]}</bdi></p>
      <div className="board">
        <div className="money">
          <h3><Term of="ALE">Expected loss</Term> a year</h3>
          {ale ? (
            <>
              <p className="big">{cash(ale.value)}</p>
              <p className="sub">90&nbsp;% <Term of="band">band</Term> {range(ale, cash)}</p>
              <div className="spans">
                <span>today</span><Range band={ale} most={most} tone="c0" /><b className="num">{cash(ale.value)}</b>
                {then && roadmap && roadmap.steps.length > 0 && (
                  <><span>after the roadmap</span><Range band={then.ale} most={most} tone="c1" from={ale.value} /><b className="num">{cash(then.ale.value)}</b></>
                )}
              </div>
              <p className="sub">
                {risk?.ale_share_measured !== null && risk ? <>{percent(risk.ale_share_measured)} of it rests on a <Term of="susceptibility">chance of success</Term> that was <Term of="measured">measured</Term>.</> : risk?.ale_share_measured_reason}
                {" "}{percent(risk?.no_loss.value)} of years pass without a loss.
              </p>
            </>
          ) : (
            <p className="quiet">No money was put on a threat, so there is no expected loss.</p>
          )}
        </div>
        <div>
          <h3>Against the <Term of="appetite">appetite</Term></h3>
          {ale && risk ? <Limits appetite={risk.appetite} roadmap={roadmap} cash={cash} /> : <p className="quiet">Without an expected loss nothing can be held against it.</p>}
        </div>
      </div>
      <Tally threats={threats} />
      <div className="board even">
        <div>
          <h3>What the <a href="#roadmap">roadmap</a> buys</h3>
          <Buys roadmap={roadmap} cash={cash} />
        </div>
        <div>
          <h3>What was <a href="#not-tried">not tried</a></h3>
          <Untried result={report.result} />
        </div>
      </div>
      {rest.length > 0 && (
        <div className="said">
          <h3>Also to be said</h3>
          <ul className="points">
            {rest.slice(0, SENTENCES).map((s) => <li key={s}><bdi>{s}</bdi></li>)}
          </ul>
          {rest.length > SENTENCES && (
            <details className="rest">
              <summary>{plural(rest.length - SENTENCES, "further sentence")}</summary>
              <ul className="points">{rest.slice(SENTENCES).map((s) => <li key={s}><bdi>{s}</bdi></li>)}</ul>
            </details>
          )}
        </div>
      )}
    </section>
  );
}
