/* Which controls, in what order, for which money: what each step leaves, and what would turn the choice. */

import { Chart, type Line } from "../../shared/Chart";
import { money, number, percent, plural, range } from "../../shared/format";
import { Range } from "../../shared/Range";
import { Table } from "../../shared/Table";
import { Term } from "../../shared/Term";
import type { Num, Report, Reversal, Risk, Roadmap as Plan, RoadmapStep } from "../../shared/types";
import { after, flags, judged, sentence } from "./shared";

const parts: [string, string][] = [["declared", "declared"], ["license", "license"], ["people", "people"], ["latency", "latency"], ["false_blocks", "false blocks"], ["accuracy", "accuracy"]];
/* More lines than this cannot be told apart. */
const CURVES = 6;

function Turn({ r }: { r: Reversal | null | undefined }) {
  return r?.words ? <bdi>{sentence(r.words)}</bdi> : <>No number within its range turns this.</>;
}

function Parts({ step, cash }: { step: RoadmapStep; cash: (v: Num) => string }) {
  const known = parts.filter(([k]) => step.cost_parts?.[k] !== null && step.cost_parts?.[k] !== undefined && step.cost_parts[k] !== 0);
  const open = parts.filter(([k]) => step.cost_parts?.[k] === null || step.cost_parts?.[k] === undefined).map(([, w]) => w);
  return (
    <>
      {known.length > 0 && <>Cost: {known.map(([k, w], i) => <span key={k}>{i > 0 && ", "}{w} {cash(step.cost_parts[k])}</span>)}. </>}
      {open.length > 0 && <span className="quiet">Not given or not measured: {open.join(", ")}. </span>}
    </>
  );
}

/** Curves after each step; with many steps only the first ones and the last. */
function Residuals({ plan, risk }: { plan: Plan; risk: Risk }) {
  const cash = (v: Num | undefined) => money(v, plan.currency, true);
  const points = (e: Plan["steps"][0]["exceedance"]) => e.map((p) => ({ x: p.loss, value: p.probability, low: null, high: null }));
  const then = after(plan);
  const kept = plan.steps.length > CURVES ? [...plan.steps.slice(0, CURVES - 1), plan.steps[plan.steps.length - 1]] : plan.steps;
  const lines: Line[] = [{ name: "today", tone: "c0", points: risk.exceedance.map((e) => ({ x: e.loss, value: e.probability, low: e.low, high: e.high })) }];
  kept.forEach((s, i) => {
    const n = plan.steps.indexOf(s) + 1;
    const last = i === kept.length - 1 && !then?.run;
    if (s.exceedance.length) lines.push({ name: `after step ${n}`, tone: last ? "c1" : "c4", dash: last ? undefined : ["7 3", "4 3", "2 3", "1 3", "9 3 2 3"][i % 5], points: points(s.exceedance) });
  });
  if (then?.run && then.exceedance.length) lines.push({ name: "all of it, run as one", tone: "c1", points: then.exceedance.map((e) => ({ x: e.loss, value: e.probability, low: e.low, high: e.high })) });
  if (lines.length < 2 || !risk.exceedance.length) return null;
  const allowed = risk.appetite.map((a) => a.allowed);
  const [x0, x1] = [risk.exceedance[0].loss, risk.exceedance[risk.exceedance.length - 1].loss];
  return (
    <Chart
      title="Chance that a year costs more than this, step by step"
      summary={`Today, and after ${plural(plan.steps.length, "step")}; expected loss from ${cash(plan.ale_before)} to ${cash(then?.ale.value)}.`}
      lines={lines}
      marks={risk.appetite.filter((a) => a.loss >= x0 && a.loss <= x1).map((a) => ({ x: a.loss, y: a.allowed, name: `${percent(a.allowed)} is accepted`, tone: "ink" }))}
      xLog
      yMax={1}
      yFloor={10 ** Math.floor(Math.log10(Math.max(1e-5, Math.min(0.001, ...allowed))))}
      xName="Loss in a year"
      yName="Chance"
      showX={cash}
      showY={percent}
      height={330}
    />
  );
}

