/** How many first bytes decide a type: what the detector asks for. */
export const HEAD_BYTES = 4_100;

/** The bytes of one reading: at hand, whole or in pieces, or to be read once. */
export type BodyBytes = Buffer | readonly Uint8Array[] | AsyncIterable<Uint8Array>;

/** A body of known length, ready to be sent. */
export interface UploadBody {
  /** How many bytes it has. */
  readonly size: number;
  /** Whether {@link UploadBody.open} can be called again, to send it once more. */
  readonly isReplayable: boolean;
  /** Starts one reading of all its bytes. A body that is not replayable can be opened once. */
  open(signal: AbortSignal): BodyBytes;
  /** Lets go of memory and of the temporary file. Can be called again. */
  dispose(): Promise<void>;
}

/** A body in memory, or on any medium that can be read again. */
export function replayableBody(
  parts: Pick<UploadBody, 'size' | 'open'> & { readonly dispose?: () => Promise<void> },
): UploadBody {
  return { isReplayable: true, dispose: () => Promise.resolve(), ...parts };
}
