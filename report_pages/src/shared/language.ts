// English or Korean: what the reader chose last, else what the browser prefers.

import { useEffect, useState } from "preact/hooks";

export type Language = "en" | "ko";
export type Texts<Keys extends string> = Record<Language, Record<Keys, string>>;

const STORED = "crbl-language";

export function useLanguage(): [Language, (language: Language) => void] {
  const [language, setLanguage] = useState<Language>(firstLanguage);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const choose = (chosen: Language) => {
    setLanguage(chosen);
    remember(chosen);
  };
  return [language, choose];
}

// `?lang=ko` in the address comes first, so that a link can say it.
function firstLanguage(): Language {
  const asked = new URLSearchParams(location.search).get("lang") ?? recall();
  if (asked === "en" || asked === "ko") return asked;
  return navigator.language.toLowerCase().startsWith("ko") ? "ko" : "en";
}

// Browsers may forbid a page from disk to store anything; the choice then lasts until the page is closed.
function remember(language: Language): void {
  try {
    localStorage.setItem(STORED, language);
  } catch {
    return;
  }
}

function recall(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}
