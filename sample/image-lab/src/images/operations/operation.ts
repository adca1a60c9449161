/** Where a watermark goes. */
export const POSITIONS = ['southeast', 'southwest', 'northeast', 'northwest', 'centre'] as const;

/** Where a watermark goes. */
type Position = (typeof POSITIONS)[number];

/** What can be done with an image, with all its options. */
export type Operation =
  | { readonly name: 'grayscale' }
  | { readonly name: 'blur'; readonly sigma: number }
  | { readonly name: 'resize'; readonly longestSide: number }
  | { readonly name: 'rotate'; readonly degrees: number }
  | Watermark;

/** A text across the image. */
export interface Watermark {
  readonly name: 'watermark';
  /** What it says. */
  readonly text: string;
  /** Where it is. */
  readonly position: Position;
  /** Percent of the image's width that a letter is high. */
  readonly sizePercent: number;
  /** Percent; 100 hides what is below. */
  readonly opacityPercent: number;
}

/** The names of the operations. */
export type OperationName = Operation['name'];
