import { WxCloudStorageError } from '../errors/index.js';
import { parseFileIdWithin, type ParsedFileId } from '../file-id/index.js';

/** Knows which environment and bucket file IDs may belong to; learns the bucket from the first upload link. */
export class BucketMemory {
  readonly #env: string;
  #bucket: string | undefined;

  /** `bucket` is undefined when it is still to be learned. */
  constructor(env: string, bucket: string | undefined) {
    this.#env = env;
    this.#bucket = bucket;
  }

  /** The bucket, once it is known. */
  get bucket(): string | undefined {
    return this.#bucket;
  }

  /** Takes a caller's file ID apart. @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` when it is foreign or malformed */
  accept(fileId: unknown): ParsedFileId {
    return parseFileIdWithin(fileId, { env: this.#env, bucket: this.#bucket });
  }

  /**
   * Checks the file ID of an upload link before anything is sent to it, and learns the bucket. The
   * path has to be the same to the letter: the object would be stored under one name, and looked
   * for under another. `endpoint` is where the link came from, for the error.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_RESPONSE_MALFORMED` when the link is for another
   * environment, bucket or path
   */
  learn(fileId: string, cloudPath: string, endpoint: string): void {
    const found = this.#read(fileId, endpoint);
    if (found.cloudPath !== cloudPath) throw otherPath(endpoint);
    this.#bucket = found.bucket;
  }

  #read(fileId: string, endpoint: string): ParsedFileId {
    try {
      return this.accept(fileId);
    } catch (error) {
      throw foreignLink(endpoint, error);
    }
  }
}

function foreignLink(endpoint: string, cause: unknown): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `${endpoint}: the link is for another environment or bucket than was asked for. Check the options env and bucket.`,
    endpoint,
    cause,
  });
}

/** Retryable, as something in between has mixed up two answers. */
function otherPath(endpoint: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `${endpoint}: the link is for another path than was asked for, so nothing was sent to it. Check any gateway or cache between.`,
    retryable: true,
    endpoint,
  });
}
