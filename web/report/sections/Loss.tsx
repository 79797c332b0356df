/* Money: the chance to lose more than x in a year, the scenarios behind it, each control before and after. */

import { Chart, type Mark } from "../../shared/Chart";
import { label, money, number, percent, range } from "../../shared/format";
import { Table } from "../../shared/Table";
import type { Control, Interval, Num, Report, Risk } from "../../shared/types";

/** What the interval of the difference allows us to say. */
function wording(c: Control): [string, string] {
  const { low, high, value, adaptive } = c.effect;
  if (low === null || high === null) return ["mute", "no interval"];
  if (low > 0) return adaptive === "not adaptively tested" ? ["odd", "helps, statically"] : ["good", "helps"];
  if (high < 0) return ["bad", "makes it worse"];
  return value !== null && Math.abs(value) < 0.005 ? ["bad", "does nothing"] : ["mute", "no effect shown"];
}

/** Difference as a point with its interval on a line from -1 to 1, zero marked. */
function Whisker({ value, low, high, extent }: { value: Num; low: Num; high: Num; extent: number }) {
  if (value === null || low === null || high === null) return null;
  const x = (v: number) => 70 + (66 * Math.max(-1, Math.min(1, v / extent)));
  return (
    <svg className="whisker" width="140" height="16" viewBox="0 0 140 16" aria-hidden="true">
      <path d="M4 8h132" className="rail" />
      <path d="M70 1v14" className="zero" />
      <path d={`M${x(low)} 8H${x(high)}`} className="span" />
      <circle cx={x(value)} cy="8" r="3.6" />
    </svg>
  );
}

function Bars({ before, after, most }: { before: Num; after: Num; most: number }) {
  const w = (v: Num) => Math.max(1.5, (150 * (v ?? 0)) / most);
  return (
    <svg className="bars" width="152" height="19" viewBox="0 0 152 19" aria-hidden="true">
      <rect x="0" y="1" width={w(before)} height="7" rx="1" className="before" />
      <rect x="0" y="11" width={w(after)} height="7" rx="1" className="after" />
    </svg>
  );
}

function Controls({ result, risk }: { result: Report["result"]; risk: Risk }) {
  const cash = (v: Num) => money(v, risk.currency);
  const most = Math.max(1, ...result.controls.flatMap((c) => [c.ale_before ?? 0, c.ale_after ?? 0]));
  const share = (c: Control) => (v: Num) => (c.effect.judged === "utility" ? number(v) : percent(v));
  if (!result.controls.length) return <p className="quiet">No control touches a test that was run.</p>;
  return (
    <>
      <p className="lead">
        Each control was switched on and the same test run again, by the attack that knows the control where one exists; the worse result counts. Positive
        differences mean that the control helps.
      </p>
      <Table label="Controls before and after" className="controls">
        <thead>
          <tr>
            <th scope="col">Control</th>
            <th scope="col" className="num">Attack reaches</th>
            <th scope="col">Difference, 95&nbsp;% interval</th>
            <th scope="col" className="num">Loss a year</th>
            <th scope="col"><span className="sr-only">Loss before and after as bars</span></th>
            <th scope="col" className="num">It costs</th>
          </tr>
        </thead>
        {result.controls.map((c) => {
          const [tone, word] = wording(c);
          const show = share(c);
          return (
            <tbody key={`${c.id} ${c.test}`}>
              <tr>
                <th scope="row"><bdi>{c.id}</bdi><small>{c.kind} at <bdi>{c.at}</bdi>, {c.state}</small></th>
                <td className="num">
                  <span className="quiet">{show(c.effect.before)}</span> {"\u2192"} <b>{show(c.effect.after)}</b>
                  <small>{label(c.effect.judged ?? "").toLowerCase()}</small>
                </td>
                <td>
                  <Whisker {...c.effect} extent={1} />
                  <small>{c.effect.low === null ? (c.effect.reason ?? "no interval") : `${show(c.effect.value)} (${show(c.effect.low)} to ${show(c.effect.high)})`}</small>
                </td>
                <td className="num">
                  {c.ale_before === null ? <span className="quiet">no scenario</span> : <><span className="quiet">{cash(c.ale_before)}</span> {"\u2192"} <b>{cash(c.ale_after)}</b></>}
                  {c.ale_effect.value !== null && <small>saves {cash(c.ale_effect.value)}<br />({range(c.ale_effect, cash)})</small>}
                </td>
                <td>{c.ale_before !== null && <Bars before={c.ale_before} after={c.ale_after} most={most} />}</td>
                <td className="num">{cash(c.cost_per_year)}<small>{c.utility_cost === null ? "accuracy cost not measured" : c.utility_cost === 0 ? "no accuracy" : `${percent(c.utility_cost)} accuracy`}</small></td>
              </tr>
              <tr className="say">
                <td colSpan={6}><span className={`tag ${tone}`}>{word}</span> <bdi>{c.sentence}</bdi> <span className="quiet">Control-aware attack: <bdi>{c.effect.adaptive}</bdi>{c.adaptive_why && <> ({c.adaptive_why})</>}.</span></td>
              </tr>
            </tbody>
          );
        })}
      </Table>
    </>
  );
}

