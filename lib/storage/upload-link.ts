import { WxCloudStorageError } from '../errors/errors.js';
import { elapsedMs } from '../operations/deadline.js';
import { isLoopback } from '../options/validation.js';
import { isTransient } from '../wechat/api-errors.js';
import {
  decodeUploadLink,
  UPLOAD_LINK_ENDPOINT,
  type UploadLink,
  type UploadLinkRequest,
} from '../wechat/endpoints.js';
import type { StorageContext } from './storage-context.js';

/** Age from which a link is not used any more, in milliseconds. */
const LONGEST_AGE_MS = 600_000;

/**
 * Requests an upload link for one object from WeChat, and checks that it is for this path, and for
 * the environment and bucket of the instance.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloudrun/src/development/storage/service/upload.html
 */
export async function requestUploadLink(
  { api, options, fileIdScope }: StorageContext,
  cloudPath: string,
  signal: AbortSignal,
): Promise<UploadLink> {
  const body: UploadLinkRequest = { env: options.env, path: cloudPath };
  const link = decodeUploadLink(await api.post(UPLOAD_LINK_ENDPOINT, body, signal));
  assertPrivate(link.address);
  fileIdScope.learnBucket(link.fileId, cloudPath, UPLOAD_LINK_ENDPOINT);
  return link;
}

/** The form contains a signature and a security token, so its transport must be private. */
function assertPrivate(address: URL): void {
  if (address.protocol === 'https:' || isLoopback(address)) return;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_RESPONSE_MALFORMED',
    message: `${UPLOAD_LINK_ENDPOINT}: the link is not https:, so nothing was sent to it. Check any gateway in between.`,
    endpoint: UPLOAD_LINK_ENDPOINT,
  });
}

/** An upload link that is asked for while the file arrives. */
export class EarlyLink {
  readonly #cloudPath: string;
  readonly #now: () => number;
  readonly #askedAtMs: number;
  readonly #controller = new AbortController();
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => this.#controller.abort(this.#signal.reason);
  readonly #link: Promise<UploadLink>;

  /** Asks for the link of a path at once. `now` is a monotonic clock in milliseconds. */
  constructor(
    cloudPath: string,
    ask: (cloudPath: string, signal: AbortSignal) => Promise<UploadLink>,
    signal: AbortSignal,
    now = elapsedMs,
  ) {
    this.#cloudPath = cloudPath;
    this.#signal = signal;
    this.#now = now;
    this.#askedAtMs = now();
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort);
    this.#link = ask(cloudPath, this.#controller.signal);
    // The upload that takes the link gets the error.
    this.#link.catch(() => {});
  }

  /** Returns the link if it is for this path and not too old; else undefined. */
  linkFor(cloudPath: string): Promise<UploadLink> | undefined {
    const isOld = this.#now() - this.#askedAtMs >= LONGEST_AGE_MS;
    return cloudPath === this.#cloudPath && !isOld ? this.#link : undefined;
  }

  /** Waits for other work; rejects at once when the link fails for good. */
  whileNotRefused<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(resolve, reject);
      this.#link.catch((error: unknown) => {
        if (!isTransient(error)) reject(error as Error);
      });
    });
  }

  /** Ends a request that is still running. Can be called again. */
  dispose(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#controller.abort();
  }
}
