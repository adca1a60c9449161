import { join } from 'node:path';
import { type EmulatorAddresses, EmulatorServers } from './server/http-servers.js';
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

/** What an application needs to reach the emulator. */
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
  /** How many bytes it has. */
  readonly size: number;
  /** From the form field `Content-Type`; `application/octet-stream` without one. */
  readonly contentType: string;
  /** The MD5 of its content in hex, without quotes. */
  readonly etag: string;
  /**
   * True when the file ID works: false for an object stored without the right `x-cos-meta-fileid`.
   */
  readonly fileIdAlive: boolean;
}

/** A running emulator. */
export interface WxCloudEmulator {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /**
   * `http://127.0.0.1:<port>`: what `http://api.weixin.qq.com` is inside a container with the open
   * API service (开放接口服务) switched on. File APIs only, without a token.
   */
  readonly sidecarUrl: string;
  /**
   * `https://127.0.0.1:<port>`: the same service with its self-signed certificate, which no client
   * trusts.
   */
  readonly sidecarTlsUrl: string;
  /** To be passed to `WxCloudStorageModule.forRoot()` as it is, or with more options beside it. */
  readonly options: WxCloudEmulatorClientOptions;
  /** The environment ID. */
  readonly env: string;
  /** The bucket's name. */
  readonly bucket: string;
  /** A snapshot of the newest 10,000 requests that have ended, oldest first. */
  readonly journal: readonly WxCloudEmulatorJournalEntry[];
  /** What is to go wrong. */
  readonly faults: WxCloudEmulatorFaults;
  /**
   * Plays a misconfiguration until it is removed, or the emulator reset; `faults.clear()` leaves
   * it. Of several that befall a call, the one that was added first counts; a fault counts before
   * them.
   * @throws {TypeError} when there is none of this name, naming those that there are
   */
  misconfigure(name: WxCloudEmulatorMisconfiguration): PlayedMisconfiguration;
  /** A snapshot of all objects, in no promised order. */
  readonly objects: readonly WxCloudEmulatorObject[];
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
  /**
   * Cuts requests under way; then objects, tokens, links, journal, faults and misconfigurations are
   * back to the start.
   */
  reset(): Promise<void>;
  /**
   * Cuts all connections; then the ports are free. Objects in `dataDir` stay. Further calls do
   * nothing.
   */
  close(): Promise<void>;
}

/**
 * Starts a WeChat cloud on 127.0.0.1: access tokens, file APIs and object storage, as strict as the
 * documents.
 * @throws {TypeError} when an option is wrong, naming it
 * @throws {Error} when the port is taken, or the `dataDir` cannot be used or is used by another
 * emulator
 */
export async function startWxCloudEmulator(
  options: WxCloudEmulatorOptions = {},
): Promise<WxCloudEmulator> {
  const resolved = resolveEmulatorOptions(options);
  const store = await openStore(resolved);
  const cloud = new EmulatedCloud(resolved, store, monotonicClock);
  const servers = new EmulatorServers(cloud);
  const addresses = await listen(servers, resolved.port, store);
  cloud.url = addresses.url;
  return toEmulator(cloud, servers, addresses);
}

async function listen(
  servers: EmulatorServers,
  port: number,
  store: ObjectStore,
): Promise<EmulatorAddresses> {
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

/** State stays in closures: inspecting the emulator shows neither tokens nor keys. */
function toEmulator(
  cloud: EmulatedCloud,
  servers: EmulatorServers,
  addresses: EmulatorAddresses,
): WxCloudEmulator {
  const { url, faults, misconfigurations } = cloud;
  const { env, appid, secret, bucket } = cloud.options;
  let closed: Promise<void> | undefined;
  return Object.freeze({
    ...addresses,
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
    expireLinks: () => {
      cloud.uploadLinks.expireAll();
      cloud.downloadLinks.expireAll();
    },
    reset: async () => {
      await servers.abortRequests();
      await cloud.clear();
    },
    close: () => (closed ??= servers.close().finally(() => cloud.store.close())),
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
    throw new Error(`The emulator holds no object "${cloudPath}".`);
  }
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of content.read(0, content.object.size)) chunks.push(chunk);
    return Buffer.concat(chunks);
  } finally {
    await content.close();
  }
}
