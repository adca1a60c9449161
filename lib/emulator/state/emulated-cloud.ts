import { CosKeys } from './cos-keys.js';
import type { Clock, ResolvedEmulatorOptions } from './emulator-options.js';
import { FaultList } from './faults.js';
import { Journal } from './journal.js';
import { MetaIds } from './meta-ids.js';
import { MisconfigurationList } from './misconfigurations.js';
import { MultipartUploads } from './multipart-uploads.js';
import type { ObjectStore } from './object-store.js';
import { SignedDownloadLinks, UploadLinks } from './signed-links.js';
import { TokenIssuer } from './token-issuer.js';

/** The state of an emulator. */
export class EmulatedCloud {
  /** The options. */
  readonly options: ResolvedEmulatorOptions;
  /** The objects. */
  readonly store: ObjectStore;
  /** The time. */
  readonly clock: Clock;
  /** The access tokens. */
  readonly tokens: TokenIssuer;
  /** The temporary keys for the bucket. */
  readonly cosKeys: CosKeys;
  /** The values of `x-cos-meta-fileid`. */
  readonly metaIds: MetaIds;
  /** The upload links. */
  readonly uploadLinks: UploadLinks;
  /** The download links. */
  readonly downloadLinks: SignedDownloadLinks;
  /** The faults to inject. */
  readonly faults = new FaultList();
  /** The simulated misconfigurations. */
  readonly misconfigurations = new MisconfigurationList();
  /** The multipart uploads that are neither completed nor aborted. */
  readonly multipartUploads = new MultipartUploads();
  /** The finished requests. */
  readonly journal: Journal;
  /** The base URL; known as soon as the server listens. */
  url = '';

  /** Creates a cloud without tokens and links. */
  constructor(options: ResolvedEmulatorOptions, store: ObjectStore, clock: Clock) {
    this.options = options;
    this.store = store;
    this.clock = clock;
    this.tokens = new TokenIssuer(options.tokenTtlSeconds, clock);
    this.cosKeys = new CosKeys(options.cos, clock);
    this.metaIds = new MetaIds(options.env, options.bucket);
    this.uploadLinks = new UploadLinks(clock, this.metaIds);
    this.downloadLinks = new SignedDownloadLinks(clock);
    this.journal = new Journal(options.onRequest);
  }

  /** The prefix of all file IDs. */
  get fileIdPrefix(): string {
    return `cloud://${this.options.env}.${this.options.bucket}/`;
  }

  /** Resets the state. */
  async clear(): Promise<void> {
    this.faults.clear();
    this.misconfigurations.clear();
    this.tokens.clear();
    this.cosKeys.clear();
    this.uploadLinks.clear();
    this.downloadLinks.clear();
    await this.multipartUploads.clear();
    await this.store.clear();
    this.journal.clear();
  }

  /** Releases the resources. Keeps the objects of a folder. */
  async close(): Promise<void> {
    try {
      await this.multipartUploads.clear();
    } finally {
      await this.store.close();
    }
  }
}
