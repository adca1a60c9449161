import { HEAD_BYTES } from './upload-body.js';

/** Gathers the first bytes of a body from its pieces. */
export class HeadCollector {
  readonly #pieces: Uint8Array[] = [];
  #size = 0;

  /** Whether further pieces would add nothing. */
  get isFull(): boolean {
    return this.#size >= HEAD_BYTES;
  }

  /** Copies what is still missing from a piece, so that the piece itself can be let go. */
  add(piece: Uint8Array): void {
    const part = Buffer.from(piece.subarray(0, HEAD_BYTES - this.#size));
    this.#pieces.push(part);
    this.#size += part.byteLength;
  }

  /** The bytes gathered so far. */
  toBytes(): Uint8Array {
    return Buffer.concat(this.#pieces);
  }
}
