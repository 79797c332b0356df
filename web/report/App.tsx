import { useEffect } from "react";
import notices from "virtual:notices";
import { plural, seconds } from "../shared/format";
import { Glossary } from "../shared/Term";
import { ThemeToggle } from "../shared/theme";
import type { Report } from "../shared/types";
import { Assumptions } from "./sections/Assumptions";
import { Diagram } from "./sections/Diagram";
import { Evidence } from "./sections/Evidence";
import { Executive } from "./sections/Executive";
import { Words } from "./sections/Glossary";
import { Loss } from "./sections/Loss";
import { Method } from "./sections/Method";
import { NotTried } from "./sections/NotTried";
import { Roadmap } from "./sections/Roadmap";
import { Stages } from "./sections/Stages";
import { Threats } from "./sections/Threats";

const sections = [
  ["verdict", "Executive view"],
  ["system", "System"],
  ["stages", "Stages"],
  ["threats", "Threats"],
  ["evidence", "Evidence"],
  ["loss", "Expected loss"],
  ["roadmap", "Roadmap"],
  ["not-tried", "Not tried"],
  ["assumptions", "Assumptions"],
  ["glossary", "Glossary"],
  ["method", "Method"],
];

export function App({ report }: { report: Report }) {
  const { result, run, tool, draw } = report;
  const illustrative = result.risk?.illustrative ?? false;
  const when = typeof run.started === "string" ? run.started.slice(0, 10) : "";
  const terms = draw.glossary ?? [];
  const there: Record<string, boolean> = { stages: !!result.stages?.length, evidence: result.tests.length > 0, glossary: terms.length > 0 };

  // The title of a drawn page: redoubt report --pdf refuses a print that still has the empty page's.
  useEffect(() => {
    const drawn = setTimeout(() => (document.title = `${result.system.name} \u2013 Redoubt report`), 60);
    return () => clearTimeout(drawn);
  }, [result.system.name]);

  return (
    <Glossary.Provider value={new Map(terms.map((t) => [t.term, t.words]))}>
      <div className={illustrative ? "page illustrative" : "page"}>
        <a className="skip" href="#verdict">Skip to the executive view</a>
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
            Threat assessment of {plural(result.system.elements, "element")} and {plural(result.system.flows, "flow")} across{" "}
            {plural(result.system.boundaries, "trust boundary", "trust boundaries")}{run.seconds !== undefined && <span className="no-print">, done in {seconds(run.seconds)}</span>}.
          </p>
          <nav className="toc" aria-label="Sections">
            {sections.filter(([id]) => there[id] !== false).map(([id, name]) => (
              <a key={id} href={`#${id}`}>{name}</a>
            ))}
          </nav>
        </header>
        <main>
          <Executive report={report} />
          <Diagram diagram={draw.diagram} threats={result.threats} />
          <Stages result={result} />
          <Threats threats={result.threats} details={draw.threats} elements={draw.diagram.elements} flows={draw.diagram.flows} tests={result.tests} />
          <Evidence result={result} names={draw.names} pictures={draw.pictures} />
          <Loss result={result} names={draw.names} />
          <Roadmap result={result} />
          <NotTried result={result} />
          <Assumptions risk={result.risk} />
          <Words terms={terms} />
          <Method report={report} />
        </main>
        <footer>
          <p>
            {tool.name} {tool.version}. Every figure here stands in report.json too; the evidence behind it in the folder
            .redoubt. This file makes no connection to anywhere.
          </p>
          <details>
            <summary>Notices of the software in this page</summary>
            <pre tabIndex={0}>{notices}</pre>
          </details>
        </footer>
      </div>
    </Glossary.Provider>
  );
}
