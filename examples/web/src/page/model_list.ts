// The models that are here, where they run, and what was said about model files.

import type { Detector } from "../detector";
import type { WantedProvider } from "../inference/execution_provider";
import type { Texts } from "../texts/texts";
import type { Application } from "./application";
import { element, row, threshold } from "./elements";

export function modelList(application: Application, texts: Texts): HTMLElement {
  const { detectors, loading, modelMessages } = application;
  const section = element("section", "models", element("h2", "", texts.models), providerChoice(application, texts));
  for (const { isError, sentence } of modelMessages) {
    section.append(element("p", isError ? "error" : "note", sentence(texts)));
  }
  if (loading !== null) section.append(element("p", "loading", texts.loading(loading)));
  if (detectors.length === 0 && loading === null) section.append(element("p", "note", texts.noModel));
  section.append(element("div", "cards", ...detectors.map((detector) => modelCard(detector, texts))));
  return section;
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
