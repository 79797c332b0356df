/* What this report does not know, and why: as visible as what it does. */

import { plural } from "../../shared/format";
import { SeverityMark } from "../../shared/marks";
import { Table } from "../../shared/Table";
import type { Report } from "../../shared/types";

export function NotTried({ result }: { result: Report["result"] }) {
  const n = result.not_tried.length;
  return (
    <section id="not-tried" aria-labelledby="not-tried-h">
      <h2 id="not-tried-h">Not tried</h2>
      {n === 0 ? (
        <p>Every threat that applies was tried.</p>
      ) : (
        <>
          <p className="lead">
            {plural(n, "threat")} of {result.threats.length} {n === 1 ? "was" : "were"} not tried. Nothing here says that {n === 1 ? "it is" : "they are"} harmless, and no measured figure stands behind {n === 1 ? "it" : "them"}.
          </p>
          <Table label="Threats that were not tried">
            <thead><tr><th scope="col">Threat</th><th scope="col">Severity</th><th scope="col">Why it was not tried</th></tr></thead>
            <tbody>
              {result.not_tried.map((t) => (
                <tr key={t.threat}>
                  <th scope="row"><a href={`#t-${t.threat}`}>{t.title}</a><small><code>{t.threat}</code></small></th>
                  <td><SeverityMark severity={t.severity} /></td>
                  <td><bdi>{t.reason}</bdi></td>
                </tr>
              ))}
            </tbody>
          </Table>
        </>
      )}
    </section>
  );
}
