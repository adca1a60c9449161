import { Inject } from '@nestjs/common';
import { DEFAULT_INSTANCE, namedServiceToken } from './http/storage-services.js';
import { WxAccessTokenProvider } from './wechat/tokens/wx-access-token-provider.js';
import { WxCloudPendingFiles } from './wx-cloud-pending-files.js';
import { WxCloudStorageService } from './wx-cloud-storage.service.js';

/**
 * Returns the injection token of the service of an instance: the class itself for the default
 * instance.
 * @example
 * ```ts
 * import { Test } from '@nestjs/testing';
 * import { getWxCloudStorageToken } from 'nestjs-wx-cloud-storage';
 *
 * const module = await Test.createTestingModule({
 *   providers: [{ provide: getWxCloudStorageToken('archive'), useValue: {} }],
 * }).compile();
 *
 * console.log(module.get(getWxCloudStorageToken('archive')));
 * ```
 */
export function getWxCloudStorageToken(
  name: string = DEFAULT_INSTANCE,
): symbol | typeof WxCloudStorageService {
  return isDefaultInstance(name) ? WxCloudStorageService : namedServiceToken(name);
}

/**
 * Returns the injection token of the access token provider of an instance: the class itself for the
 * default instance.
 * @example
 * ```ts
 * import { Test } from '@nestjs/testing';
 * import { getWxAccessTokenProviderToken } from 'nestjs-wx-cloud-storage';
 *
 * const module = await Test.createTestingModule({
 *   providers: [
 *     {
 *       provide: getWxAccessTokenProviderToken('archive'),
 *       useValue: { getAccessToken: async () => 'a token', invalidate: () => {} },
 *     },
 *   ],
 * }).compile();
 *
 * console.log(module.get(getWxAccessTokenProviderToken('archive')));
 * ```
 */
export function getWxAccessTokenProviderToken(
  name?: string,
): symbol | typeof WxAccessTokenProvider {
  return isDefaultInstance(name)
    ? WxAccessTokenProvider
    : Symbol.for(`wx-cloud-storage:token-provider:${name}`);
}

/**
 * Returns the injection token of the pending files of an instance: the class itself for the default
 * instance.
 * @example
 * ```ts
 * import { Test } from '@nestjs/testing';
 * import { getWxCloudPendingFilesToken } from 'nestjs-wx-cloud-storage';
 *
 * const module = await Test.createTestingModule({
 *   providers: [
 *     {
 *       provide: getWxCloudPendingFilesToken('archive'),
 *       useValue: { sweep: async () => ({ deleted: 0, kept: 0, failed: 0 }) },
 *     },
 *   ],
 * }).compile();
 *
 * console.log(module.get(getWxCloudPendingFilesToken('archive')));
 * ```
 */
export function getWxCloudPendingFilesToken(name?: string): symbol | typeof WxCloudPendingFiles {
  return isDefaultInstance(name)
    ? WxCloudPendingFiles
    : Symbol.for(`wx-cloud-storage:pending-files:${name}`);
}

/**
 * Returns the injection token of the options of an instance, for tests. Its value must not be used,
 * but may be overridden, in whatever way the module gets its own options. Those are then neither
 * read nor checked; the overriding ones are checked.
 * @example
 * ```ts
 * import { Test } from '@nestjs/testing';
 * import { getWxCloudStorageOptionsToken, WxCloudStorageModule } from 'nestjs-wx-cloud-storage';
 * import { startWxCloudEmulator } from 'nestjs-wx-cloud-storage/emulator';
 *
 * const emulator = await startWxCloudEmulator();
 * const module = await Test.createTestingModule({ imports: [WxCloudStorageModule.forRoot()] })
 *   .overrideProvider(getWxCloudStorageOptionsToken())
 *   .useValue(emulator.options)
 *   .compile();
 *
 * await module.close();
 * await emulator.close();
 * ```
 */
export function getWxCloudStorageOptionsToken(name?: string): symbol {
  return Symbol.for(
    `wx-cloud-storage:options:${isDefaultInstance(name) ? DEFAULT_INSTANCE : name}`,
  );
}

/**
 * Injects the service of a named instance; without a name that of the default instance.
 * @example
 * ```ts
 * import { Injectable } from '@nestjs/common';
 * import { InjectWxCloudStorage, WxCloudStorageService } from 'nestjs-wx-cloud-storage';
 *
 * @Injectable()
 * export class ArchiveService {
 *   constructor(@InjectWxCloudStorage('archive') private readonly old: WxCloudStorageService) {}
 *
 *   async keep(text: string): Promise<string> {
 *     return (await this.old.upload('notes/today.txt', text)).fileId;
 *   }
 * }
 * ```
 */
export function InjectWxCloudStorage(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getWxCloudStorageToken(name));
}

/**
 * Injects the access token provider of a named instance; without a name that of the default
 * instance.
 * @example
 * ```ts
 * import { Injectable } from '@nestjs/common';
 * import { InjectWxAccessTokenProvider, WxAccessTokenProvider } from 'nestjs-wx-cloud-storage';
 *
 * @Injectable()
 * export class ArchiveMessages {
 *   constructor(
 *     @InjectWxAccessTokenProvider('archive') private readonly tokens: WxAccessTokenProvider,
 *   ) {}
 *
 *   token(): Promise<string> {
 *     return this.tokens.getAccessToken();
 *   }
 * }
 * ```
 */
export function InjectWxAccessTokenProvider(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getWxAccessTokenProviderToken(name));
}

/**
 * Injects the pending files of a named instance; without a name those of the default instance.
 * @example
 * ```ts
 * import { Injectable } from '@nestjs/common';
 * import { InjectWxCloudPendingFiles, WxCloudPendingFiles } from 'nestjs-wx-cloud-storage';
 *
 * @Injectable()
 * export class ArchiveSweeper {
 *   constructor(
 *     @InjectWxCloudPendingFiles('archive') private readonly pending: WxCloudPendingFiles,
 *   ) {}
 *
 *   async sweep(findFileIds: (fileIds: readonly string[]) => Promise<string[]>): Promise<void> {
 *     await this.pending.sweep({ isInUse: findFileIds });
 *   }
 * }
 * ```
 */
export function InjectWxCloudPendingFiles(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getWxCloudPendingFilesToken(name));
}

/** True for the default instance, which has no name. */
export function isDefaultInstance(name: string | undefined): boolean {
  return name === undefined || name === DEFAULT_INSTANCE;
}
