import { Inject } from '@nestjs/common';
import { DEFAULT_INSTANCE, namedServiceToken } from './http/storage-services.js';
import { WxAccessTokenProvider } from './wechat/tokens/wx-access-token-provider.js';
import { WxCloudStorageService } from './wx-cloud-storage.service.js';

/** The injection token of an instance's service: the class itself for the default one. */
export function getWxCloudStorageToken(
  name: string = DEFAULT_INSTANCE,
): symbol | typeof WxCloudStorageService {
  return isDefaultInstance(name) ? WxCloudStorageService : namedServiceToken(name);
}

/**
 * The injection token of an instance's access token provider: the class itself for the default one.
 */
export function getWxAccessTokenProviderToken(
  name?: string,
): symbol | typeof WxAccessTokenProvider {
  return isDefaultInstance(name)
    ? WxAccessTokenProvider
    : Symbol.for(`wx-cloud-storage:token-provider:${name}`);
}

/**
 * The injection token of an instance's options, for tests: its value is not for use, but may be
 * overridden, whichever way the module got its own options. They are then neither read nor checked;
 * those that override them are.
 * @example
 * ```ts
 * const module = await Test.createTestingModule({ imports: [AppModule] })
 *   .overrideProvider(getWxCloudStorageOptionsToken())
 *   .useValue(emulator.options)
 *   .compile();
 * ```
 */
export function getWxCloudStorageOptionsToken(name?: string): symbol {
  return Symbol.for(
    `wx-cloud-storage:options:${isDefaultInstance(name) ? DEFAULT_INSTANCE : name}`,
  );
}

/** Injects the service of a named instance; without a name the default one. */
export function InjectWxCloudStorage(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getWxCloudStorageToken(name));
}

/** Injects the access token provider of a named instance; without a name the default one. */
export function InjectWxAccessTokenProvider(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getWxAccessTokenProviderToken(name));
}

/** Tells the default instance, which has no name of its own. */
export function isDefaultInstance(name: string | undefined): boolean {
  return name === undefined || name === DEFAULT_INSTANCE;
}
