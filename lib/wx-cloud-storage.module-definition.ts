import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { WxCloudStorageOptions } from './options/index.js';

/** What may stand beside the options of `forRoot`, and beside the factory of `forRootAsync`. */
export interface WxCloudStorageModuleExtras {
  /** Whether every module of the application can inject the instance without importing this one. @defaultValue false */
  isGlobal?: boolean | undefined;
  /** The name of the instance, where an application uses several environments. @defaultValue none: the default instance */
  name?: string | undefined;
}

/** The form of `forRoot` that reads the environment: extras, and none of the options. */
export type WxCloudStorageEnvironmentForm = {
  /** True lets every module of the application inject the instance without importing this one. */
  isGlobal: boolean;
  /** Left out: an instance with a name reads no environment. */
  name?: undefined;
} & { readonly [option in keyof WxCloudStorageOptions]?: undefined };

const EXTRAS: WxCloudStorageModuleExtras = { isGlobal: false, name: undefined };

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<WxCloudStorageOptions>({
    // In its place the module takes one for each instance.
    optionsInjectionToken: Symbol('wx-cloud-storage:given-options'),
  })
    .setClassMethodName('forRoot')
    .setExtras(EXTRAS)
    .build();
