/* Money: the chance to lose more than x in a year, the scenarios behind it, each control before and after. */

import { Chart, type Line, type Mark } from "../../shared/Chart";
import { label, money, number, percent, plural, range } from "../../shared/format";
import { Table } from "../../shared/Table";
import { Term } from "../../shared/Term";
import type { Control, Interval, Names, Num, Quantified, Report, Risk } from "../../shared/types";
import { after, judged, sentence } from "./shared";
import { Tornado } from "./Tornado";

/** What the interval of the difference allows us to say. */
function wording(c: Control): [string, string] {
  const { low, high, value, adaptive } = c.effect;
  if (low === null || high === null) return ["mute", "no interval"];
  if (low > 0) return adaptive === "not adaptively tested" ? ["odd", "helps, statically"] : ["good", "helps"];
  if (high < 0) return ["bad", c.aware && (c.aware.interval[0] ?? 0) > (c.plain?.interval[0] ?? 0) ? "worked around" : "makes it worse"];
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

function cost(c: Control, cash: (v: Num) => string): string {
  const { low, high } = c.cost_per_year;
  if (low === null || high === null) return "cost not given";
  return low === high ? cash(low) : `${cash(low)} to ${cash(high)}`;
}

function Controls({ result, names, currency }: { result: Report["result"]; names: Names; currency: string }) {
  const cash = (v: Num) => money(v, currency);
  const most = Math.max(1, ...result.controls.flatMap((c) => [c.ale_before ?? 0, c.ale_after ?? 0]));
  const share = (c: Control) => (v: Num) => (c.plain?.unit === "run" ? number(v) : percent(v));
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
                <th scope="row"><bdi>{names.controls[c.id] ?? c.id}</bdi><small>{c.kind} at <bdi>{c.at}</bdi>, {c.state}</small></th>
                <td className="num">
                  <span className="quiet">{show(c.effect.before)}</span> {"\u2192"} <b>{show(c.effect.after)}</b>
                  <small>{label(c.effect.judged ?? "").toLowerCase()}</small>
                </td>
                <td>
                  <Whisker {...c.effect} extent={1} />
                  <small>{c.effect.low === null ? (c.effect.reason ?? "no interval") : `${show(c.effect.value)} (${show(c.effect.low)} to ${show(c.effect.high)})`}</small>
                </td>
                <td className="num">
                  {c.ale_before === null ? <span className="quiet">{c.ale_reason ?? "no scenario"}</span> : <><span className="quiet">{cash(c.ale_before)}</span> {"\u2192"} <b>{cash(c.ale_after)}</b></>}
                  {c.ale_effect.value !== null && <small>saves {cash(c.ale_effect.value)}<br />({range(c.ale_effect, cash)})</small>}
                </td>
                <td>{c.ale_before !== null && <Bars before={c.ale_before} after={c.ale_after} most={most} />}</td>
                <td className="num">{cost(c, cash)}<small>{c.utility_cost === null ? "accuracy cost not measured" : Math.abs(c.utility_cost) < 0.0005 ? "no accuracy" : c.utility_cost < 0 ? `gains ${percent(-c.utility_cost)} accuracy` : `${percent(c.utility_cost)} accuracy`}</small></td>
              </tr>
              <tr className="say">
                <td colSpan={6}>
                  <span className={`tag ${tone}`}>{word}</span> <bdi>{c.sentence}</bdi>{" "}
                  <span className="quiet">
                    {c.effect.adaptive === "not adaptively tested" ? "Not adaptively tested." : <>The attack that knows it: <bdi>{c.effect.adaptive}</bdi>{c.adaptive_why && <>, {c.adaptive_why}</>}.</>}
                  </span>
                </td>
              </tr>
            </tbody>
          );
        })}
      </Table>
    </>
  );
}

