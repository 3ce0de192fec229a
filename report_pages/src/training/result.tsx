// The metrics on the validation images, with what no mistake is worth.

import { Decimal, DASH, percent, Range, Significant } from "./numbers";
import { useWords } from "./texts";
import { METRIC_NAMES, type Validation } from "./training_data";

export function ResultSection({ validation }: { validation: Validation }) {
  const { text } = useWords();
  return (
    <>
      <div class="tiles">
        <Tile title={text("auroc")}>
          <Decimal value={validation.auroc} />
        </Tile>
        <Tile title={text("recall")}>
          <Decimal value={validation.recall} />
        </Tile>
        <Tile title={text("precision")}>
          <Decimal value={validation.precision} />
        </Tile>
        <Tile title={text("threshold")}>
          <Significant value={validation.threshold} />
        </Tile>
      </div>
      <p>{text("on_validation", { count: validation.images })}</p>
      <div class="columns">
        <MetricsTable validation={validation} />
        <div>
          <ConfusionMatrix validation={validation} />
          <WithoutAMistake validation={validation} />
        </div>
        <KindsTable validation={validation} />
      </div>
    </>
  );
}

function Tile({ title, children }: { title: string; children: preact.ComponentChildren }) {
  return (
    <div class="tile">
      <span class="faint">{title}</span>
      <strong>{children}</strong>
    </div>
  );
}

function MetricsTable({ validation }: { validation: Validation }) {
  const { text } = useWords();
  return (
    <table class="metrics">
      <thead>
        <tr>
          <th>{text("metric")}</th>
          <th>{text("value")}</th>
          <th>{text("interval")}</th>
        </tr>
      </thead>
      <tbody>
        {METRIC_NAMES.map((name) => (
          <tr key={name} data-metric={name}>
            <th scope="row">{text(name)}</th>
            <td>
              <Decimal value={validation[name]} />
            </td>
            <td>
              <Range value={validation.intervals[name]} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function ConfusionMatrix({ validation }: { validation: Validation }) {
  const { text } = useWords();
  return (
    <table class="confusion">
      <caption>{text("confusion")}</caption>
      <thead>
        <tr>
          <td />
          <th scope="col">{text("called_normal")}</th>
          <th scope="col">{text("called_anomalous")}</th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">{text("is_normal")}</th>
          <td class="right">{validation.true_normal}</td>
          <td class="wrong">{validation.false_alarm}</td>
        </tr>
        <tr>
          <th scope="row">{text("is_anomalous")}</th>
          <td class="wrong">{validation.missed_anomaly}</td>
          <td class="right">{validation.true_anomaly}</td>
        </tr>
      </tbody>
    </table>
  );
}

// What the bootstrap cannot see: the rule of three (Hanley and Lippman-Hand, JAMA 249, 1983, 1743).
function WithoutAMistake({ validation }: { validation: Validation }) {
  const { text } = useWords();
  const anomalous = validation.missed_anomaly + validation.true_anomaly;
  const normal = validation.true_normal + validation.false_alarm;
  const share = (count: number) => percent(Math.min(1, 3 / count));
  return (
    <>
      {validation.missed_anomaly === 0 && (
        <p class="faint">{text("none_missed", { count: anomalous, share: share(anomalous) })}</p>
      )}
      {validation.false_alarm === 0 && (
        <p class="faint">{text("no_false_alarm", { count: normal, share: share(normal) })}</p>
      )}
    </>
  );
}

function KindsTable({ validation }: { validation: Validation }) {
  const { text } = useWords();
  if (validation.recall_by_kind === undefined) return null;
  return (
    <div class="wide">
      <table class="kinds">
        <caption>{text("recall_by_kind")}</caption>
        <thead>
          <tr>
            <th>{text("kind")}</th>
            <th>{text("value")}</th>
            <th>{text("interval")}</th>
            <th>{text("found")}</th>
          </tr>
        </thead>
        <tbody>
          {validation.recall_by_kind.map(({ kind, images, found, recall, interval }) => (
            <tr key={kind}>
              <th scope="row">
                <bdi>{kind === "" ? text("no_kind") : kind}</bdi>
              </th>
              <td>
                <Decimal value={recall} />
              </td>
              <td>
                <Range value={interval} />
              </td>
              <td>
                {found} / {images || DASH}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
