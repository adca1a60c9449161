import { readFile, stat } from 'node:fs/promises';
import { WxCloudStorageError } from '../../errors/errors.js';
import { elapsedMs, untilAborted } from '../../operations/deadline.js';
import type { TokenSource } from '../wechat-api.js';

/**
 * Interval at which the platform writes a new token.
 * @see https://developers.weixin.qq.com/minigame/dev/wxcloud/guide/container/cloudcall.html
 */
const REREAD_AFTER_MS = 600_000;
/** Lifetime of each token of the platform. */
const LIFE_MS = 1_800_000;
/** Named in errors in place of a remote operation. */
const TOKEN_FILE_ENDPOINT = 'auth.file';

interface ReadToken {
  readonly accessToken: string;
  readonly readAtMs: number;
  /** Identifies one version of the file. */
  readonly state: string;
}

/**
 * The token that the platform mounts into a container. Every call checks the file and reads it
 * again after a change, after a refusal, and at least every 10 minutes. While the file cannot be
 * read, the last token stays in use, for 30 minutes at most.
 */
export class CloudbaseTokenFile implements TokenSource {
  readonly #file: string;
  readonly #nowMs: () => number;
  #held: ReadToken | undefined;
  #reading: Promise<string> | undefined;

  /**
   * Creates a reader that has read nothing yet. `file` is where the platform mounts the token;
   * `nowMs` is a monotonic clock.
   */
  constructor(file: string, nowMs = elapsedMs) {
    this.#file = file;
    this.#nowMs = nowMs;
  }

  /**
   * Returns the token that the file holds now.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_CREDENTIAL_UNAVAILABLE`
   */
  async get(signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted();
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return untilAborted(this.#reading, signal);
  }

  /** Does nothing. */
  confirm(): void {}

  /** Makes the next call read the file again. */
  invalidate(rejected: string): void {
    if (this.#held?.accessToken === rejected) this.#held = undefined;
  }

  async #read(): Promise<string> {
    const held = this.#held;
    try {
      const { mtimeMs, size, ino } = await stat(this.#file);
      const state = `${ino} ${size} ${mtimeMs}`;
      const isKnown = held?.state === state && this.#ageOf(held) < REREAD_AFTER_MS;
      if (isKnown) return held.accessToken;
      const accessToken = (await readFile(this.#file, 'utf8')).trim();
      if (accessToken === '') throw new Error('the file is empty');
      this.#held = { accessToken, readAtMs: this.#nowMs(), state };
      return accessToken;
    } catch (error) {
      if (held !== undefined && this.#ageOf(held) < LIFE_MS) return held.accessToken;
      throw unreadable(error);
    }
  }

  #ageOf({ readAtMs }: ReadToken): number {
    return this.#nowMs() - readAtMs;
  }
}

function unreadable(cause: unknown): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
    message:
      'auth.file: the token that the platform mounts could not be read. Outside WeChat Cloud Hosting there is none: use ' +
      'another auth. Inside, switch on 云调用 for the service and create a new version; see the cause.',
    retryable: true,
    endpoint: TOKEN_FILE_ENDPOINT,
    cause,
  });
}
