import type { OnApplicationShutdown, OnModuleDestroy, Provider } from '@nestjs/common';
import { type InstanceList, singletonProvider } from './http/application-registry.js';
import { OpenedInstances, type WxCloudOpenSettings } from './opened-instances.js';
import type { WxCloudStorageOptions } from './options/options.js';
import type { WxCloudStorageService } from './wx-cloud-storage.service.js';

/**
 * Opens instances of the storage while the application runs, e.g. one for each tenant of a
 * platform, and finds them by name. Injectable; an application has one, in whatever number of
 * modules. Opened instances share their connections, at most 1024; the memory and disk budgets of
 * uploads are those of the process; all instances are closed when the application shuts down. At
 * most 4096 are open: one more closes the one that was not used for longest.
 * @example
 * ```ts
 * import { Injectable } from '@nestjs/common';
 * import { WxCloudStorageRegistry, type WxCloudStorageService } from 'nestjs-wx-cloud-storage';
 *
 * declare class Tenants {
 *   find(id: string): Promise<{ env: string; appid: string; secret: string }>;
 * }
 *
 * @Injectable()
 * export class TenantStorage {
 *   constructor(
 *     private readonly registry: WxCloudStorageRegistry,
 *     private readonly tenants: Tenants,
 *   ) {}
 *
 *   async of(id: string): Promise<WxCloudStorageService> {
 *     const { env, appid, secret } = await this.tenants.find(id);
 *     return this.registry.open(`tenant-${id}`, { env, appid, secret, maxConnections: 32 });
 *   }
 * }
 * ```
 */
export class WxCloudStorageRegistry {
  readonly #instances: OpenedInstances;

  /** @internal Made by the module. */
  constructor(instances: OpenedInstances) {
    this.#instances = instances;
  }

  /**
   * Returns the service of an instance: an opened one, or one of the module, whose default instance
   * is named `default`. Those of the module are there once their modules are initialised.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_INSTANCE_NOT_FOUND` when there is none, or none
   * any more: an idle instance was closed; `WX_CLOUD_STORAGE_CLOSED` while it is being closed
   * @example
   * ```ts
   * import type { WxCloudStorageRegistry } from 'nestjs-wx-cloud-storage';
   *
   * declare const registry: WxCloudStorageRegistry;
   *
   * const { fileId } = await registry.get('tenant-7').upload('notes/hello.txt', 'Hello!');
   *
   * console.log(fileId);
   * ```
   */
  get(name: string): WxCloudStorageService {
    return this.#instances.get(name);
  }

  /**
   * Opens an instance, or returns the open one of this name and these options. Makes no call to
   * WeChat. Call it for each request: an idle instance is closed, and calls of its service then
   * reject with `WX_CLOUD_STORAGE_CLOSED`. While an instance of the name is being closed, the new
   * one waits for its end, 24 seconds at most.
   * @param name - 1 to 128 letters, digits and `. _ : @ / -`
   * @param options - as for `forRoot`; functions and stores are the same only if they are the same
   * object
   * @param settings - as for the first call of this name
   * @throws {@link OptionsInvalidError} for wrong options, for a name of an instance of the module,
   * and for other options than those of the open instance, without `replace`;
   * {@link WxCloudStorageError} `WX_CLOUD_STORAGE_CLOSED` once the application shuts down;
   * `WX_CLOUD_CAPACITY_EXCEEDED` when 4096 are open, none of them idle for a second
   * @example
   * ```ts
   * import type { WxCloudStorageRegistry } from 'nestjs-wx-cloud-storage';
   *
   * declare const registry: WxCloudStorageRegistry;
   * declare const tokenOf: (request: { readonly appid: string }) => Promise<string>;
   *
   * const storage = await registry.open(
   *   'tenant-7',
   *   {
   *     env: 'prod-8gtest7',
   *     auth: { type: 'custom', appid: 'wx0123456789abcdef', getToken: tokenOf },
   *   },
   *   { idleSeconds: 300 },
   * );
   *
   * console.log(await storage.exists('cloud://prod-8gtest7.7072-prod-8gtest7-1300000000/a.txt'));
   * ```
   */
  async open(
    name: string,
    options: WxCloudStorageOptions,
    settings: WxCloudOpenSettings = {},
  ): Promise<WxCloudStorageService> {
    return this.#instances.open(name, options, settings);
  }

  /**
   * Closes an opened instance: its running operations, and handlers of requests that have stored
   * files, get 9 seconds; then operations are aborted, and their clean-up is waited for. No
   * other request gets it from the start. Does nothing for a name without an instance.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID` for an instance of the module,
   * which is closed with the application
   * @example
   * ```ts
   * import type { WxCloudStorageRegistry } from 'nestjs-wx-cloud-storage';
   *
   * declare const registry: WxCloudStorageRegistry;
   *
   * await registry.close('tenant-7');
   * ```
   */
  async close(name: string): Promise<void> {
    return this.#instances.close(name);
  }
}

/** The registry of an application, with its instances. */
interface RegistryParts {
  readonly registry: WxCloudStorageRegistry;
  readonly opened: OpenedInstances;
}

function createRegistry(instances: InstanceList): RegistryParts {
  const opened = new OpenedInstances(instances);
  return { registry: new WxCloudStorageRegistry(opened), opened };
}

/** Closes the instances that were opened at run time; one for each module, as hooks are. */
class OpenedLifecycle implements OnModuleDestroy, OnApplicationShutdown {
  readonly #opened: OpenedInstances;

  constructor(opened: OpenedInstances) {
    this.#opened = opened;
  }

  /** The first hook of a shutdown. */
  onModuleDestroy(): void {
    this.#opened.startEnding();
  }

  /** The last hook, after the server was closed. */
  async onApplicationShutdown(): Promise<void> {
    await this.#opened.end();
  }
}

/** The injection token of the registry of an application and its instances. */
const REGISTRY = Symbol('wx-cloud-storage:registry');

/** The providers of every module; all modules of an application share what they provide. */
export const registryProviders: readonly Provider[] = [
  singletonProvider(REGISTRY, createRegistry),
  {
    provide: WxCloudStorageRegistry,
    inject: [REGISTRY],
    useFactory: ({ registry }: RegistryParts) => registry,
  },
  {
    provide: OpenedLifecycle,
    inject: [REGISTRY],
    useFactory: ({ opened }: RegistryParts) => new OpenedLifecycle(opened),
  },
];
