import type { WxCloudStorageOptions } from 'nestjs-wx-cloud-storage';
import type { WxCloudEmulatorJournalEntry } from 'nestjs-wx-cloud-storage/emulator';
import type { WechatCredentials } from '../settings.js';
import { openEmulatedCloud } from './emulated-cloud.js';
import { openWechatCloud } from './wechat-cloud.js';

/** The injection token of the {@link Cloud}. */
export const CLOUD = Symbol('image-lab:cloud');

/** A request that the cloud received, as an entry of the emulator's journal. */
export type CloudRequest = WxCloudEmulatorJournalEntry;

/** The cloud that stores the images. */
export interface Cloud {
  /** `'emulator'` for the emulator inside this process, `'wechat'` for WeChat's cloud. */
  readonly mode: 'emulator' | 'wechat';
  /** The environment ID. */
  readonly env: string;
  /** A description in one line, for the log. */
  readonly description: string;
  /** The origins of temporary links, as sources of a content security policy. */
  readonly imageSources: readonly string[];
  /** The origins to which forms are posted, as sources of a content security policy. */
  readonly uploadTargets: readonly string[];
  /** The options of the storage module. */
  readonly storageOptions: WxCloudStorageOptions;
  /** The same with keys of the bucket, for uploads without links; undefined without such keys. */
  readonly cosOptions: WxCloudStorageOptions | undefined;
  /**
   * Returns the requests about the objects at these paths, oldest first; always empty for WeChat.
   */
  requestsAbout(cloudPaths: readonly string[]): readonly CloudRequest[];
  /** Closes everything that was started for the cloud. Further calls have no effect. */
  close(): Promise<void>;
}

/** Opens WeChat's cloud if there are credentials, otherwise starts the emulator. */
export async function openCloud(credentials: WechatCredentials | undefined): Promise<Cloud> {
  return credentials === undefined ? openEmulatedCloud() : openWechatCloud(credentials);
}
