import { decisionName } from "../shared/decision_name";
import { distanceText, errorText, logitText, probabilityText } from "./number_text";
import type { ParityData, ProviderData } from "./parity_data";
import { type Texts, useTexts } from "./texts";

export interface ImageCardsProps {
  data: ParityData;
  provider: ProviderData;
  // The numbers of the images.
  shown: number[];
  picture: (number: number) => string;
}

export function ImageCards({ shown, ...props }: ImageCardsProps) {
  return (
    <ul class="image-cards">
      {shown.map((image) => (
        <ImageCard key={image} image={image} {...props} />
      ))}
    </ul>
  );
}

function ImageCard(props: { data: ParityData; provider: ProviderData; image: number; picture: (number: number) => string }) {
  const texts = useTexts();
  const { data, provider, image } = props;
  const { images } = data;
  const name = images.names[image] ?? "";
  const pictured = images.pictures[image];
  const decisions = [images.decisions[image] ?? false, provider.decisions[image] ?? false] as const;
  const differs = decisions[0] !== decisions[1];
  return (
    <li class="image-card">
      {pictured !== undefined && <img src={props.picture(pictured)} alt={texts.picture(name)} />}
      <div>
        <p class="name">
          <bdi>{name}</bdi>
        </p>
        <table>
          <thead>
            <tr>
              <td />
              <th>{texts.float64}</th>
              <th>{texts.file}</th>
            </tr>
          </thead>
          <tbody>
            <tr>
              <th>{texts.logit}</th>
              <td>{logitText(images.logits[image] ?? null)}</td>
              <td>{logitText(provider.logits[image] ?? null)}</td>
            </tr>
            <tr>
              <th>{texts.probability}</th>
              <td>{probabilityText(images.probabilities[image] ?? null)}</td>
              <td>{probabilityText(provider.probabilities[image] ?? null)}</td>
            </tr>
            <tr class="decisions">
              <th>{texts.decision}</th>
              <td>{decisionText(decisions[0], data, texts)}</td>
              <td class={differs ? "wrong" : undefined}>
                {differs && "≠\u00a0"}
                {decisionText(decisions[1], data, texts)}
              </td>
            </tr>
          </tbody>
        </table>
        <p class="faint">
          {texts.errorIs(errorText(provider.errors[image] ?? null))}
          {provider.thresholdLogit !== null && <>; {texts.distanceIs(distanceText(provider.distances[image] ?? null))}</>}
        </p>
      </div>
    </li>
  );
}

function decisionText(isAnomaly: boolean, data: ParityData, texts: Texts): string {
  return decisionName(texts, data.model.labels[isAnomaly ? 1 : 0]);
}
