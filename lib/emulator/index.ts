export { startWxCloudEmulator } from './start-wx-cloud-emulator.js';
export type { WxCloudEmulatorOptions } from './emulator-options.js';
export type {
  EmulatorClientOptions,
  EmulatorObject,
  WxCloudEmulator,
} from './wx-cloud-emulator.js';
export type { JournalEntry } from './journal.js';
export type { EmulatorOperation } from './operation.js';
export type {
  EmulatorMisconfiguration,
  PlayedMisconfiguration,
  SidecarMisconfiguration,
  TokenMisconfiguration,
} from './misconfigurations.js';
export type { AddedFault, EmulatorFaults } from './faults.js';
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
} from './fault-effect.js';
