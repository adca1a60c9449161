import { WxCloudStorageError } from '../errors/index.js';
import { HeadCollector } from './head-collector.js';
import { checkPieces, copyPieces, resumePieces, type Pieces } from './pieces.js';
import type { UploadBody } from './upload-body.js';

/** What is known of a stream. */
export interface StreamBodyParts {
  /** How many bytes it has. */
  readonly size: number;
  /** Whether its source does not touch a piece again; otherwise each is copied. @defaultValue false */
  readonly areGivenAway?: boolean | undefined;
}

/**
 * A body whose length is known beforehand and that streams through without being kept: it can be sent once. Reads
 * the first bytes; the rest is read while it is sent, and must add up to `size`.
 */
export async function streamBody(
  source: Pieces,
  { size, areGivenAway = false }: StreamBodyParts,
): Promise<UploadBody> {
  // A connection may still hold a piece when it asks for the next one.
  const pieces = areGivenAway ? source : copyPieces(source);
  const head = new HeadCollector(true);
  const read: Uint8Array[] = [];
  while (!head.isFull) {
    const { done, value } = await pieces.next();
    if (done === true) break;
    head.add(value);
    read.push(value);
  }
  return {
    size,
    head: head.toBytes(),
    isReplayable: false,
    open: () => exactly(resumePieces(read, pieces), size),
    dispose: async () => {
      await pieces.return();
    },
  };
}

/** Passes pieces on and ends with an error unless they have `size` bytes together; never yields a byte too many. */
export function exactly(pieces: Pieces, size: number): Pieces {
  let seen = 0;
  return checkPieces(pieces, ({ done, value }) => {
    seen += done === true ? 0 : value.byteLength;
    if (seen > size) throw mismatched(`more than the ${size} bytes declared`);
    if (done === true && seen < size) {
      throw mismatched(`${seen} bytes instead of the ${size} declared`);
    }
  });
}

function mismatched(found: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_SIZE_MISMATCHED',
    message: `The body to upload has ${found}; nothing was stored. Declare its exact size, or none.`,
  });
}
