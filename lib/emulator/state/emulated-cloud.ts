import type { Clock, ResolvedEmulatorOptions } from './emulator-options.js';
import { FaultList } from './faults.js';
import { Journal } from './journal.js';
import { MisconfigurationList } from './misconfigurations.js';
import type { ObjectStore } from './object-store.js';
import { SignedDownloadLinks, UploadLinks } from './signed-links.js';
import { TokenIssuer } from './token-issuer.js';

/** Everything that the emulator remembers. */
export class EmulatedCloud {
  /** How it is to be. */
  readonly options: ResolvedEmulatorOptions;
  /** Where its objects are. */
  readonly store: ObjectStore;
  /** Its time. */
  readonly clock: Clock;
  /** The access tokens. */
  readonly tokens: TokenIssuer;
  /** The upload links. */
  readonly uploadLinks: UploadLinks;
  /** The download links. */
  readonly downloadLinks: SignedDownloadLinks;
  /** What is to go wrong. */
  readonly faults = new FaultList();
  /** What is set up wrongly. */
  readonly misconfigurations = new MisconfigurationList();
  /** What was asked. */
  readonly journal: Journal;
  /** The address at which it is reached; known once it listens. */
  url = '';

  /** Has neither tokens nor links. */
  constructor(options: ResolvedEmulatorOptions, store: ObjectStore, clock: Clock) {
    this.options = options;
    this.store = store;
    this.clock = clock;
    this.tokens = new TokenIssuer(options.tokenTtlSeconds, clock);
    this.uploadLinks = new UploadLinks(clock);
    this.downloadLinks = new SignedDownloadLinks(clock);
    this.journal = new Journal(options.onRequest);
  }

  /** What all file IDs begin with. */
  get fileIdPrefix(): string {
    return `cloud://${this.options.env}.${this.options.bucket}/`;
  }

  /** Back to the start. */
  async clear(): Promise<void> {
    this.faults.clear();
    this.misconfigurations.clear();
    this.tokens.clear();
    this.uploadLinks.clear();
    this.downloadLinks.clear();
    await this.store.clear();
    this.journal.clear();
  }
}