/** What qualifies a susceptibility, what was counted, what it means in words, and where a decision turns. */
function spoken(s: Quantified): string[] {
  const counted = s.attempts_updated;
  const lost = s.losses_updated;
  const all = [
    s.expert && `nothing was tried${s.untried ? ` (${s.untried})` : ""}: the chance of success is an expert\u2019s word`,
    s.upper_bound && "upper bound: the attack had more access than the actor",
    s.proxy && "proxy: digital evidence for a printed manipulation",
    !s.measured && !s.upper_bound && !s.proxy && !s.expert && "not measured",
    s.one_shot && "at most once a year",
    ...(s.words ?? []),
    counted && `attempts a year were declared as ${number(counted.declared.value)} and are ${number(counted.posterior.value)} after what was counted`,
    lost && `${number(lost.observed)} losses were counted in ${number(lost.years)} years${lost.used ? `: ${number(lost.before.value)} a year before, ${number(lost.after.value)} after` : ", which changes nothing here"}`,
    s.reversal?.words,
  ];
  return all.filter((x): x is string => typeof x === "string" && x !== "");
}

function Scenarios({ result, names, risk }: { result: Report["result"]; names: Names; risk: Risk }) {
  const cash = (v: Num) => money(v, risk.currency);
  const title = new Map(result.threats.map((t) => [t.id, t.title]));
  const cell = (i: Interval, show: (v: Num) => string) => (
    <td className="num">{show(i.value)}<small>{i.low === i.high ? "" : range(i, show)}</small></td>
  );
  return (
    <Table label="Scenarios" className="scenarios">
      <thead>
        <tr>
          <th scope="col">Scenario</th>
          <th scope="col" className="num">Loss a year</th>
          <th scope="col" className="num">Attempts a year</th>
          <th scope="col" className="num">Worth acting</th>
          <th scope="col" className="num"><Term of="susceptibility">Succeeds</Term></th>
          <th scope="col" className="num">Losses a year</th>
        </tr>
      </thead>
      {risk.scenarios.map((s) => (
        <tbody key={s.id}>
          <tr>
            <th scope="row">
              <bdi>{names.scenarios[s.id] ?? s.id}</bdi>
              <small>{title.has(s.threat) ? <a href={`#t-${s.threat}`}>{title.get(s.threat)}</a> : <bdi>{s.threat}</bdi>}{s.actor && <>; <bdi>{names.actors[s.actor] ?? s.actor}</bdi></>}</small>
            </th>
            {s.quantified ? (
              <>
                {cell(s.ale, cash)}
                {cell(s.attempts_per_year, number)}
                <td className="num">
                  {percent(s.probability_of_action.value)}
                  <small>{s.gain === null ? "gain not given" : `gain ${money(s.gain, risk.currency, true)} assumed`}</small>
                </td>
                <td className="num">
                  {percent(s.susceptibility.value)}
                  <small>{range(s.susceptibility, percent)}</small>
                  <small>{s.expert ? "nothing was tried" : `tried: ${percent(s.susceptibility_tried.value)}`}</small>
                </td>
                <td className="num">{number(s.losses_per_year.value)}<small>{s.rate}</small></td>
              </>
            ) : (
              <td colSpan={5}>No money: <bdi>{s.reason}</bdi></td>
            )}
          </tr>
          {s.quantified && spoken(s).length > 0 && (
            <tr className="say">
              <td colSpan={6}><bdi>{spoken(s).map(sentence).join(" ")}</bdi></td>
            </tr>
          )}
        </tbody>
      ))}
    </Table>
  );
}

