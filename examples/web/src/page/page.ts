// Where the page starts.

import { messageOf } from "../errors";
import { loadOpenCv } from "../preprocessing/opencv";
import { LANGUAGES, type Language, type Texts } from "../texts/texts";
import { Application } from "./application";
import { dropArea, onFilesDropped } from "./drop_area";
import { element } from "./elements";
import { modelSection, showModels } from "./model_list";
import { resultSection, showResults } from "./result_list";

const page = document.getElementById("page") as HTMLElement;
let language: Language = navigator.language.startsWith("ko") ? "ko" : "en";
let application: Application | null = null;
let failure: string | null = null;
let showChanges: () => void = () => {};

/** Make the page in its language; from then on only what changes is made again. */
function show(): void {
  const texts = LANGUAGES[language];
  document.documentElement.lang = language;
  document.title = texts.title;
  if (application === null) {
    const status = failure === null ? texts.starting : texts.unsupportedBrowser(failure);
    page.replaceChildren(header(texts), element("p", failure === null ? "loading" : "error", status));
    return;
  }
  const shown = application;
  const models = modelSection(shown, texts);
  const results = resultSection(shown, texts);
  const drop = dropArea(texts, (files) => shown.add(files));
  page.replaceChildren(header(texts), drop, models, results, readsWhat(texts));
  showChanges = () => {
    showModels(models, shown, texts);
    showResults(results, shown, texts);
  };
  showChanges();
}

function header(texts: Texts): HTMLElement {
  const other = element("button", "language", texts.otherLanguage);
  other.addEventListener("click", () => {
    language = language === "en" ? "ko" : "en";
    show();
  });
  return element("header", "", element("h1", "", texts.title), other, element("p", "", texts.promise));
}

function readsWhat(texts: Texts): HTMLElement {
  return element("details", "", element("summary", "", texts.readsTitle), element("p", "", texts.reads));
}

show();
try {
  const started = new Application(await loadOpenCv(), () => showChanges());
  onFilesDropped((files) => started.add(files));
  application = started;
} catch (error) {
  failure = messageOf(error);
}
show();
