// The cards of all images. A card is made again only when its image or the language has changed.

import type { Texts } from "../texts/texts";
import type { Application, ImageEntry, Outcome } from "./application";
import { element } from "./elements";
import { resultCard } from "./result_cards";

interface Made {
  outcome: Outcome;
  hasModel: boolean;
  texts: Texts;
  card: HTMLElement;
}

const made = new WeakMap<ImageEntry, Made>();

/** The section, without what `showResults` puts into it. */
export function resultSection(application: Application, texts: Texts): HTMLElement {
  const remove = element("button", "", texts.remove);
  remove.addEventListener("click", () => application.removeImages());
  const heading = element("div", "heading", element("h2", "", texts.results), element("p", "counts"), remove);
  return element("section", "results", heading, element("div", "cards"));
}

/** Bring the section up to date. */
export function showResults(section: HTMLElement, application: Application, texts: Texts): void {
  const { images } = application;
  section.hidden = images.length === 0;
  section.querySelector(".counts")?.replaceChildren(counts(images, texts));
  const hasModel = application.detectors.length > 0;
  const cards = images.map((image) => cardOf(image, hasModel, texts));
  const list = section.querySelector(".cards");
  if (list !== null) replaceChanged(list, cards);
}

function counts(images: ImageEntry[], texts: Texts): string {
  const outcomes = images.flatMap(({ outcome }) => outcome ?? []);
  const predicted = outcomes.flatMap((outcome) => ("error" in outcome ? [] : outcome));
  const anomalies = predicted.filter(({ isAnomaly }) => isAnomaly).length;
  const failed = outcomes.length - predicted.length;
  return texts.counts(images.length, anomalies, predicted.length - anomalies, failed, images.length - outcomes.length);
}

function cardOf(image: ImageEntry, hasModel: boolean, texts: Texts): HTMLElement {
  const before = made.get(image);
  if (before && before.outcome === image.outcome && before.hasModel === hasModel && before.texts === texts) {
    return before.card;
  }
  const card = resultCard(image, hasModel, texts);
  made.set(image, { outcome: image.outcome, hasModel, texts, card });
  return card;
}

function replaceChanged(list: Element, cards: HTMLElement[]): void {
  cards.forEach((card, index) => {
    const shown = list.children[index];
    if (shown === undefined) list.append(card);
    else if (shown !== card) shown.replaceWith(card);
  });
  while (list.children.length > cards.length) list.lastElementChild?.remove();
}
