import type { EmulatorFaults } from './faults.js';
import type { JournalEntry } from './journal.js';
import type { EmulatorMisconfiguration, PlayedMisconfiguration } from './misconfigurations.js';

/** What an application needs to reach the emulator. */
export interface EmulatorClientOptions {
  /** The environment ID. */
  readonly env: string;
  /** The AppID. */
  readonly appid: string;
  /** The AppSecret; fake. */
  readonly secret: string;
  /** `http://127.0.0.1:<port>`. */
  readonly apiBaseUrl: string;
}

/** An object as the emulator holds it. */
export interface EmulatorObject {
  /** The object's path, without a leading slash. */
  readonly cloudPath: string;
  /** `cloud://<env>.<bucket>/<cloudPath>`. */
  readonly fileId: string;
  /** How many bytes it has. */
  readonly size: number;
  /** From the form field `Content-Type`; `application/octet-stream` without one. */
  readonly contentType: string;
  /** The MD5 of its content in hex, without quotes. */
  readonly etag: string;
  /** Whether the file ID works: false for an object stored without the right `x-cos-meta-fileid`. */
  readonly fileIdAlive: boolean;
}

/** A running emulator. */
export interface WxCloudEmulator {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /**
   * `http://127.0.0.1:<port>`: what `http://api.weixin.qq.com` is inside a container with the open API service (开放接口服务)
   * switched on. File APIs only, without a token.
   */
  readonly sidecarUrl: string;
  /** `https://127.0.0.1:<port>`: the same service with its self-signed certificate, which no client trusts. */
  readonly sidecarTlsUrl: string;
  /** To be passed to `WxCloudStorageModule.forRoot()` as it is, or with more options beside it. */
  readonly options: EmulatorClientOptions;
  /** The environment ID. */
  readonly env: string;
  /** The bucket's name. */
  readonly bucket: string;
  /** A snapshot of the newest 10,000 requests that have ended, oldest first. */
  readonly journal: readonly JournalEntry[];
  /** What is to go wrong. */
  readonly faults: EmulatorFaults;
  /**
   * Plays a misconfiguration until it is removed, or the emulator reset; `faults.clear()` leaves it. Of several that befall a
   * call, the one that was added first counts; a fault counts before them.
   * @throws {TypeError} when there is none of this name, naming those that there are
   */
  misconfigure(name: EmulatorMisconfiguration): PlayedMisconfiguration;
  /** A snapshot of all objects, in no promised order. */
  readonly objects: readonly EmulatorObject[];
  /** An object's content; rejects when there is none of this path. */
  readObject(cloudPath: string): Promise<Buffer>;
  /** How many connections are open now, idle ones included. */
  openConnections(): Promise<number>;
  /**
   * A token that is valid for 30 minutes, as the platform writes it into a container's
   * `/.tencentcloudbase/wx/cloudbase_access_token`. File APIs take it as `cloudbase_access_token`.
   */
  issueCloudbaseToken(): string;
  /** From now on every token issued so far answers 42001. */
  expireTokens(): void;
  /** From now on every upload and download link issued so far is expired. */
  expireLinks(): void;
  /** Cuts requests under way; then objects, tokens, links, journal, faults and misconfigurations are back to the start. */
  reset(): Promise<void>;
  /** Cuts all connections; then the ports are free. Objects in `dataDir` stay. Further calls do nothing. */
  close(): Promise<void>;
}
