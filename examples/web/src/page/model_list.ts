// The models that are here, where they run, and what is to be said about model files.

import type { Detector } from "../detector";
import type { WantedProvider } from "../inference/execution_provider";
import type { Texts } from "../texts/texts";
import type { Application } from "./application";
import { element, row, threshold } from "./elements";

/** The section, without what `showModels` puts into it. */
export function modelSection(application: Application, texts: Texts): HTMLElement {
  const heading = element("h2", "", texts.models);
  return element("section", "models", heading, providerChoice(application, texts), element("div", "model-list"));
}

/** Bring the section up to date; its choice of a provider stays as it is, and open if it is. */
export function showModels(section: HTMLElement, application: Application, texts: Texts): void {
  const { detectors, loading, modelMessages } = application;
  const said = modelMessages.map(({ isError, sentence }) => element("p", isError ? "error" : "note", sentence(texts)));
  if (loading !== null) said.push(element("p", "loading", texts.loading(loading)));
  if (detectors.length === 0 && loading === null) said.push(element("p", "note", texts.noModel));
  const cards = detectors.map((detector) => modelCard(detector, texts));
  section.querySelector(".model-list")?.replaceChildren(...said, element("div", "cards", ...cards));
}

function modelCard(detector: Detector, texts: Texts): HTMLElement {
  const { contract, name } = detector.model;
  const { fallback, provider, sameImages } = detector;
  const runsOn = fallback === null ? texts.provider[provider] : texts.fallback(fallback(texts));
  return element(
    "article",
    `model ${contract.variant}`,
    element("h3", "", name),
    element(
      "dl",
      "",
      ...row(texts.variant, "variant", contract.variant),
      ...row(texts.threshold, "threshold", threshold(contract.threshold)),
      ...row(texts.runsOn, `provider ${provider}`, runsOn),
      ...row(texts.selfTest, "self-test", texts.selfTestPassed),
      ...row(texts.preparation, sameImages ? "preparation" : "preparation error", preparation(sameImages, texts)),
    ),
  );
}

function preparation(sameImages: boolean, texts: Texts): string {
  return sameImages ? texts.sameImages : texts.otherImages;
}

function providerChoice(application: Application, texts: Texts): HTMLElement {
  const select = element("select", "provider-choice");
  for (const [value, label] of Object.entries(texts.wanted)) {
    const option = element("option", "", label);
    option.value = value;
    option.selected = value === application.wanted;
    select.append(option);
  }
  select.addEventListener("change", () => application.choose(select.value as WantedProvider));
  return element("label", "choice", `${texts.runOn}: `, select);
}
