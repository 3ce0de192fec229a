// A cross-validation: the folds side by side, each with a report of its own.

import { Decimal, DASH } from "./numbers";
import { useScrollPosition } from "./reload";
import { useWords } from "./texts";
import { type FoldsData, METRIC_NAMES } from "./training_data";

export function Folds({ data }: { data: FoldsData }) {
  const { text } = useWords();
  useScrollPosition();
  return (
    <section>
      <h2>{text("result")}</h2>
      <div class="wide">
        <table class="folds">
          <thead>
            <tr>
              <th>{text("fold")}</th>
              {METRIC_NAMES.map((name) => (
                <th key={name}>{text(name)}</th>
              ))}
              <th>{text("report")}</th>
            </tr>
          </thead>
          <tbody>
            {data.reports.map((report, index) => (
              <Fold key={report} data={data} report={report} index={index} />
            ))}
            {data.summary !== null && <Summary summary={data.summary} />}
          </tbody>
        </table>
      </div>
      <p class="faint">{text("folds_note")}</p>
      {data.command !== null && (
        <>
          <h3>{text("command")}</h3>
          <pre>
            <code>{data.command}</code>
          </pre>
          <p class="faint">{text("in_folder", { folder: data.working_folder })}</p>
        </>
      )}
    </section>
  );
}

function Fold({ data, report, index }: { data: FoldsData; report: string; index: number }) {
  const { text } = useWords();
  const metrics = data.metrics[index];
  const hasBegun = index <= data.metrics.length;
  return (
    <tr>
      <th scope="row">{index + 1}</th>
      {METRIC_NAMES.map((name) => (
        <td key={name}>{metrics === undefined ? DASH : <Decimal value={metrics[name]} />}</td>
      ))}
      <td>{hasBegun ? <a href={report}>{text("open")}</a> : text("waiting")}</td>
    </tr>
  );
}

function Summary({ summary }: { summary: NonNullable<FoldsData["summary"]> }) {
  const { text } = useWords();
  return (
    <>
      {(["mean", "std"] as const).map((kind) => (
        <tr key={kind} class="chosen" data-summary={kind}>
          <th scope="row">{text(kind === "mean" ? "mean" : "deviation")}</th>
          {METRIC_NAMES.map((name) => (
            <td key={name}>
              <Decimal value={summary[name][kind]} />
            </td>
          ))}
          <td />
        </tr>
      ))}
    </>
  );
}
