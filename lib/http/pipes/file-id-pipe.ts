import {
  Inject,
  Optional,
  type ArgumentMetadata,
  type OnModuleInit,
  type PipeTransform,
} from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import type { ParsedFileId } from '../../file-id/index.js';
import { findInstance, type Instance } from '../application-instances.js';
import { assertHost, describeEnhancer, factsOf } from '../enhancers.js';
import { toLoggedException } from '../failure-log.js';
import { startNamed } from '../routes.js';
import {
  assertFileIdOptions,
  readFileIds,
  takesMany,
  type WxCloudFileIdOptions,
} from './file-id-options.js';

/** Has the options of a pipe checked when an application that uses it starts. */
export function describePipe<T extends object>(pipe: T, name: string, options: unknown): T {
  return describeEnhancer(pipe, { name, assertOptions: () => assertFileIdOptions(options) });
}

/** What the pipes for file IDs have in common; they differ in what they make of one. */
export abstract class FileIdPipe<T>
  implements PipeTransform<unknown, T | T[] | undefined>, OnModuleInit
{
  readonly #host: HttpAdapterHost;
  readonly #modules: ModulesContainer | undefined;

  /** The options of this kind of pipe. */
  protected get options(): WxCloudFileIdOptions {
    return {};
  }

  /** Injected by Nest. */
  constructor(
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Optional() @Inject(ModulesContainer) modules?: ModulesContainer,
  ) {
    assertHost(host, factsOf(this)?.name ?? this.constructor.name);
    this.#host = host;
    this.#modules = modules;
  }

  /** Called by Nest. @throws {@link OptionsInvalidError} for a wrong option, naming the handler */
  onModuleInit(): void {
    const facts = factsOf(this);
    if (facts === undefined) return;
    startNamed(this.#modules, facts);
  }

  /** Called by Nest. */
  transform(value: unknown, metadata?: Partial<ArgumentMetadata>): T | T[] | undefined {
    const { storage, prefixes, optional = false } = this.options;
    if (optional && value === undefined) return undefined;
    const instance = findInstance(this.#host, storage, this.#modules);
    const check = { instance, prefixes, many: takesMany(this.options, metadata) };
    try {
      return readFileIds(value, fileId => this.convert(fileId, instance), check);
    } catch (error) {
      throw toLoggedException(error) as Error;
    }
  }

  /** @internal What a handler gets for a file ID that is let through. */
  protected abstract convert(fileId: ParsedFileId, instance: Instance): T;
}