function Scenarios({ result, risk }: { result: Report["result"]; risk: Risk }) {
  const cash = (v: Num) => money(v, risk.currency);
  const title = new Map(result.threats.map((t) => [t.id, t.title]));
  const cell = (i: Interval, show: (v: Num) => string) => (
    <td className="num">{show(i.value)}<small>{range(i, show)}</small></td>
  );
  return (
    <Table label="Scenarios" className="scenarios">
      <thead>
        <tr>
          <th scope="col">Scenario</th>
          <th scope="col" className="num">Loss a year</th>
          <th scope="col" className="num">Campaigns a year</th>
          <th scope="col" className="num">Worth acting</th>
          <th scope="col" className="num">Succeeds</th>
          <th scope="col" className="num">Loss each</th>
        </tr>
      </thead>
      <tbody>
        {risk.scenarios.map((s) => (
          <tr key={s.id}>
            <th scope="row">
              <bdi>{s.name}</bdi>
              <small>{title.get(s.threat) ?? s.threat}; actor <bdi>{s.actor}</bdi>{s.manipulation && <>, {s.manipulation}</>}</small>
              {s.implied && <small>{s.implied}</small>}
            </th>
            {cell(s.ale, cash)}
            {cell(s.attempts, number)}
            {cell(s.p_action, percent)}
            <td className="num">
              {percent(s.susceptibility.value)}
              <small>{range(s.susceptibility, percent)}</small>
              <small>{s.measured ? `tried: ${percent(s.susceptibility_tried.value)}` : "a guess, not measured"}</small>
            </td>
            {cell(s.loss_given, cash)}
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

export function Loss({ result }: { result: Report["result"] }) {
  const risk = result.risk;
  if (!risk || !risk.scenarios.length) {
    return (
      <section id="loss" aria-labelledby="loss-h">
        <h2 id="loss-h">Expected loss</h2>
        <p>No scenario puts money on a threat, so no loss was computed. Name one under <code>risk.scenarios</code>.</p>
        {risk && result.controls.length > 0 && <><h3>Controls, before and after</h3><Controls result={result} risk={risk} /></>}
      </section>
    );
  }
  const cash = (v: Num | undefined) => money(v, risk.currency, true);
  const points = risk.exceedance.map((e) => ({ x: e.loss, value: e.p, low: e.low, high: e.high }));
  const inside = (x: number) => points.length > 0 && x >= points[0].x && x <= points[points.length - 1].x;
  const marks: Mark[] = risk.appetite.filter((a) => inside(a.loss)).map((a) => ({
    x: a.loss,
    y: a.probability,
    name: `appetite ${percent(a.probability)} at ${cash(a.loss)}`,
    tone: a.exceeded === "yes" ? "bad" : a.exceeded === "no" ? "good" : "odd",
  }));
  const top = Math.min(1, Math.max(0.1, Math.ceil(10 * Math.max(0, ...points.map((p) => p.high ?? p.value ?? 0))) / 10));
  return (
    <section id="loss" aria-labelledby="loss-h">
      <h2 id="loss-h">Expected loss{risk.illustrative && <span className="tag odd head">illustrative</span>}</h2>
      <p className="lead">
        {cash(risk.ale.value)} a year on average; the 90&nbsp;% interval of what is not known goes from {range(risk.ale, cash)}. Years differ far more than that: half of
        them stay below {cash(risk.quantiles.find((q) => q.q === 0.5)?.value)}, one in twenty passes {cash(risk.quantiles.find((q) => q.q === 0.95)?.value)}.
      </p>
      <div className="split wide">
        <Chart
          title="Chance that a year costs more than this"
          summary={`From ${percent(points[0]?.value ?? null)} at ${cash(points[0]?.x)} to ${percent(points[points.length - 1]?.value ?? null)} at ${cash(points[points.length - 1]?.x)}.`}
          lines={[{ name: "chance, with 90 % band", tone: "c0", points }]}
          marks={marks}
          xLog
          yMax={top}
          xName="Loss in a year"
          yName="Chance"
          showX={cash}
          showY={percent}
          height={340}
        />
        <div>
          {risk.appetite.length > 0 && (
            <>
              <h3>Against the appetite</h3>
              <ul className="appetite">
                {risk.appetite.map((a) => (
                  <li key={a.loss}>
                    <span className={`tag ${a.exceeded === "yes" ? "bad" : a.exceeded === "no" ? "good" : "odd"}`}>{a.exceeded === "yes" ? "exceeded" : a.exceeded === "no" ? "within" : "unclear"}</span>
                    <p>{cash(a.loss)} or more: {percent(a.actual.value)} <span className="quiet">({range(a.actual, percent)})</span>; accepted is {percent(a.probability)}.</p>
                  </li>
                ))}
              </ul>
            </>
          )}
          <h3>Years</h3>
          <dl className="facts">
            <div><dt>without a loss</dt><dd>{percent(risk.p_no_loss.value)} <small>{range(risk.p_no_loss, percent)}</small></dd></div>
            {risk.quantiles.map((q) => (
              <div key={q.q}><dt>{percent(q.q)} stay below</dt><dd>{cash(q.value)} <small>{range(q, cash)}</small></dd></div>
            ))}
          </dl>
        </div>
      </div>
      <h3>By scenario</h3>
      <Scenarios result={result} risk={risk} />
      <h3>Controls, before and after</h3>
      <Controls result={result} risk={risk} />
      <p className="note">
        {number(risk.draws)} draws of what is not known, {number(risk.years)} simulated years in all. Error of the simulation itself: {risk.mc_error === null ? "not known" : `${money(risk.mc_error, risk.currency)} in the expected loss`}.
      </p>
    </section>
  );
}