/** What a theft costs its maker. */
function Prices({ names, risk }: { names: Names; risk: Risk }) {
  const rows = risk.scenarios.flatMap((s) => (s.quantified ? s.cost_per_copy.map((p) => ({ s, p })) : []));
  if (!rows.length) return null;
  return (
    <>
      <h3>What a theft costs the thief</h3>
      <Table label="Cost of one copy" className="prices">
        <thead><tr><th scope="col">Scenario</th><th scope="col" className="num">Keys</th><th scope="col" className="num">Queries</th><th scope="col" className="num">Price</th><th scope="col" className="num">Days</th>{rows.some(({ p }) => p.gain_over_cost != null) && <th scope="col" className="num">Gain over cost</th>}</tr></thead>
        <tbody>
          {rows.map(({ s, p }) => (
            <tr key={s.id + p.keys}>
              {s.cost_per_copy[0] === p && <th scope="rowgroup" rowSpan={s.cost_per_copy.length}><bdi>{names.scenarios[s.id] ?? s.id}</bdi></th>}
              <td className="num">{p.keys}</td>
              <td className="num">{number(p.queries)}</td>
              <td className="num">{money(p.money, risk.currency)}</td>
              <td className="num">{p.days === null ? "no quota" : number(p.days)}</td>
              {rows.some(({ p: q }) => q.gain_over_cost != null) && <td className="num">{p.gain_over_cost == null ? "\u2013" : `${number(p.gain_over_cost)} times`}</td>}
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}

/** Scenarios that nobody has put money on: when they would matter. */
function BreakEven({ names, risk }: { names: Names; risk: Risk }) {
  if (!risk.break_even.length) return null;
  return (
    <>
      <h3>Without money: when it would matter</h3>
      <Table label="Break-even values" className="prices">
        <thead><tr><th scope="col">Scenario</th><th scope="col" className="num">Losses a year</th><th scope="col">It matters if</th></tr></thead>
        <tbody>
          {risk.break_even.map((b, i) => (
            <tr key={`${b.scenario} ${b.control} ${i}`}>
              <th scope="row"><bdi>{names.scenarios[b.scenario] ?? b.scenario}</bdi></th>
              <td className="num">{number(b.losses_per_year.value)}<small>{range(b.losses_per_year, number)}</small></td>
              <td><bdi>{(b.words ?? b.reason ?? "").replace(/^matters if /, "")}</bdi></td>
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}

export function Loss({ result, names }: { result: Report["result"]; names: Names }) {
  const risk = result.risk;
  const currency = risk?.currency ?? result.system.currency;
  const controls = (
    <>
      <h3>Controls, before and after</h3>
      <Controls result={result} names={names} currency={currency} />
    </>
  );
  if (!risk || risk.ale.value === null || !risk.scenarios.some((s) => s.quantified)) {
    return (
      <section id="loss" aria-labelledby="loss-h">
        <h2 id="loss-h">Expected loss</h2>
        {risk?.scenarios.length ? <><Scenarios result={result} names={names} risk={risk} /><BreakEven names={names} risk={risk} /></> : <p>No scenario puts money on a threat, so no loss was computed. Name one under <code>risk.scenarios</code>.</p>}
        {controls}
      </section>
    );
  }
  const cash = (v: Num | undefined) => money(v, currency, true);
  const points = risk.exceedance.map((e) => ({ x: e.loss, value: e.probability, low: e.low, high: e.high }));
  const then = after(result.roadmap);
  const lines: Line[] = [{ name: "today, with its 90 % band", tone: "c0", points }];
  if (then && then.exceedance.length && result.roadmap?.steps.length)
    lines.push({ name: then.run ? "with the roadmap, run as one" : "with the roadmap, assumed", tone: "c1", dash: then.run ? undefined : "6 4", points: then.exceedance.map((e) => ({ x: e.loss, value: e.probability, low: e.low, high: e.high })) });
  const inside = (x: number) => points.length > 0 && x >= points[0].x && x <= points[points.length - 1].x;
  const marks: Mark[] = risk.appetite.filter((a) => inside(a.loss)).map((a) => ({
    x: a.loss,
    y: a.allowed,
    name: `${percent(a.allowed)} is accepted`,
    tone: judged(a)[0],
  }));
  const floor = 10 ** Math.floor(Math.log10(Math.max(1e-5, Math.min(0.001, ...risk.appetite.map((a) => a.allowed)))));
  const quantile = (p: number) => risk.quantiles.find((q) => q.probability === p)?.value;
  return (
    <section id="loss" aria-labelledby="loss-h">
      <h2 id="loss-h">Expected loss{risk.illustrative && <span className="tag odd head">illustrative</span>}</h2>
      <p className="lead">
        {cash(risk.ale.value)} a year on average; the 90&nbsp;% interval of what is not known goes from {range(risk.ale, cash)}.{" "}
        {risk.words?.length ? <bdi>{risk.words.join(" ")}</bdi> : <>Years differ more than that: half of them stay below {cash(quantile(0.5))}, one in twenty passes {cash(quantile(0.95))}.</>}
        {risk.illustrative && risk.illustrative_because.length > 0 && <> Illustrative, because {plural(risk.illustrative_because.length, "number")} behind it {risk.illustrative_because.length === 1 ? "is a default" : "are defaults"} (<a href="#assumptions">Assumptions</a> names them).</>}
      </p>
      <div className="split wide">
        {points.length < 2 ? <p className="quiet">No curve: no year with a loss was simulated.</p> : <Chart
          title="Chance that a year costs more than this"
          summary={`From ${percent(points[0]?.value ?? null)} at ${cash(points[0]?.x)} to ${percent(points[points.length - 1]?.value ?? null)} at ${cash(points[points.length - 1]?.x)}.`}
          lines={lines}
          marks={marks}
          xLog
          yMax={1}
          yFloor={floor}
          xName="Loss in a year"
          yName="Chance"
          showX={cash}
          showY={percent}
          height={430}
        />}
        <div>
          {risk.appetite.length > 0 && (
            <>
              <h3>Against the appetite</h3>
              <ul className="appetite">
                {risk.appetite.map((a) => (
                  <li key={a.loss}>
                    <span className={`tag ${judged(a)[0]}`}>{judged(a)[1]}</span>
                    <p>More than {cash(a.loss)}: {percent(a.probability.value)} <span className="quiet">({range(a.probability, percent)})</span>; accepted is {percent(a.allowed)}.</p>
                  </li>
                ))}
              </ul>
            </>
          )}
          <h3>Years</h3>
          <dl className="facts">
            <div><dt>without a loss</dt><dd>{percent(risk.no_loss.value)} <small>{range(risk.no_loss, percent)}</small></dd></div>
            {risk.quantiles.map((q) => (
              <div key={q.probability}><dt>{percent(q.probability)} stay below</dt><dd>{cash(q.value)} <small>{range(q, cash)}</small></dd></div>
            ))}
            {risk.tvar?.length ? risk.tvar.map((t) => (
              <div key={t.level}><dt><Term of="TVaR">mean of the worst {percent(1 - t.level)}</Term></dt><dd>{cash(t.value)} <small>{range(t, cash)}</small></dd></div>
            )) : risk.tail_mean_99 !== null && <div><dt>mean of the worst 1&nbsp;%</dt><dd>{cash(risk.tail_mean_99)}</dd></div>}
          </dl>
        </div>
      </div>
      <Tornado risk={risk} />
      <h3>By scenario</h3>
      <Scenarios result={result} names={names} risk={risk} />
      <BreakEven names={names} risk={risk} />
      <Prices names={names} risk={risk} />
      {controls}
      <p className="note">
        {number(risk.draws)} draws of what is not known, {number(risk.years)} years each. Error of the simulation itself in the expected loss: {money(Math.hypot(risk.monte_carlo_error.years ?? 0, risk.monte_carlo_error.draws ?? 0), currency)}.
      </p>
      {risk.warnings.length > 0 && <ul className="note">{risk.warnings.map((w) => <li key={w}><bdi>{w}</bdi></li>)}</ul>}
    </section>
  );
}
