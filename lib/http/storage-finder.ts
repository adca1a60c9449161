import type { ExecutionContext } from '@nestjs/common';
import type { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import {
  anyInstance,
  findInstance,
  type Instance,
  instancesOfHost,
} from './application-registry.js';
import {
  chooseForHandler,
  readStorageOption,
  type WxCloudStorageOption,
} from './storage-option.js';
import type { UploadTransaction } from './upload-transaction.js';

/** The application that an interceptor belongs to. */
export interface FinderHome {
  /** Its host. */
  readonly host: HttpAdapterHost;
  /** Its modules, if they are known. */
  readonly modules?: ModulesContainer | undefined;
}

/** Finds the instance that the option `storage` of an interceptor selects. */
export class StorageFinder {
  readonly #owner: string;
  readonly #options: { readonly storage?: WxCloudStorageOption | undefined };
  /** The application. */
  readonly home: FinderHome;

  /** `owner` is the name of the interceptor. Checks nothing yet. */
  constructor(
    owner: string,
    options: { readonly storage?: WxCloudStorageOption | undefined },
    home: FinderHome,
  ) {
    this.#owner = owner;
    this.#options = options;
    this.home = home;
  }

  /**
   * Checks that there is an instance, where it does not depend on the request.
   * @throws {@link OptionsInvalidError}
   */
  assertExists(): void {
    const { name, choose } = readStorageOption(this.#options);
    if (choose === undefined) findInstance(this.home.host, name, this.home.modules);
  }

  /**
   * Finds the instance for a request. One that a function chooses does not close before the request
   * has ended.
   * @throws as {@link chooseForHandler} does
   */
  async find(context: ExecutionContext, transaction: UploadTransaction): Promise<Instance> {
    const { host, modules } = this.home;
    const { name, choose } = readStorageOption(this.#options);
    if (choose === undefined) return findInstance(host, name, modules);
    const instances = instancesOfHost(host, modules);
    const instance = await chooseForHandler(choose, context, { name: this.#owner, instances });
    transaction.hold(instance.context);
    return instance;
  }

  /** Any instance of the application, for a request without one of its own. */
  get any(): Instance | undefined {
    return anyInstance(instancesOfHost(this.home.host, this.home.modules));
  }
}
