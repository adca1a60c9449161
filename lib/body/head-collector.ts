import { HEAD_BYTES } from './upload-body.js';

/** Gathers the first bytes of a body from its pieces. */
export class HeadCollector {
  readonly #pieces: Uint8Array[] = [];
  #size = 0;
  #whole: Uint8Array | undefined;

  /** Whether further pieces would add nothing. */
  get isFull(): boolean {
    return this.#size >= HEAD_BYTES;
  }

  /** Copies what is still missing from a piece, so that the piece itself can be let go. */
  add(piece: Uint8Array): void {
    const part = Buffer.from(piece.subarray(0, HEAD_BYTES - this.#size));
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
