import notices from "virtual:notices";
import { seconds } from "../shared/format";
import { ThemeToggle } from "../shared/theme";
import type { Report } from "../shared/types";
import { Assumptions } from "./sections/Assumptions";
import { Diagram } from "./sections/Diagram";
import { Evidence } from "./sections/Evidence";
import { Loss } from "./sections/Loss";
import { Method } from "./sections/Method";
import { NotTried } from "./sections/NotTried";
import { Threats } from "./sections/Threats";
import { Verdict } from "./sections/Verdict";

const sections = [
  ["verdict", "Verdict"],
  ["system", "System"],
  ["threats", "Threats"],
  ["loss", "Expected loss"],
  ["not-tried", "Not tried"],
  ["assumptions", "Assumptions"],
  ["method", "How it was done"],
];

export function App({ report }: { report: Report }) {
  const { result, run, tool, draw } = report;
  const illustrative = result.risk?.illustrative ?? false;
  const when = typeof run.started === "string" ? run.started.slice(0, 10) : "";

  return (
    <div className={illustrative ? "page illustrative" : "page"}>
      <a className="skip" href="#verdict">Skip to the verdict</a>
      {illustrative && (
        <p className="ribbon" role="note">
          <b>Illustrative.</b> Some money and frequencies are defaults that nobody has confirmed for this system.
        </p>
      )}
      <header>
        <div className="brand">
          <span>Redoubt</span>
          <span className="aside">
            {when && <time dateTime={when}>{when}</time>}
            <ThemeToggle />
          </span>
        </div>
        <h1><bdi>{result.system.name}</bdi></h1>
        <p className="lead">
          Threat assessment of {result.system.elements} elements and {result.system.flows} flows across{" "}
          {result.system.boundaries} trust boundaries{run.seconds !== undefined && <>, done in {seconds(run.seconds)}</>}.
        </p>
        <nav className="toc" aria-label="Sections">
          {sections.map(([id, name]) => (
            <a key={id} href={`#${id}`}>{name}</a>
          ))}
        </nav>
      </header>
      <main>
        <Verdict report={report} />
        <Diagram diagram={draw.diagram} threats={result.threats} />
        <Threats threats={result.threats} details={draw.threats} elements={draw.diagram.elements} flows={draw.diagram.flows}>
          <Evidence result={result} names={draw.names} pictures={draw.pictures} />
        </Threats>
        <Loss result={result} names={draw.names} />
        <NotTried result={result} />
        <Assumptions risk={result.risk} />
        <Method report={report} />
      </main>
      <footer>
        <p>
          {tool.name} {tool.version}. Every figure here stands in report.json too; the evidence behind it in the folder
          .redoubt. This file makes no connection to anywhere.
        </p>
        <details>
          <summary>Notices of the software in this page</summary>
          <pre>{notices}</pre>
        </details>
      </footer>
    </div>
  );
}
