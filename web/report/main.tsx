import "../shared/fonts.css";
import { Component, StrictMode, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { read } from "../shared/read";
import { App } from "./App";
import "../shared/base.css";
import "./report.css";

const broken = (problem: unknown) => <p className="broken">{problem instanceof Error ? problem.message : String(problem)}</p>;

/** A report that cannot be drawn says so; a white page would say nothing. */
class Guard extends Component<{ children: ReactNode }, { problem: unknown }> {
  state = { problem: null };
  static getDerivedStateFromError(problem: unknown) {
    return { problem };
  }
  render() {
    return this.state.problem === null ? this.props.children : broken(this.state.problem);
  }
}

const root = createRoot(document.getElementById("root") as HTMLElement);

try {
  const report = read();
  root.render(
    <StrictMode>
      <Guard>
        <App report={report} />
      </Guard>
    </StrictMode>,
  );
} catch (problem) {
  root.render(broken(problem));
}
