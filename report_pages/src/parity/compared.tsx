import type { ComponentChildren } from "preact";
import { errorText, megabytes, valueText } from "./number_text";
import type { ParityData } from "./parity_data";
import { useTexts } from "./texts";

// What was compared with what, on which images, on which machine.
export function Compared({ data }: { data: ParityData }) {
  const texts = useTexts();
  const { model, checkpoint, images, rounding } = data;
  return (
    <section class="compared">
      <h2>{texts.compared}</h2>
      <dl>
        <Entry name={texts.modelFile}>
          <bdi>{model.file}</bdi> ({texts.modelIs(model.variant, model.precision, model.opset, megabytes(model.size))})
        </Entry>
        <Entry name={texts.sha256}>
          <code>{model.sha256}</code>
        </Entry>
        <Entry name={texts.payload}>
          <code>{model.payloadSha256}</code>
        </Entry>
        <Entry name={texts.threshold}>
          {valueText(model.threshold)} (<span lang="en">{model.thresholdSource}</span>)
        </Entry>
        <Entry name={texts.checkpoint}>
          <bdi>{checkpoint.file}</bdi>
        </Entry>
        <Entry name={texts.weightsHash}>
          <code>{checkpoint.sha256}</code>
        </Entry>
        {rounding !== null && (
          <Entry name={texts.rounding}>{texts.roundingIs(errorText(rounding.error), rounding.flips)}</Entry>
        )}
        <Entry name={texts.images}>
          <bdi>{texts.imagesAre(images.names.length, images.source)}</bdi>
        </Entry>
        <Entry name={texts.imagesHash}>
          <code>{images.sha256}</code>
        </Entry>
        {images.leftOut.length > 0 && <Entry name={texts.leftOut}>{images.leftOut.join(" ")}</Entry>}
        <Entry name={texts.providers}>
          <ul>
            {data.providerStates.map(({ kind, state, reason }) => (
              <li key={kind}>
                {kind}: {texts.states[state]} <span lang="en">{reason}</span>
              </li>
            ))}
          </ul>
        </Entry>
        <Entry name={texts.machine}>{data.machine}</Entry>
      </dl>
      <h3>{texts.versions}</h3>
      <div class="wide">
        <table>
          <thead>
            <tr>
              <th>{texts.package}</th>
              <th>{texts.trained}</th>
              <th>{texts.exported}</th>
              <th>{texts.here}</th>
            </tr>
          </thead>
          <tbody>
            {data.versions.map((version) => (
              <tr key={version.package}>
                <td>{version.package}</td>
                <td>{version.trained ?? "–"}</td>
                <td>{version.exported ?? "–"}</td>
                <td>{version.here ?? "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Entry({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
