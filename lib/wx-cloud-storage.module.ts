import { hasSubscribers } from 'node:diagnostics_channel';
import { existsSync } from 'node:fs';
import { setImmediate } from 'node:timers';
import {
  type BeforeApplicationShutdown,
  ConfigurableModuleBuilder,
  type DynamicModule,
  type FactoryProvider,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type Provider,
} from '@nestjs/common';
import { loadDetector } from './body/content-type.js';
import { isInstrumented, LOG_CONTEXT } from './diagnostics.js';
import { OptionsInvalidError } from './errors/errors.js';
import { registrarProvider } from './http/application-registry.js';
import { RouteChecks } from './http/startup/route-checks.js';
import { contextOf } from './http/storage-services.js';
import { WxCloudUploadProgress } from './http/upload/upload-progress.js';
import {
  describeOptions,
  type MakeOptions,
  optionsMaker,
  readEnvironment,
} from './options/module-options.js';
import type { WxCloudStorageOptions } from './options/options.js';
import { resolveOptions } from './options/resolve-options.js';
import type { ResolvedOptions } from './options/resolved-options.js';
import { readBoolean } from './options/validation.js';
import {
  closeStorageContext,
  createStorageContext,
  FailedContext,
  STORAGE_CONTEXT,
  type StorageContext,
  usableContext,
} from './storage/storage-context.js';
import {
  getWxAccessTokenProviderToken,
  getWxCloudPendingFilesToken,
  getWxCloudStorageOptionsToken,
  getWxCloudStorageToken,
  isDefaultInstance,
} from './tokens.js';
import {
  type AccessTokens,
  WxAccessTokenProvider,
} from './wechat/tokens/wx-access-token-provider.js';
import { WxCloudPendingFiles } from './wx-cloud-pending-files.js';
import { registryProviders, WxCloudStorageRegistry } from './wx-cloud-storage-registry.js';
import { WxCloudStorageService } from './wx-cloud-storage.service.js';

/**
 * Settings of the module besides the options: for `forRoot`, and for `forRootAsync` besides the
 * factory.
 */
export interface WxCloudStorageModuleExtras {
  /**
   * True to let every module of the application inject the instance without importing this one.
   * @defaultValue false
   */
  isGlobal?: boolean | undefined;
  /**
   * The name of the instance, for applications with several environments.
   * @defaultValue none: the default instance
   */
  name?: string | undefined;
}

/** Argument of a `forRoot` that reads the environment: settings, but no options. */
type WxCloudStorageEnvironmentForm = {
  /** True to let every module of the application inject the instance without importing this one. */
  isGlobal: boolean;
  /** Must be omitted: a named instance does not read the environment. */
  name?: undefined;
} & { readonly [option in keyof WxCloudStorageOptions]?: undefined };

const EXTRAS: WxCloudStorageModuleExtras = { isGlobal: false, name: undefined };

/** The base class and the types of the options, extended by the extras. */
const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<WxCloudStorageOptions>({
    // The module uses a token of its own for each instance instead.
    optionsInjectionToken: Symbol('wx-cloud-storage:given-options'),
  })
    .setClassMethodName('forRoot')
    .setExtras(EXTRAS)
    .build();

type SettledOptions = ResolvedOptions | FailedContext;
type MadeContext = StorageContext | FailedContext;

/** Channel on which undici publishes requests, with their addresses. */
const UNDICI_REQUESTS = 'undici:request:create';

const ADDRESSES_SHOWN =
  "Something in this process watches the HTTP requests of undici, as OpenTelemetry's instrumentation does. The addresses of requests to WeChat hold access tokens, which would then be exported: call instrumentWxCloudStorage() of nestjs-wx-cloud-storage/opentelemetry before the application is created (nestjs-wx-cloud-storage/docs/observability.md).";

/** Options that were already checked. */
const resolved = new WeakSet<object>();

/**
 * Provides the storage of a WeChat environment: {@link WxCloudStorageService},
 * {@link WxAccessTokenProvider}, {@link WxCloudPendingFiles}, {@link WxCloudStorageRegistry}, and
 * providers for the interceptors.
 * Invalid options stop the application at start-up with an error that names the option.
 * @example
 * ```ts
 * import { Module } from '@nestjs/common';
 * import { WxCloudStorageModule } from 'nestjs-wx-cloud-storage';
 *
 * @Module({
 *   imports: [WxCloudStorageModule.forRoot({ isGlobal: true })],
 * })
 * export class AppModule {}
 * ```
 */
