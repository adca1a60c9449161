import { join } from 'node:path';
import { monotonicClock } from './clock.js';
import { DiskStore } from './disk-store.js';
import { EmulatedCloud } from './emulated-cloud.js';
import {
  resolveEmulatorOptions,
  type ResolvedEmulatorOptions,
  type WxCloudEmulatorOptions,
} from './emulator-options.js';
import { Fronts, type FrontAddresses } from './fronts.js';
import { MemoryStore } from './memory-store.js';
import type { EmulatorMisconfiguration } from './misconfigurations.js';
import type { ObjectStore } from './object-store.js';
import type { EmulatorObject, WxCloudEmulator } from './wx-cloud-emulator.js';

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
  const cloud = new EmulatedCloud({ options: resolved, store, clock: monotonicClock });
  const fronts = new Fronts(cloud);
  const addresses = await listen(fronts, resolved.port, store);
  cloud.url = addresses.url;
  return toEmulator({ cloud, fronts, addresses });
}

async function listen(fronts: Fronts, port: number, store: ObjectStore): Promise<FrontAddresses> {
  try {
    return await fronts.listen(port);
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

interface EmulatorParts {
  readonly cloud: EmulatedCloud;
  readonly fronts: Fronts;
  readonly addresses: FrontAddresses;
}

/** State stays in closures: inspecting the emulator shows neither tokens nor keys. */
function toEmulator({ cloud, fronts, addresses }: EmulatorParts): WxCloudEmulator {
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
    misconfigure: (name: EmulatorMisconfiguration) => misconfigurations.add(name),
    get objects() {
      return snapshotOf(cloud);
    },
    readObject: (cloudPath: string) => readObject(cloud, cloudPath),
    openConnections: () => fronts.countConnections(),
    issueCloudbaseToken: () => cloud.tokens.issueCloudbase(),
    expireTokens: () => cloud.tokens.expireAll(),
    expireLinks: () => {
      cloud.uploadLinks.expireAll();
      cloud.downloadLinks.expireAll();
    },
    reset: async () => {
      await fronts.abortRequests();
      await cloud.clear();
    },
    close: () => (closed ??= fronts.close().finally(() => cloud.store.close())),
  });
}

function snapshotOf({ store, fileIdPrefix }: EmulatedCloud): readonly EmulatorObject[] {
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
