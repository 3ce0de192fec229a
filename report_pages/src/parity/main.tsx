import { render } from "preact";
import { useEffect } from "preact/hooks";
import { readData, readPictures } from "../shared/filled_in";
import { useLanguage } from "../shared/language";
import { LanguageSwitch } from "../shared/language_switch";
import "../shared/theme.css";
import { Commands } from "./commands";
import { Compared } from "./compared";
import "./parity.css";
import type { ParityData } from "./parity_data";
import { ProviderSection } from "./provider_section";
import { TEXTS, TextsProvider } from "./texts";
import { Verdict } from "./verdict";

const SHOWN_UNREADABLE = 20;

function Page({ data, picture }: { data: ParityData; picture: (number: number) => string }) {
  const [language, choose] = useLanguage();
  const texts = TEXTS[language];
  const { images } = data;
  useEffect(() => {
    document.title = `${data.passed ? texts.passed : texts.failed}: ${data.model.file} – ${texts.title}`;
  }, [data, texts]);
  return (
    <TextsProvider value={texts}>
      <header>
        <div>
          <h1>
            {texts.title}: <bdi>{data.model.file}</bdi>
          </h1>
          <p class="faint">{texts.madeBy(data.version, whenText(data.created))}</p>
        </div>
        <LanguageSwitch language={language} choose={choose} />
      </header>
      <main>
        <Verdict passed={data.passed} providers={data.providers} />
        <p class="faint">{texts.whatIsCompared}</p>
        {images.made && <p class="notice">{texts.madeImages}</p>}
        {images.unreadable.length > 0 && (
          <p class="notice">
            {texts.unreadable(images.unreadable.length)} <bdi>{images.unreadable.slice(0, SHOWN_UNREADABLE).join(", ")}</bdi>
            {images.unreadable.length > SHOWN_UNREADABLE && ", …"}
          </p>
        )}
        {data.providers.map((provider) => (
          <ProviderSection key={provider.device} data={data} provider={provider} picture={picture} />
        ))}
        <Compared data={data} />
        <Commands data={data} />
      </main>
    </TextsProvider>
  );
}

// The time of the machine that made the page, whatever the reader's is.
function whenText(created: string): string {
  return created.replace("T", " ");
}

const element = document.getElementById("page");
if (element !== null) render(<Page data={readData<ParityData>()} picture={readPictures()} />, element);
