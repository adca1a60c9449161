import type { WxCloudStorageOptions } from 'nestjs-wx-cloud-storage';
import type { WxCloudEmulatorJournalEntry } from 'nestjs-wx-cloud-storage/emulator';
import type { WechatCredentials } from '../settings.js';
import { openEmulatedCloud } from './emulated-cloud.js';
import { openWechatCloud } from './wechat-cloud.js';

/** The token that the {@link Cloud} is injected by. */
export const CLOUD = Symbol('image-lab:cloud');

/** A request that the cloud has got, as the emulator's journal has it. */
export type CloudRequest = WxCloudEmulatorJournalEntry;

/** Where the images are kept. */
export interface Cloud {
  /** True when it is the emulator inside this process, or WeChat's own. */
  readonly mode: 'emulator' | 'wechat';
  /** The environment ID. */
  readonly env: string;
  /** One line for the log. */
  readonly description: string;
  /** Where temporary links lead to, as sources of a content security policy. */
  readonly imageSources: readonly string[];
  /** Where forms are posted to, as sources of a content security policy. */
  readonly uploadTargets: readonly string[];
  /** What the storage module is given. */
  readonly storageOptions: WxCloudStorageOptions;
  /** The requests about the objects at these paths, the oldest first; always empty for WeChat. */
  requestsAbout(cloudPaths: readonly string[]): readonly CloudRequest[];
  /** Ends what was started for it. Further calls do nothing. */
  close(): Promise<void>;
}

/** Takes WeChat's cloud when there are credentials, else starts the emulator. */
export async function openCloud(credentials: WechatCredentials | undefined): Promise<Cloud> {
  return credentials === undefined ? openEmulatedCloud() : openWechatCloud(credentials);
}
