import { FirstDivergence } from "./divergence";
import { ErrorHistogram } from "./error_histogram";
import { ErrorScatter } from "./error_scatter";
import { Flips } from "./flips";
import { ImageCards } from "./image_card";
import { Nearest } from "./nearest";
import type { ParityData, ProviderData } from "./parity_data";
import { QuantileTable } from "./quantile_table";
import { useTexts } from "./texts";

// All that was measured on one execution provider.
export function ProviderSection(props: {
  data: ParityData;
  provider: ProviderData;
  picture: (number: number) => string;
}) {
  const texts = useTexts();
  const { data, provider } = props;
  const { report } = provider;
  return (
    <section class="provider">
      <h2>
        {texts.provider(provider.device)} <span class="faint">(onnxruntime {report.onnxruntime})</span>
      </h2>
      {!report.passed && <FirstDivergence report={report} />}
      <Flips {...props} />
      <div class="beside">
        <ErrorHistogram provider={provider} />
        <div class="quantiles">
          <QuantileTable provider={provider} />
          <p>
            {texts.largestOn} <bdi>{report.worst_image}</bdi>
          </p>
        </div>
      </div>
      <ErrorScatter provider={provider} images={data.images} />
      <section class="largest-errors">
        <h3>{texts.largestErrors}</h3>
        <ImageCards {...props} shown={provider.shown.largestErrors} />
      </section>
      <Nearest {...props} />
      {report.passed && <p class="faint">{texts.divergenceOnlyWhereFailed}</p>}
    </section>
  );
}
