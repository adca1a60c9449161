/** What comes of asking for a piece. */
export type PieceResult = IteratorResult<Uint8Array, undefined>;

/**
 * Bytes that come piece by piece; a reader that leaves before their end calls `return`. Plain iterators: an async generator
 * for every step between a form and the storage would take more of the processor than what the steps do.
 */
export interface Pieces extends AsyncIterable<Uint8Array> {
  /** The next piece; one call at a time. */
  next(): Promise<PieceResult>;
  /** Lets go of what the pieces come from. Can be called again, also behind the end. */
  return(): Promise<IteratorReturnResult<undefined>>;
}

/** Whoever waits for the next piece. */
export interface WaitingReader {
  /** Gives it. */
  readonly resolve: (result: PieceResult) => void;
  /** Tells why there is none. */
  readonly reject: (error: unknown) => void;
}

/** What comes behind the last piece. */
export const NO_PIECE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Passes pieces on, after a look at each result; what `check` throws ends the reading. */
export function checkPieces(pieces: Pieces, check: (result: PieceResult) => void): Pieces {
  const onResult = (result: PieceResult): PieceResult => {
    try {
      check(result);
    } catch (error) {
      void pieces.return();
      throw error;
    }
    return result;
  };
  return {
    next: () => pieces.next().then(onResult),
    return: () => pieces.return(),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Copies every piece, for whoever still needs one when the source already fills its buffer again. */
export function copyPieces(pieces: Pieces): Pieces {
  const copy = (result: PieceResult): PieceResult =>
    result.done === true ? result : { done: false, value: Buffer.from(result.value) };
  return {
    next: () => pieces.next().then(copy),
    return: () => pieces.return(),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/**
 * Pieces that were read already, and then those that are still to come. `onResumed` is called once
 * none of those that were read is held any more.
 */
export function resumePieces(
  read: readonly Uint8Array[],
  rest: Pieces,
  onResumed: () => void = () => {},
): Pieces {
  const held = [...read];
  return {
    next: () => {
      const value = held.shift();
      if (value !== undefined) return Promise.resolve({ done: false, value });
      onResumed();
      return rest.next();
    },
    return: () => {
      held.length = 0;
      onResumed();
      return rest.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
