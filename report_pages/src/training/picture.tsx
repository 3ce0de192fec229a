import { createContext } from "preact";
import { useContext } from "preact/hooks";

// A picture's address by its number.
export const PictureContext = createContext<(number: number) => string>(() => "");

export function Picture({ number, alt }: { number: number; alt: string }) {
  return <img src={useContext(PictureContext)(number)} alt={alt} title={alt} width={128} height={128} />;
}
