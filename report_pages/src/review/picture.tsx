// An image's picture with what lies over it, in the proportions of the image whatever those of the picture are.

import type { ComponentChildren } from "preact";
import type { ReviewSet } from "./review_set";
import { useTexts } from "./texts";

export interface PictureProps {
  set: ReviewSet;
  image: number;
  // The longest side in pixels, where there is so much room.
  side: number;
  grey?: boolean;
  // Positioned over the picture, in shares of it.
  children?: ComponentChildren;
}

export function Picture({ set, image, side, grey = false, children }: PictureProps) {
  const texts = useTexts();
  const address = set.pictureOf(image);
  const [width, height] = set.data.sizes[image] ?? [0, 0];
  if (address === null || width === 0 || height === 0) return <span class="no-picture">{texts.noPicture}</span>;
  const scale = side / Math.max(width, height);
  const style = { maxWidth: `${Math.max(1, width * scale)}px`, aspectRatio: `${width} / ${height}` };
  return (
    <span class={grey ? "picture grey" : "picture"} style={style}>
      <img src={address} alt="" decoding="async" draggable={false} />
      {children}
    </span>
  );
}
