import { type ImageCardsProps, ImageCards } from "./image_card";
import { errorText, valueText } from "./number_text";
import { useTexts } from "./texts";

// Which decisions differ, or that none does.
export function Flips(props: Omit<ImageCardsProps, "shown">) {
  const texts = useTexts();
  const { report, shown } = props.provider;
  if (report.flips + report.flips_within_margin === 0) {
    return (
      <section class="flips">
        <h3>{texts.flips}</h3>
        <p>{texts.noneDiffers(report.images)}</p>
      </section>
    );
  }
  return (
    <section class="flips">
      <h3>{texts.flips}</h3>
      <p>
        {report.flips > 0
          ? texts.outside(report.flips, errorText(report.margin), valueText(report.threshold))
          : texts.noneOutside(errorText(report.margin))}
      </p>
      {shown.flips.length < report.flips && <p>{texts.firstShown(shown.flips.length, report.flips)}</p>}
      <ImageCards {...props} shown={shown.flips} />
      {report.flips_within_margin > 0 && <p>{texts.within(report.flips_within_margin)}</p>}
      {shown.flipsWithinMargin.length < report.flips_within_margin && (
        <p>{texts.firstShown(shown.flipsWithinMargin.length, report.flips_within_margin)}</p>
      )}
      <ImageCards {...props} shown={shown.flipsWithinMargin} />
    </section>
  );
}
