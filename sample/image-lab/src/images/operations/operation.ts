/** The positions of a watermark. */
export const POSITIONS = ['southeast', 'southwest', 'northeast', 'northwest', 'centre'] as const;

/** The position of a watermark. */
type Position = (typeof POSITIONS)[number];

/** An operation on an image, with all its options. */
export type Operation =
  | { readonly name: 'grayscale' }
  | { readonly name: 'blur'; readonly sigma: number }
  | { readonly name: 'resize'; readonly longestSide: number }
  | { readonly name: 'rotate'; readonly degrees: number }
  | Watermark;

/** A text on the image. */
export interface Watermark {
  readonly name: 'watermark';
  /** The text. */
  readonly text: string;
  /** The position. */
  readonly position: Position;
  /** The height of a letter in percent of the image's width. */
  readonly sizePercent: number;
  /** The opacity in percent; 100 is opaque. */
  readonly opacityPercent: number;
}

/** The names of the operations. */
export type OperationName = Operation['name'];
