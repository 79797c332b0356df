import "../shared/fonts.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { read } from "../shared/read";
import { App } from "./App";
import "../shared/base.css";
import "./report.css";

const root = createRoot(document.getElementById("root") as HTMLElement);

try {
  const report = read();
  document.title = `${report.result.system.name} \u2013 Redoubt report`;
  root.render(
    <StrictMode>
      <App report={report} />
    </StrictMode>,
  );
} catch (problem) {
  root.render(<p className="broken">{problem instanceof Error ? problem.message : String(problem)}</p>);
}
