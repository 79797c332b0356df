/* Enough to run it again and to hold it against us. */

import type { Report } from "../../shared/types";

function text(v: unknown): string {
  return v !== null && typeof v === "object" ? JSON.stringify(v) : String(v);
}

export function Method({ report }: { report: Report }) {
  const { result, run, tool } = report;
  return (
    <section id="method" aria-labelledby="method-h">
      <h2 id="method-h">How it was done</h2>
      <div className="columns even">
        <div className="prose">
          <p>
            The rules looked at the system and said what may apply. Where an attack proves a rule and the thing to attack was at hand, it was run under the access of the
            named actor. The harness, never the attack, asked the target again and counted. Each control was then switched on and the same test run again. Money follows
            from the campaigns that those results allow.
          </p>
          <p>
            Intervals of shares are exact binomial ones; intervals over runs are Student{"\u2019"}s; before and after are compared on the same units. The same seed gives the same
            result, byte for byte.
          </p>
        </div>
        <dl className="facts">
          <div><dt>Tool</dt><dd>{tool.name} {tool.version}</dd></div>
          <div><dt>Seed</dt><dd>{result.seed}</dd></div>
          {Object.entries(run).map(([k, v]) => (
            <div key={k}><dt>{k.replaceAll("_", " ")}</dt><dd><bdi>{text(v)}</bdi></dd></div>
          ))}
        </dl>
      </div>
    </section>
  );
}