@Module({})
export class WxCloudStorageModule extends ConfigurableModuleClass {
  /**
   * Configures an instance with the given options. Without options, the default instance reads the
   * environment when the application starts: `WX_ENV_ID` (or `CBR_ENV_ID`), `WX_APPID`, `WX_SECRET`
   * and `WX_API_BASE_URL`; without `WX_SECRET` it uses the token that Cloud Hosting mounts, if
   * there is one.
   * @example
   * ```ts
   * import { Module } from '@nestjs/common';
   * import { WxCloudStorageModule } from 'nestjs-wx-cloud-storage';
   *
   * @Module({
   *   imports: [
   *     WxCloudStorageModule.forRoot({
   *       env: 'prod-8gtest1',
   *       appid: 'wx0123456789abcdef',
   *       secret: process.env['WX_SECRET'] ?? '',
   *     }),
   *   ],
   * })
   * export class AppModule {}
   * ```
   */
  static override forRoot(
    options?: typeof OPTIONS_TYPE | WxCloudStorageEnvironmentForm,
  ): DynamicModule {
    const all: WxCloudStorageModuleExtras = options === undefined ? {} : options;
    if (typeof all !== 'object' || all === null || Array.isArray(all)) {
      throw new OptionsInvalidError({
        option: 'options',
        expected: 'an object',
        remedy: 'Leave them out to read the environment.',
      });
    }
    const { isGlobal, name, ...given } = all;
    const make = (): WxCloudStorageOptions =>
      Object.keys(given).length > 0
        ? (given as WxCloudStorageOptions)
        : optionsFromEnvironment(name);
    return complete(super.forRoot(all as typeof OPTIONS_TYPE), { isGlobal, name }, make);
  }

  /**
   * Configures an instance with options from a factory, from a class with `create()`, or from an
   * existing provider of that shape.
   * @example
   * ```ts
   * import { Module } from '@nestjs/common';
   * import { WxCloudStorageModule } from 'nestjs-wx-cloud-storage';
   *
   * @Module({
   *   imports: [
   *     WxCloudStorageModule.forRootAsync({
   *       useFactory: async () => ({
   *         env: 'prod-8gtest1',
   *         auth: { type: 'cloudbase-token' as const },
   *       }),
   *     }),
   *   ],
   * })
   * export class AppModule {}
   * ```
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    const make = optionsMaker(options ?? {});
    return complete(super.forRootAsync(options), options, make);
  }
}

/** Starts and closes the context of the module together with the application. */
class StorageLifecycle
  implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  readonly #context: StorageContext | undefined;
  readonly #isUsed: boolean;

  constructor(context: MadeContext, service: object) {
    this.#context = context instanceof FailedContext ? undefined : context;
    // False where a test replaced the service of the module.
    this.#isUsed = contextOf(service) === this.#context;
  }

