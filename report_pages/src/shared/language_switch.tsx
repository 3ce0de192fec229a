import type { Language } from "./language";

const NAMES: Record<Language, string> = { en: "English", ko: "한국어" };

export function LanguageSwitch(props: { language: Language; choose: (language: Language) => void }) {
  return (
    <div class="language-switch" role="group" aria-label="Language · 언어">
      {(["en", "ko"] as const).map((language) => (
        <button
          key={language}
          type="button"
          lang={language}
          aria-pressed={props.language === language}
          onClick={() => props.choose(language)}
        >
          {NAMES[language]}
        </button>
      ))}
    </div>
  );
}
