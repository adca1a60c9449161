/** How many first bytes decide a type: what the detector asks for. */
export const HEAD_BYTES = 4_100;

/** The head of a source that is read on. */
export const EMPTY_HEAD = new Uint8Array();

/** The bytes of one reading: at hand, whole or in pieces, or to be read once. */
export type BodyBytes = Buffer | readonly Uint8Array[] | AsyncIterable<Uint8Array>;

/** A body of known length, ready to be sent. Its source disposes of it. */
export interface UploadBody {
  /** How many bytes it has. */
  readonly size: number;
  /** Whether {@link UploadBody.open} can be called again, to send it once more. */
  readonly isReplayable: boolean;
  /** Starts one reading of all its bytes. A body that is not replayable can be opened once. */
  open(signal: AbortSignal): BodyBytes;
}

/** A source of which no more than the first bytes was read. */
export interface OpenedSource {
  /**
   * Its first bytes, up to {@link HEAD_BYTES}: fewer only where it has no more. Empty from
   * {@link OpenedSource.complete} on, as it may be a view of a much larger buffer.
   */
  readonly head: Uint8Array;
  /** Reads the rest, where the length is not known without it. To be called once. */
  complete(): Promise<UploadBody>;
  /** Lets go of the source, of memory and of the temporary file. Can be called again. */
  dispose(): Promise<void>;
}

/** A source whose length is known, so that it is sent without being read to its end before. */
export class MeasuredSource implements OpenedSource {
  #head: Uint8Array;
  readonly #body: UploadBody;
  readonly #letGo: () => Promise<unknown>;

  /** `letGo` is called by {@link dispose}. */
  constructor(
    head: Uint8Array,
    body: UploadBody,
    letGo: () => Promise<unknown> = () => Promise.resolve(),
  ) {
    this.#head = head;
    this.#body = body;
    this.#letGo = letGo;
  }

  /** As {@link OpenedSource.head}. */
  get head(): Uint8Array {
    return this.#head;
  }

  /** Reads nothing. */
  async complete(): Promise<UploadBody> {
    this.#head = EMPTY_HEAD;
    return this.#body;
  }

  /** As {@link OpenedSource.dispose}. */
  async dispose(): Promise<void> {
    await this.#letGo();
  }
}
