// Where the page starts.

import { messageOf } from "../errors";
import { loadOpenCv } from "../preprocessing/opencv";
import { LANGUAGES, type Language } from "../texts/texts";
import { Application } from "./application";
import { dropArea, onFilesDropped } from "./drop_area";
import { element } from "./elements";
import { modelList } from "./model_list";
import { showResults } from "./result_list";

let language: Language = navigator.language.startsWith("ko") ? "ko" : "en";
const results = element("section", "results");
const page = document.getElementById("page") as HTMLElement;

function header(): HTMLElement {
  const texts = LANGUAGES[language];
  const other = element("button", "language", texts.otherLanguage);
  other.addEventListener("click", () => {
    language = language === "en" ? "ko" : "en";
    show();
  });
  return element("header", "", element("h1", "", texts.title), other, element("p", "", texts.promise));
}

function readsWhat(): HTMLElement {
  const texts = LANGUAGES[language];
  return element("details", "", element("summary", "", texts.readsTitle), element("p", "", texts.reads));
}

let application: Application | null = null;
let failure: string | null = null;

function show(): void {
  const texts = LANGUAGES[language];
  document.documentElement.lang = language;
  document.title = texts.title;
  if (application === null) {
    const status = failure === null ? texts.starting : texts.unsupportedBrowser(failure);
    page.replaceChildren(header(), element("p", failure === null ? "loading" : "error", status));
    return;
  }
  const take = application.add.bind(application);
  showResults(results, application, texts);
  page.replaceChildren(header(), dropArea(texts, take), modelList(application, texts), results, readsWhat());
}

show();
try {
  application = new Application(await loadOpenCv(), show);
  onFilesDropped(application.add.bind(application));
} catch (error) {
  failure = messageOf(error);
}
show();
