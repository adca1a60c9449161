import { WxCloudStorageError } from '../errors/errors.js';
import {
  DECODE_META_ID_ENDPOINT,
  decodeMetaIdContent,
  decodeMetaIds,
  ENCODE_META_IDS_ENDPOINT,
  type EncodeMetaIdsRequest,
  type MetaIdContent,
} from '../wechat/cos-endpoints.js';
import {
  decodeUploadLink,
  malformed,
  UPLOAD_LINK_ENDPOINT,
  type UploadLinkRequest,
} from '../wechat/endpoints.js';
import type { JsonApi } from '../wechat/wechat-api.js';
import { RequestBatcher } from './batching.js';
import type { FileCallsContext } from './file-calls.js';

/**
 * Signs file IDs: `x-cos-meta-fileid`, without which an object has a dead file ID. Each method
 * makes one call; transient failures are for the caller to repeat.
 */
export interface MetaIdSigner {
  /**
   * Returns the signed file ID of a path. `openid` is the owner of the object; empty for the
   * application itself, which is the only one where `decode` is missing.
   */
  encode(cloudPath: string, openid: string, signal: AbortSignal): Promise<string>;
  /** Returns the owner, bucket and path that are signed into a file ID. */
  readonly decode?: (metaId: string, signal: AbortSignal) => Promise<MetaIdContent>;
}

/** Creates the signer that takes upload links; outside of the container there is no other. */
export function linkMetaIds({ api, options, fileIdScope }: FileCallsContext): MetaIdSigner {
  return {
    encode: async (cloudPath, _openid, signal) => {
      const body: UploadLinkRequest = { env: options.env, path: cloudPath };
      const link = decodeUploadLink(await api.post(UPLOAD_LINK_ENDPOINT, body, signal));
      fileIdScope.learnBucket(link.fileId, cloudPath, UPLOAD_LINK_ENDPOINT);
      return link.metaFileId;
    },
  };
}

/** Time to collect paths while the sidecar is busy, in milliseconds; short beside an upload. */
const BUSY_WINDOW_MS = 10;

/** An object whose file ID is signed. */
interface MetaIdSubject {
  readonly cloudPath: string;
  /** The owner; empty for the application itself. */
  readonly openid: string;
}

/** The signed file ID of one object, or the reason for having none. */
type MetaIdResult = { readonly metaId: string } | { readonly error: unknown };

/**
 * Signs file IDs by the sidecar of the container. Concurrent uploads share a call of 50 paths at
 * most.
 * @see https://developers.weixin.qq.com/miniprogram/dev/wxcloudservice/wxcloudrun/src/development/storage/service/cos-sdk.html
 */
export class SidecarMetaIds implements MetaIdSigner {
  readonly #sidecar: JsonApi;
  readonly #bucket: string;
  readonly #batcher: RequestBatcher<MetaIdSubject, MetaIdResult>;

  /** Makes no call yet. */
  constructor(sidecar: JsonApi, bucket: string) {
    this.#sidecar = sidecar;
    this.#bucket = bucket;
    this.#batcher = new RequestBatcher({
      windowMs: 0,
      busyWindowMs: BUSY_WINDOW_MS,
      keyOf: ({ openid, cloudPath }) => `${openid} ${cloudPath}`,
      groupOf: ({ cloudPath }) => cloudPath,
      request: (subjects, signal) => this.#request(subjects, signal),
    });
  }

  /**
   * See {@link MetaIdSigner.encode}.
   * @throws {@link WxCloudStorageError} by `errcode`; `WX_CLOUD_RESPONSE_MALFORMED` for a list
   * without a usable value for the path
   */
  async encode(cloudPath: string, openid: string, signal: AbortSignal): Promise<string> {
    const subject = { cloudPath, openid };
    const [result = missing(subject)] = await this.#batcher.ask([subject], signal);
    if ('error' in result) throw result.error;
    return result.metaId;
  }

  /**
   * See {@link MetaIdSigner.decode}.
   * @throws {@link WxCloudStorageError} by `errcode`; `WX_CLOUD_RESPONSE_MALFORMED`
   */
  readonly decode = async (metaId: string, signal: AbortSignal): Promise<MetaIdContent> => {
    const endpoint = DECODE_META_ID_ENDPOINT;
    const body = { metaid: metaId };
    const secrets = [metaId];
    const call = { endpoint, method: 'POST', query: {}, body, secrets, signal } as const;
    return decodeMetaIdContent(await this.#sidecar.call(call));
  };

  /** Makes one call for each owner. */
  async #request(
    subjects: readonly MetaIdSubject[],
    signal: AbortSignal,
  ): Promise<readonly MetaIdResult[]> {
    const results = new Map<MetaIdSubject, MetaIdResult>();
    const ask = async (openid: string): Promise<void> => {
      const own = subjects.filter(subject => subject.openid === openid);
      const found = await this.#ask(own, openid, signal);
      for (const [index, subject] of own.entries()) {
        results.set(subject, found[index] ?? missing(subject));
      }
    };
    await Promise.all([...new Set(subjects.map(({ openid }) => openid))].map(ask));
    return subjects.map(subject => results.get(subject) ?? missing(subject));
  }

  /**
   * Asks for the paths of one owner. A list of another length does not tell which path has no
   * value, and an error may be about one of them, so each path is then asked for alone.
   */
  async #ask(
    subjects: readonly MetaIdSubject[],
    openid: string,
    signal: AbortSignal,
  ): Promise<readonly MetaIdResult[]> {
    let failure: unknown;
    try {
      const metaIds = await this.#call(subjects, openid, signal);
      if (metaIds !== undefined || subjects.length === 1) {
        return subjects.map((subject, index) => toResult(subject, metaIds?.[index]));
      }
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
    }
    if (failure !== undefined && (subjects.length === 1 || !isPerhapsOfOnePath(failure))) {
      return subjects.map(() => ({ error: failure }));
    }
    const alone = subjects.map(subject => this.#ask([subject], openid, signal));
    return (await Promise.all(alone)).flat();
  }

  /** The official samples disagree about the slash; the documentation shows it. */
  async #call(
    subjects: readonly MetaIdSubject[],
    openid: string,
    signal: AbortSignal,
  ): Promise<readonly (string | undefined)[] | undefined> {
    const endpoint = ENCODE_META_IDS_ENDPOINT;
    const paths = subjects.map(({ cloudPath }) => `/${cloudPath}`);
    const body: EncodeMetaIdsRequest = { openid, bucket: this.#bucket, paths };
    const call = { endpoint, method: 'POST', query: {}, body, signal } as const;
    return decodeMetaIds(await this.#sidecar.call(call), paths.length);
  }
}

function isPerhapsOfOnePath(error: unknown): boolean {
  return (
    error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_API_FAILED' && !error.retryable
  );
}

function toResult(subject: MetaIdSubject, metaId: string | undefined): MetaIdResult {
  return metaId === undefined ? missing(subject) : { metaId };
}

function missing({ cloudPath }: MetaIdSubject): MetaIdResult {
  return {
    error: malformed(ENCODE_META_IDS_ENDPOINT, `there is no signed file ID for "${cloudPath}"`),
  };
}
