import { join } from 'node:path';
import { type EmulatorUrls, EmulatorServers } from './server/http-servers.js';
import { DiskStore } from './state/disk-store.js';
import { EmulatedCloud } from './state/emulated-cloud.js';
import {
  monotonicClock,
  type ResolvedEmulatorOptions,
  resolveEmulatorOptions,
  type WxCloudEmulatorOptions,
} from './state/emulator-options.js';
import type { WxCloudEmulatorFaults } from './state/faults.js';
import type { WxCloudEmulatorJournalEntry } from './state/journal.js';
import { MemoryStore } from './state/memory-store.js';
import type {
  WxCloudEmulatorMisconfiguration,
  PlayedMisconfiguration,
} from './state/misconfigurations.js';
import type { ObjectStore } from './state/object-store.js';

/** The module options with which an application reaches the emulator. */
export interface WxCloudEmulatorClientOptions {
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
export interface WxCloudEmulatorObject {
  /** The object's path, without a leading slash. */
  readonly cloudPath: string;
  /** `cloud://<env>.<bucket>/<cloudPath>`. */
  readonly fileId: string;
  /** The size in bytes. */
  readonly size: number;
  /** The form field or header `Content-Type`, or `application/octet-stream` without one. */
  readonly contentType: string;
  /**
   * The ETag without quotes: the MD5 of its content in hex, or `<hex>-<number of parts>` after a
   * multipart upload.
   */
  readonly etag: string;
  /**
   * True if the file ID works. False for an object that was stored without the right
   * `x-cos-meta-fileid`.
   */
  readonly fileIdAlive: boolean;
}

/**
 * A running emulator.
 * @example
 * ```ts
 * import { startWxCloudEmulator, type WxCloudEmulator } from 'nestjs-wx-cloud-storage/emulator';
 *
 * const emulator: WxCloudEmulator = await startWxCloudEmulator();
 * // … upload files with the options `emulator.options`, and then:
 * for (const { cloudPath, size } of emulator.objects) console.log(cloudPath, size);
 * for (const { operation, status } of emulator.journal) console.log(operation, status);
 * await emulator.reset();
 * await emulator.close();
 * ```
 */
export interface WxCloudEmulator {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /**
   * The sidecar, `http://127.0.0.1:<port>`. It stands for `http://api.weixin.qq.com` inside a
   * container in which the open API service (开放接口服务) is enabled. It serves the file APIs only, and
   * needs no token.
   */
  readonly sidecarUrl: string;
  /**
   * The sidecar over https, `https://127.0.0.1:<port>`, with a self-signed certificate that no
   * client trusts.
   */
  readonly sidecarTlsUrl: string;
  /**
   * The base URL of the bucket, for requests that the caller signs: `<cosEndpoint>/<key>`. It
   * stands for `https://<bucket>.cos.<region>.myqcloud.com`. Requests to
   * {@link WxCloudEmulator.url} with that host, or with a signature and the path `/<key>`, reach
   * the bucket too.
   */
  readonly cosEndpoint: string;
  /** Options for `WxCloudStorageModule.forRoot()`; more options can be added to them. */
  readonly options: WxCloudEmulatorClientOptions;
  /** The environment ID. */
  readonly env: string;
  /** The bucket's name. */
  readonly bucket: string;
  /** A snapshot of the latest 10,000 finished requests, oldest first. */
  readonly journal: readonly WxCloudEmulatorJournalEntry[];
  /** The faults to inject. */
  readonly faults: WxCloudEmulatorFaults;
  /**
   * Simulates a misconfiguration until it is removed or the emulator is reset. `faults.clear()`
   * does not remove it. If several apply to a call, the one added first takes effect. A fault takes
   * precedence over all of them.
   * @throws {TypeError} if the name is unknown; the message lists the known names
   */
  misconfigure(name: WxCloudEmulatorMisconfiguration): PlayedMisconfiguration;
  /** A snapshot of all objects, in no particular order. */
  readonly objects: readonly WxCloudEmulatorObject[];
  /**
   * Returns the content of an object.
   * @throws {Error} if there is no object at this path
   */
  readObject(cloudPath: string): Promise<Buffer>;
  /** Returns the number of open connections, including idle ones. */
  openConnections(): Promise<number>;
  /**
   * Issues a token that is valid for 30 minutes, such as the platform writes to
   * `/.tencentcloudbase/wx/cloudbase_access_token` in a container. The file APIs accept it as
   * `cloudbase_access_token`.
   */
  issueCloudbaseToken(): string;
  /** Expires all tokens issued so far: calls with them fail with 42001. */
  expireTokens(): void;
  /** Expires all temporary keys for the bucket issued so far: 400 `ExpiredToken`. */
  expireCosKeys(): void;
  /** Expires all upload and download links issued so far. */
  expireLinks(): void;
  /**
   * Aborts running requests, then deletes all objects, tokens, links, keys, journal entries, faults
   * and misconfigurations.
   */
  reset(): Promise<void>;
  /**
   * Closes all connections and releases the ports. Objects in `dataDir` are kept. Further calls
   * have no effect.
   */
  close(): Promise<void>;
}

/**
 * Starts a WeChat cloud on 127.0.0.1: access tokens, file APIs and object storage. It checks
 * requests as strictly as the official documents specify.
 * @throws {TypeError} if an option is invalid; the message names the option
 * @throws {Error} if the port is in use, or `dataDir` cannot be used or belongs to another running
 * emulator
 * @example
 * ```ts
 * import { Module } from '@nestjs/common';
 * import { WxCloudStorageModule } from 'nestjs-wx-cloud-storage';
 * import { startWxCloudEmulator } from 'nestjs-wx-cloud-storage/emulator';
 *
 * const emulator = await startWxCloudEmulator({ dataDir: '.wx-cloud' });
 *
 * @Module({ imports: [WxCloudStorageModule.forRoot(emulator.options)] })
 * export class AppModule {}
 * ```
 */
export async function startWxCloudEmulator(
  options: WxCloudEmulatorOptions = {},
): Promise<WxCloudEmulator> {
  const resolved = resolveEmulatorOptions(options);
  const store = await openStore(resolved);
  const cloud = new EmulatedCloud(resolved, store, monotonicClock);
  const servers = new EmulatorServers(cloud);
  const urls = await listen(servers, resolved.port, store);
  cloud.url = urls.url;
  return toEmulator(cloud, servers, urls);
}

async function listen(
  servers: EmulatorServers,
  port: number,
  store: ObjectStore,
): Promise<EmulatorUrls> {
  try {
    return await servers.listen(port);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openStore({ dataDir, bucket }: ResolvedEmulatorOptions): Promise<ObjectStore> {
  if (dataDir === undefined) return new MemoryStore();
  try {
    return await DiskStore.open(join(dataDir, bucket));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`startWxCloudEmulator: dataDir cannot be used: ${reason}`, { cause: error });
  }
}

/** Keeps the state in closures, so that inspecting the emulator shows neither tokens nor keys. */
function toEmulator(
  cloud: EmulatedCloud,
  servers: EmulatorServers,
  urls: EmulatorUrls,
): WxCloudEmulator {
  const { url, faults, misconfigurations } = cloud;
  const { env, appid, secret, bucket } = cloud.options;
  let closed: Promise<void> | undefined;
  return Object.freeze({
    ...urls,
    cosEndpoint: `${url}/${bucket}`,
    options: Object.freeze({ env, appid, secret, apiBaseUrl: url }),
    env,
    bucket,
    get journal() {
      return cloud.journal.entries;
    },
    faults: Object.freeze({
      add: (fault: Parameters<typeof faults.add>[0]) => faults.add(fault),
      clear: () => faults.clear(),
    }),
    misconfigure: (name: WxCloudEmulatorMisconfiguration) => misconfigurations.add(name),
    get objects() {
      return snapshotOf(cloud);
    },
    readObject: (cloudPath: string) => readObject(cloud, cloudPath),
    openConnections: () => servers.countConnections(),
    issueCloudbaseToken: () => cloud.tokens.issueCloudbase(),
    expireTokens: () => cloud.tokens.expireAll(),
    expireCosKeys: () => cloud.cosKeys.expireAll(),
    expireLinks: () => {
      cloud.uploadLinks.expireAll();
      cloud.downloadLinks.expireAll();
    },
    reset: async () => {
      await servers.abortRequests();
      await cloud.clear();
    },
    close: () => (closed ??= servers.close().finally(() => cloud.close())),
  });
}

function snapshotOf({ store, fileIdPrefix }: EmulatedCloud): readonly WxCloudEmulatorObject[] {
  return [...store.objects.values()].map(object => ({
    cloudPath: object.cloudPath,
    fileId: fileIdPrefix + object.cloudPath,
    size: object.size,
    contentType: object.contentType,
    etag: object.etag,
    fileIdAlive: object.fileIdAlive,
  }));
}

async function readObject({ store }: EmulatedCloud, cloudPath: string): Promise<Buffer> {
  const content = await store.open(cloudPath);
  if (content === undefined) {
    throw new Error(`The emulator has no object "${cloudPath}".`);
  }
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of content.read(0, content.object.size)) chunks.push(chunk);
    return Buffer.concat(chunks);
  } finally {
    await content.close();
  }
}
