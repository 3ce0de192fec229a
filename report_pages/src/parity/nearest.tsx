import { type ImageCardsProps, ImageCards } from "./image_card";
import { errorText, logitText, valueText } from "./number_text";
import { useTexts } from "./texts";

export function Nearest(props: Omit<ImageCardsProps, "shown">) {
  const texts = useTexts();
  const { report, shown, thresholdLogit } = props.provider;
  const threshold = valueText(report.threshold);
  return (
    <section class="nearest">
      <h3>{texts.nearest}</h3>
      <p>
        {thresholdLogit === null
          ? texts.noBoundary(threshold)
          : texts.nearestAre(threshold, logitText(thresholdLogit), errorText(report.margin))}
      </p>
      <ImageCards {...props} shown={shown.nearest} />
    </section>
  );
}
