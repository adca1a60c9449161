export { startWxCloudEmulator } from './start-wx-cloud-emulator.js';
export type { WxCloudEmulatorOptions } from './state/emulator-options.js';
export type { WxCloudEmulatorCosKeys, WxCloudEmulatorCosOptions } from './state/cos-options.js';
export type {
  WxCloudEmulatorClientOptions,
  WxCloudEmulatorObject,
  WxCloudEmulator,
} from './start-wx-cloud-emulator.js';
export type { WxCloudEmulatorJournalEntry } from './state/journal.js';
export type { WxCloudEmulatorOperation } from './state/operation.js';
export type { WxCloudEmulatorMisconfiguration } from './state/misconfigurations.js';
export type { WxCloudEmulatorFaults } from './state/faults.js';
export type {
  WxCloudEmulatorFault,
  WxCloudEmulatorFaultEffect,
  WxCloudEmulatorFaultKind,
} from './state/fault-effects.js';
