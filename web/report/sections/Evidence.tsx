/* Test by test: what was tried, what it reached, with which means; curves and pictures. */

import { Chart, type Line } from "../../shared/Chart";
import { label, number, percent, plural, range, whole } from "../../shared/format";
import { StatusMark } from "../../shared/marks";
import type { Curve, Measured, Num, Pictures, Report, Test } from "../../shared/types";

const primary = ["success", "robust_accuracy", "fidelity", "utility", "accuracy"];
const shares = new Set(["median_distance"]);

/** The curve to draw: success of an evasion is turned into what is left of the accuracy. */
function main(m: Measured | null): Curve | null {
  if (!m) return null;
  const found = primary.map((p) => m.curves.find((c) => c.metric === p)).find(Boolean) ?? m.curves[0];
  if (!found) return null;
  if (found.metric !== "success") return found;
  const left = (v: Num) => (v === null ? null : 1 - v);
  return { ...found, metric: "robust_accuracy", points: found.points.map((p) => ({ x: p.x, value: left(p.value), low: left(p.high), high: left(p.low) })) };
}

function Curves({ test, result }: { test: Test; result: Report["result"] }) {
  const curve = main(test);
  if (!curve || curve.points.length < 2) return null;
  const baseline = test.curves.find((c) => c.metric === `baseline_${curve.metric}`);
  const lines: Line[] = [{ name: "as it is", tone: test.unit === "run" ? "c1" : "c0", points: curve.points }];
  result.controls
    .filter((c) => c.test === test.id)
    .forEach((c, i) => {
      const worse = main(c.aware ?? c.plain);
      if (worse && worse.metric === curve.metric) lines.push({ name: `with ${c.id}`, tone: i === 0 ? "c2" : "c3", dashed: i > 0, points: worse.points });
    });
  if (baseline) lines.push({ name: "without a single query", tone: "c4", dashed: true, points: baseline.points });
  const last = curve.points[curve.points.length - 1];
  return (
    <Chart
      title={`${label(curve.metric)} against ${label(curve.budget).toLowerCase()}`}
      summary={`It starts at ${percent(curve.points[0].value)} and ends at ${percent(last.value)} at ${number(last.x)}.`}
      lines={lines}
      level={test.judged === curve.metric && test.criterion !== null ? { y: test.criterion, name: `criterion ${number(test.criterion)}` } : undefined}
      xName={label(curve.budget)}
      yName={label(curve.metric)}
      showX={number}
      showY={percent}
    />
  );
}

function Strip({ set }: { set: Pictures }) {
  const rows = [
    ["Original", "original"],
    ["Adversarial", "adversarial"],
    ["Difference", "difference"],
  ] as const;
  return (
    <figure className="strip">
      <figcaption><strong>What the change looks like</strong> <span className="quiet">{set.note}</span></figcaption>
      <div className="scroll">
        <table aria-label="Original, adversarial and difference pictures">
          <thead>
            <tr>
              <td />
              {set.items.map((p) => (
                <th key={p.row} scope="col"><bdi>{p.before}</bdi> {"\u2192"} <b><bdi>{p.after}</bdi></b></th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, key]) => (
              <tr key={key}>
                <th scope="row">{name}</th>
                {set.items.map((p) => (
                  <td key={p.row}>
                    <img src={p[key].startsWith("data:image/png;base64,") ? p[key] : ""} width="84" height="84" alt={`${name} of example ${p.row}${key === "original" ? `, taken as ${p.before}` : key === "adversarial" ? `, taken as ${p.after}` : ""}`} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}

function Metric({ name, v }: { name: string; v: { value: Num; low: Num; high: Num; reason?: string | null } }) {
  const show = shares.has(name) || (v.value !== null && v.value > 1) ? (x: Num) => number(x) : percent;
  return (
    <div>
      <dt>{label(name)}</dt>
      <dd>{v.value === null ? (v.reason ?? "not measured") : show(v.value)}{v.low !== null && v.high !== null && <small> {range(v, show)}</small>}</dd>
    </div>
  );
}

function One({ test, result, pictures }: { test: Test; result: Report["result"]; pictures: Pictures[] }) {
  const threat = result.threats.find((t) => t.id === test.threat);
  const set = pictures.find((p) => p.test === test.id && p.items.length > 0);
  if (!test.outcome) {
    return (
      <article className="evidence">
        <h4><code>{test.id}</code></h4>
        <p>Not run: <bdi>{test.reason ?? "no reason given"}</bdi>.</p>
      </article>
    );
  }
  const share = test.unit === "example";
  return (
    <article className="evidence" aria-label={`Evidence of ${test.id}`}>
      <header>
        <h4>{threat?.title ?? test.threat}</h4>
        <StatusMark status={test.outcome} />
      </header>
      <p>
        <b>{test.attack}</b>{test.actor && <>, by <bdi>{test.actor}</bdi></>}{test.access.length > 0 && <> with access to {test.access.join(", ")}</>},{" "}
        {share ? <>succeeded on {whole(test.successes)} of {plural(test.n, "example")}</> : <>reached the criterion in {whole(test.successes)} of {plural(test.n, "independent run")}</>}
        {" "}({label(test.judged ?? "").toLowerCase()}: 95&nbsp;% interval {percent(test.interval[0])} to {percent(test.interval[1])}; demonstrated from {percent(test.criterion)} up).
        {test.outcome_reason && <> <bdi>{test.outcome_reason}</bdi>.</>}
      </p>
      <div className="split">
        <Curves test={test} result={result} />
        <div>
          <dl className="facts">
            {Object.entries(test.metrics).map(([name, v]) => <Metric key={name} name={name} v={v} />)}
            <div><dt>Rows the attack spent</dt><dd>{whole(test.queries)}</dd></div>
            <div><dt>Rows answered in all</dt><dd>{whole(test.rows_total)}</dd></div>
            <div><dt>Gradient calls</dt><dd>{whole(test.gradients)}</dd></div>
          </dl>
          <p className="settings">
            {Object.entries(test.settings).map(([k, v]) => <span key={k}><bdi>{k}</bdi> <b><bdi>{v}</bdi></b></span>)}
            {test.controls.length > 0 && <span>controls on <b><bdi>{test.controls.join(", ")}</bdi></b></span>}
          </p>
        </div>
      </div>
      {set && <Strip set={set} />}
    </article>
  );
}

export function Evidence({ result, pictures }: { result: Report["result"]; pictures: Pictures[] }) {
  if (!result.tests.length) return null;
  return (
    <>
      <h3>Evidence</h3>
      {result.tests.map((t) => <One key={t.id} test={t} result={result} pictures={pictures} />)}
    </>
  );
}