function Steps({ plan, most, names }: { plan: Plan; most: number; names: Map<string, string> }) {
  const cash = (v: Num) => money(v, plan.currency);
  const about = (v: Num) => money(v, plan.currency, true);
  const then = after(plan);
  return (
    <Table label="Roadmap" className="roadmap">
      <thead>
        <tr>
          <th scope="col">Step</th>
          <th scope="col">When and who</th>
          <th scope="col" className="num">Costs a year</th>
          <th scope="col">Expected loss after it</th>
          <th scope="col" className="num"><Term of="net benefit">Net benefit</Term></th>
          <th scope="col" className="num"><Term of="P in best set">In the best set</Term></th>
          <th scope="col" className="num"><Term of="re-test">Re-test by</Term></th>
        </tr>
      </thead>
      <tbody>
        <tr className="base">
          <th scope="row">Do nothing</th>
          <td><span className="quiet">{"\u2013"}</span></td>
          <td className="num">{cash(0)}</td>
          <td className="loss"><Range band={plan.ale_before_band} most={most} tone="c0" /><b>{cash(plan.ale_before)}</b> <small>{range(plan.ale_before_band, about)}</small></td>
          <td colSpan={3} />
        </tr>
      </tbody>
      {plan.steps.map((s, i) => (
        <tbody key={s.control}>
          <tr>
            <th scope="row"><span className="n">{i + 1}</span><bdi>{s.name}</bdi><small>{s.kind}{s.at && <> at <bdi>{s.at}</bdi></>}</small></th>
            <td>
              {s.quarter ?? "no quarter"}
              <small>{s.owner ? <bdi>{s.owner}</bdi> : <span className="odd">no owner</span>}{s.effort_days !== null && <>, {plural(Number(number(s.effort_days).replaceAll(",", "")), "day")} of work</>}</small>
            </td>
            <td className="num">{cash(s.cost)}<small>{range(s.cost_band, about)}</small></td>
            <td className="loss"><Range band={s.ale_after_band} most={most} tone={s.assumed ? "c4" : "c1"} from={plan.ale_before} /><b>{cash(s.ale_after)}</b> <small>{range(s.ale_after_band, about)}</small></td>
            <td className="num">{cash(s.net.value)}<small>{range(s.net, about)}</small></td>
            <td className="num">{percent(s.p_in_best_set)}</td>
            <td className={s.retest && s.retest.length > 12 ? "num" : "num nowrap"}>{s.retest ?? "\u2013"}</td>
          </tr>
          <tr className="say">
            <td colSpan={7}>
              {flags(s).map((f) => <span key={f} className="tag odd">{f}</span>)}{flags(s).length > 0 && " "}
              <Turn r={s.reversal} /> <Parts step={s} cash={cash} />
              {s.requires.length > 0 && <span className="quiet">Needs first: <bdi>{s.requires.map((id) => names.get(id) ?? id).join(", ")}</bdi>.</span>}
            </td>
          </tr>
        </tbody>
      ))}
      {plan.steps.length > 0 && (
        <tbody>
          <tr className="base">
            <th scope="row">All of it{then?.run ? ", run as one" : ""}</th>
            <td />
            <td className="num"><b>{cash(plan.cost)}</b><small>{range(plan.cost_band, about)}</small></td>
            <td className="loss">{then && <><Range band={then.ale} most={most} tone="c1" from={plan.ale_before} /><b>{cash(then.ale.value)}</b> <small>{range(then.ale, about)}</small></>}</td>
            <td className="num">{then && plan.ale_before !== null && then.ale.value !== null && plan.cost !== null && cash(plan.ale_before - then.ale.value - plan.cost)}</td>
            <td colSpan={2} />
          </tr>
        </tbody>
      )}
      {plan.rows.filter((r) => r.kind === "accept").map((r) => (
        <tbody key={r.threat}>
          <tr className="base">
            <th scope="row">Accept: <a href={`#t-${r.threat}`}><bdi>{r.threat}</bdi></a></th>
            <td>{r.until && <span className="nowrap">until {r.until}</span>}{r.by && <small>by <bdi>{r.by}</bdi></small>}</td>
            <td className="num">{cash(0)}</td>
            <td className="loss"><Range band={r.ale_band} most={most} tone="c4" />{r.ale !== null ? <b>{cash(r.ale)}</b> : <span className="quiet">no money on it</span>} {r.ale !== null && <small>{range(r.ale_band, about)} stays because of it</small>}</td>
            <td colSpan={3} />
          </tr>
        </tbody>
      ))}
    </Table>
  );
}

