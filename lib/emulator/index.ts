export { startWxCloudEmulator } from './start-wx-cloud-emulator.js';
export type { WxCloudEmulatorOptions } from './state/emulator-options.js';
export type {
  EmulatorClientOptions,
  EmulatorObject,
  WxCloudEmulator,
} from './start-wx-cloud-emulator.js';
export type { JournalEntry } from './state/journal.js';
export type { EmulatorOperation } from './state/operation.js';
export type {
  EmulatorMisconfiguration,
  PlayedMisconfiguration,
  SidecarMisconfiguration,
  TokenMisconfiguration,
} from './state/misconfigurations.js';
export type { AddedFault, EmulatorFaults } from './state/faults.js';
export type {
  CosErrorEffect,
  DelayEffect,
  EmptyEffect,
  EmulatorFault,
  ErrcodeEffect,
  FaultEffect,
  FaultKind,
  HangEffect,
  ItemEffect,
  MalformedJsonEffect,
  ResetEffect,
  StatusEffect,
} from './state/fault-effects.js';
