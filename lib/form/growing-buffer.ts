const NOTHING = Buffer.alloc(0);

/** Bytes that come piece by piece, in one buffer, as pieces may be as small as a byte. A single piece is kept as it is. */
export class GrowingBuffer {
  #buffer: Buffer = NOTHING;
  #size = 0;

  /** How many bytes there are. */
  get size(): number {
    return this.#size;
  }

  /** All of them. A view, which holds until the next piece is added. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#size);
  }

  /** Adds a piece. */
  add(piece: Buffer): void {
    if (this.#size === 0) this.#buffer = piece;
    else this.#append(piece);
    this.#size += piece.byteLength;
  }

  /** Makes sure that the bytes do not hold a much larger buffer: before they wait for more. */
  compact(): void {
    if (this.#size * 2 < this.#buffer.buffer.byteLength) this.#buffer = copyOf(this.bytes);
  }

  /** Forgets all of them. */
  clear(): void {
    this.#buffer = NOTHING;
    this.#size = 0;
  }

  #append(piece: Buffer): void {
    const size = this.#size + piece.byteLength;
    if (size > this.#buffer.byteLength) {
      const grown = Buffer.allocUnsafeSlow(size * 2);
      grown.set(this.bytes);
      this.#buffer = grown;
    }
    this.#buffer.set(piece, this.#size);
  }
}

/** A copy that shares its buffer with nothing else. */
export function copyOf(piece: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(piece.byteLength);
  copy.set(piece);
  return copy;
}