function LeftOut({ plan }: { plan: Plan }) {
  if (!plan.left_out.length) return null;
  const rows = (
    <Table label="Controls that are not in the roadmap">
      <thead><tr><th scope="col">Control</th><th scope="col">Why not</th><th scope="col" className="num">In the best set</th><th scope="col">What would bring it in</th></tr></thead>
      <tbody>
        {plan.left_out.map((c) => (
          <tr key={c.control}>
            <th scope="row"><bdi>{c.name}</bdi></th>
            <td><bdi>{c.reason}</bdi></td>
            <td className="num">{c.p_in_best_set === null ? <span className="quiet">no candidate</span> : percent(c.p_in_best_set)}</td>
            <td>{c.reversal?.words ? <bdi>{c.reversal.words}</bdi> : <span className="quiet">{c.p_in_best_set === null ? "a measurement" : "nothing within the ranges given"}</span>}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
  return (
    <>
      <h3>Left out</h3>
      {plan.left_out.length <= 12 ? rows : <details className="rest"><summary>{plural(plan.left_out.length, "control")} that the roadmap does not hold, each with the reason</summary>{rows}</details>}
      {(plan.left_out_more ?? 0) > 0 && <p className="note">And {plural(plan.left_out_more ?? 0, "more control")} that no test touches or that saves nothing.</p>}
    </>
  );
}

export function Roadmap({ result }: { result: Report["result"] }) {
  const plan = result.roadmap;
  const risk = result.risk;
  const then = after(plan);
  if (!plan) {
    return (
      <section id="roadmap" aria-labelledby="roadmap-h">
        <h2 id="roadmap-h">Roadmap</h2>
        <p>This assessment holds no roadmap. One needs money on at least one threat (<code>risk.scenarios</code>) and proposed controls (<code>controls</code>, state <code>proposed</code>).</p>
      </section>
    );
  }
  const cash = (v: Num | undefined) => money(v, plan.currency, true);
  const most = Math.max(1, plan.ale_before_band.high ?? 0, plan.ale_before ?? 0, ...plan.steps.map((s) => s.ale_after_band.high ?? 0));
  const names = new Map([...plan.steps.map((s) => [s.control, s.name] as const), ...plan.left_out.map((s) => [s.control, s.name] as const)]);
  const nothing = !plan.steps.length;
  return (
    <section id="roadmap" aria-labelledby="roadmap-h">
      <h2 id="roadmap-h">Roadmap{risk?.illustrative && <span className="tag odd head">illustrative</span>}</h2>
      <p className="lead">
        {nothing ? (
          <>No proposed control is worth what it costs{plan.budget !== null && <> within {cash(plan.budget)} a year</>}. Doing nothing leaves an expected loss of {cash(plan.ale_before)} a year.</>
        ) : (
          <>
            {plural(plan.steps.length, "control")} for {cash(plan.cost)} a year{plan.budget !== null && <> of a budget of {cash(plan.budget)}</>} take the expected loss from {cash(plan.ale_before)} to {cash(then?.ale.value)} a year
            {then?.run ? <>, measured by running them together.</> : <>. Together they were not run: <bdi>{plan.combined_reason ?? "no reason given"}</bdi>.</>}
          </>
        )}{" "}
        The order is by {plan.measure === "tvar" ? <>the drop in <Term of="TVaR">tail loss</Term></> : <>the drop in expected loss</>}, less the cost. <bdi>{sentence(plan.method_words)}</bdi>
      </p>
      {plan.appetite_warning && <p className="caution" role="note"><bdi>{sentence(plan.appetite_warning)}</bdi></p>}
      {!nothing && risk && (
        <div className="split wide">
          <Residuals plan={plan} risk={risk} />
          <div>
            {then && then.appetite.length > 0 && (
              <>
                <h3>Against the appetite, then</h3>
                <ul className="appetite">
                  {then.appetite.map((a) => (
                    <li key={a.loss}>
                      <span className={`tag ${judged(a)[0]}`}>{judged(a)[1]}</span>
                      <p>More than {cash(a.loss)}: {percent(a.probability.value)} <span className="quiet">({range(a.probability, percent)})</span>; accepted is {percent(a.allowed)}.</p>
                    </li>
                  ))}
                </ul>
              </>
            )}
            <dl className="facts">
              <div><dt><Term of="TVaR">Mean of the worst 5&nbsp;%</Term> today</dt><dd>{cash(plan.tvar_before.value)} <small>{range(plan.tvar_before, cash)}</small></dd></div>
              <div><dt>after the roadmap</dt><dd>{cash(plan.tvar_after.value)} <small>{range(plan.tvar_after, cash)}</small></dd></div>
            </dl>
          </div>
        </div>
      )}
      <Steps plan={plan} most={most} names={names} />
      <LeftOut plan={plan} />
      <p className="note">
        A step marked <Term of="assumed">assumed</Term> shares a threat with another one; the better single effect counts until the set is run as one. A mark {"\u201c"}static{"\u201d"} means that no attack which knows the control was run.
      </p>
    </section>
  );
}
