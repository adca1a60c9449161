/** Pieces smaller than this are gathered, as each piece costs more than its bytes. */
const BLOCK_BYTES = 4_096;

/**
 * Bytes in memory, appended piece by piece. Pieces are copied, as their source may fill its buffer again or have cut them
 * from a larger one; small ones share a block, so that a body that comes byte by byte takes hardly more than its bytes.
 * A piece that its source has given away is kept as it is when it is most of its buffer.
 */
export class KeptPieces {
  readonly #areGivenAway: boolean;
  readonly #blocks: Buffer[] = [];
  #size = 0;
  /** How much of the last block is free. */
  #freeBytes = 0;

  /** `areGivenAway` says that the source does not touch a piece again. */
  constructor(areGivenAway = false) {
    this.#areGivenAway = areGivenAway;
  }

  /** How many bytes there are. */
  get size(): number {
    return this.#size;
  }

  /** The bytes in order, in as few blocks as there are. */
  get blocks(): readonly Buffer[] {
    const last = this.#blocks.at(-1);
    if (last === undefined || this.#freeBytes === 0) return this.#blocks;
    return [...this.#blocks.slice(0, -1), last.subarray(0, last.byteLength - this.#freeBytes)];
  }

  /** Adds a piece, or a copy of it. */
  append(piece: Uint8Array): void {
    this.#size += piece.byteLength;
    if (this.#areGivenAway && isMostOfItsBuffer(piece)) {
      this.#closeBlock();
      this.#blocks.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
      return;
    }
    const rest = this.#fill(piece);
    if (rest.byteLength === 0) return;
    if (rest.byteLength >= BLOCK_BYTES) {
      this.#blocks.push(Buffer.from(rest));
      return;
    }
    this.#blocks.push(Buffer.allocUnsafeSlow(BLOCK_BYTES));
    this.#freeBytes = BLOCK_BYTES;
    this.#fill(rest);
  }

  /** What comes next goes into a block of its own. */
  #closeBlock(): void {
    const last = this.#blocks.pop();
    if (last !== undefined) this.#blocks.push(last.subarray(0, last.byteLength - this.#freeBytes));
    this.#freeBytes = 0;
  }

  /** Puts as much as fits into the last block; what does not fit is given back. */
  #fill(piece: Uint8Array): Uint8Array {
    const last = this.#blocks.at(-1);
    if (last === undefined || this.#freeBytes === 0) return piece;
    const part = piece.subarray(0, this.#freeBytes);
    last.set(part, last.byteLength - this.#freeBytes);
    this.#freeBytes -= part.byteLength;
    return piece.subarray(part.byteLength);
  }
}

function isMostOfItsBuffer({ byteLength, buffer }: Uint8Array): boolean {
  return byteLength >= BLOCK_BYTES && byteLength * 2 >= buffer.byteLength;
}
