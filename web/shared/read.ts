/* The data that the program put into the page. */

import type { Report } from "./types";

export function read(): Report {
  const text = document.getElementById("redoubt-data")?.textContent ?? "";
  if (!text || text.startsWith("@@")) throw new Error("This page holds no report: the program puts it in.");
  const data = JSON.parse(text) as Report;
  if (data.schema !== "redoubt/assess" || data.version !== 1)
    throw new Error(`This page reads redoubt/assess version 1 and found ${data.schema} version ${data.version}.`);
  return data;
}
