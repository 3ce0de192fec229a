// What the page shows, when and by which version it was made, and what must be known about all of it.

import type { Language } from "../shared/language";
import { LanguageSwitch } from "../shared/language_switch";
import type { ReviewData } from "./review_data";
import { useTexts } from "./texts";

export interface PageHeadProps {
  data: ReviewData;
  language: Language;
  choose: (language: Language) => void;
  help: () => void;
}

export function PageHead({ data, language, choose, help }: PageHeadProps) {
  const texts = useTexts();
  const when = new Date(data.created).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  return (
    <header class="page-head">
      <div>
        <h1>
          <bdi>{data.title}</bdi>
        </h1>
        <p class="faint">
          {texts.madeBy(data.version, when)}
          {data.folder !== "" && (
            <>
              , <bdi>{data.folder}</bdi>
            </>
          )}
        </p>
      </div>
      <div class="row">
        <button type="button" onClick={help}>
          {texts.help} <kbd>?</kbd>
        </button>
        <LanguageSwitch language={language} choose={choose} />
      </div>
      {data.remarks.length > 0 && (
        <details open class="remarks">
          <summary>{texts.remarks}</summary>
          <ul>
            {data.remarks.map((remark) => (
              <li key={remark}>{remark}</li>
            ))}
          </ul>
        </details>
      )}
    </header>
  );
}