  /** Loads lazily loaded parts, so that the first request need not wait for them. */
  onApplicationBootstrap(): void {
    if (!this.#isUsed) return;
    if (hasSubscribers(UNDICI_REQUESTS) && !isInstrumented()) {
      this.#context?.logger.warn(ADDRESSES_SHOWN);
    }
    // The first request reports errors.
    setImmediate(() => {
      Promise.all([this.#context?.transport.prepare(), loadDetector()]).catch(() => {});
    });
  }

  /** Waits for running operations, at most 9 seconds, then aborts them and waits for clean-up. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#context?.operations.drain();
  }

  /**
   * Refuses further calls, waits for the clean-up of requests that the closing server cut off, and
   * closes all connections.
   */
  async onApplicationShutdown(): Promise<void> {
    if (this.#context !== undefined) await closeStorageContext(this.#context);
  }
}

function complete(
  definition: DynamicModule,
  { isGlobal, name }: WxCloudStorageModuleExtras,
  makeOptions: MakeOptions,
): DynamicModule {
  assertExtras({ isGlobal, name });
  const service = getWxCloudStorageToken(name);
  const tokenProvider = getWxAccessTokenProviderToken(name);
  const pendingFiles = getWxCloudPendingFilesToken(name);
  const optionsToken = getWxCloudStorageOptionsToken(name);
  const providers: Provider[] = [
    ...(definition.providers ?? []).map(provider => resolving(provider, optionsToken, makeOptions)),
    {
      provide: STORAGE_CONTEXT,
      inject: [optionsToken],
      useFactory: (given: SettledOptions | WxCloudStorageOptions) => makeContext(given, name),
    },
    {
      provide: service,
      inject: [STORAGE_CONTEXT],
      useFactory: (context: MadeContext) => new WxCloudStorageService(context),
    },
    {
      provide: tokenProvider,
      inject: [STORAGE_CONTEXT],
      useFactory: (context: MadeContext) => new WxAccessTokenProvider(tokensOf(context)),
    },
    {
      provide: pendingFiles,
      inject: [STORAGE_CONTEXT],
      useFactory: (context: MadeContext) => new WxCloudPendingFiles(() => usableContext(context)),
    },
    {
      provide: StorageLifecycle,
      inject: [STORAGE_CONTEXT, service],
      useFactory: (context: MadeContext, given: object) => new StorageLifecycle(context, given),
    },
    ...registryProviders,
    WxCloudUploadProgress,
    RouteChecks,
    registrarProvider(STORAGE_CONTEXT, service, name),
  ];
  return {
    ...definition,
    global: isGlobal ?? false,
    providers,
    exports: [service, tokenProvider, pendingFiles, WxCloudUploadProgress, WxCloudStorageRegistry],
  };
}

/**
 * Checks the settings. Environment variables are strings: "false" would count as true, and "" would
 * name an instance of its own.
 */
function assertExtras({ isGlobal, name }: WxCloudStorageModuleExtras): void {
  if (isGlobal !== undefined) readBoolean('isGlobal', isGlobal);
  if (name === undefined || (typeof name === 'string' && name !== '')) return;
  throw new OptionsInvalidError({
    option: 'name',
    expected: 'a string that is not empty',
    remedy: 'Leave it out for the default instance.',
  });
}

function optionsFromEnvironment(name: string | undefined): WxCloudStorageOptions {
  if (isDefaultInstance(name)) return readEnvironment(process.env, existsSync);
  throw new OptionsInvalidError({
    option: 'env',
    expected: `given, as the instance "${name}" has a name and reads no environment variables`,
    remedy: 'Give forRoot() its env and a way to authenticate.',
  });
}

/**
 * Replaces the options provider by one that holds the checked options, with a wrapped secret,
 * instead of the given ones. Options are read and checked on instantiation: not at all where a test
 * overrides the provider.
 */
function resolving(provider: Provider, token: symbol, makeOptions: MakeOptions): Provider {
  if (!('provide' in provider) || provider.provide !== MODULE_OPTIONS_TOKEN) return provider;
  const { inject = [] } = provider as FactoryProvider;
  const useFactory = async (...injected: unknown[]): Promise<SettledOptions> => {
    try {
      return resolveOnce(await makeOptions(...injected));
    } catch (error) {
      return new FailedContext(error);
    }
  };
  return { provide: token, inject, useFactory };
}

/** Creates the context. Options from a test are unchecked, as users write them. */
function makeContext(
  given: SettledOptions | WxCloudStorageOptions,
  name: string | undefined,
): MadeContext {
  if (given instanceof FailedContext) return given;
  try {
    const options = resolveOnce(given);
    const logger = new Logger(LOG_CONTEXT);
    logger.log(describeOptions(options, isDefaultInstance(name) ? undefined : name));
    return createStorageContext(options, logger);
  } catch (error) {
    return new FailedContext(error);
  }
}

/**
 * Returns the tokens of a context. The first call throws the error of invalid options, if the
 * service has not stopped the start because of them.
 */
function tokensOf(context: MadeContext): AccessTokens {
  return {
    get: async () => {
      const { tokens, operations } = usableContext(context);
      return operations.run('getting a token', {}, async signal => tokens?.get(signal));
    },
    invalidate: rejected => usableContext(context).tokens?.invalidate(rejected),
  };
}

function resolveOnce(given: WxCloudStorageOptions | ResolvedOptions): ResolvedOptions {
  if (isResolved(given)) return given;
  const options = resolveOptions(given);
  resolved.add(options);
  return options;
}

function isResolved(given: WxCloudStorageOptions | ResolvedOptions): given is ResolvedOptions {
  return resolved.has(given);
}
