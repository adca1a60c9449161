import { HEAD_BYTES } from './upload-body.js';

/** Gathers the first bytes of a body from its pieces. */
export class HeadCollector {
  readonly #areGivenAway: boolean;
  readonly #pieces: Uint8Array[] = [];
  #size = 0;
  #whole: Uint8Array | undefined;

  /** `areGivenAway` says that the source does not touch a piece again. */
  constructor(areGivenAway = false) {
    this.#areGivenAway = areGivenAway;
  }

  /** Whether further pieces would add nothing. */
  get isFull(): boolean {
    return this.#size >= HEAD_BYTES;
  }

  /** Takes what is still missing from a piece, as a copy unless the piece was given away. */
  add(piece: Uint8Array): void {
    const missing = piece.subarray(0, HEAD_BYTES - this.#size);
    const part = this.#areGivenAway ? missing : Buffer.from(missing);
    this.#pieces.push(part);
    this.#size += part.byteLength;
    this.#whole = undefined;
  }

  /** The bytes gathered so far. */
  toBytes(): Uint8Array {
    this.#whole ??= this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
    return this.#whole ?? Buffer.alloc(0);
  }
}
