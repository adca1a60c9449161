import {
  Inject,
  Injectable,
  mixin,
  type ArgumentMetadata,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { findInstance } from '../application-instances.js';
import { toHttpException } from '../http-exception.js';
import {
  assertFileIdOptions,
  readFileIds,
  takesMany,
  type WxCloudFileIdOptions,
} from './file-id-options.js';

/**
 * Lets through what is a file ID of the instance's environment and bucket, as it is, or a list of them; anything else is
 * answered with 400 and the reason, before any call. For body, query and route parameters:
 * `@Body('fileId', ParseFileIdPipe)`. Whether the file exists is not looked at.
 */
@Injectable()
export class ParseFileIdPipe implements PipeTransform<unknown, string | string[] | undefined> {
  readonly #host: HttpAdapterHost;

  /** The options of this kind of pipe. */
  protected get options(): WxCloudFileIdOptions {
    return {};
  }

  /** Injected by Nest. */
  constructor(@Inject(HttpAdapterHost) host: HttpAdapterHost) {
    this.#host = host;
  }

  /** Makes a pipe with options, to be used in the same way. @throws {@link OptionsInvalidError} */
  static with(options: WxCloudFileIdOptions): Type<ParseFileIdPipe> {
    assertFileIdOptions(options);
    class ConfiguredPipe extends ParseFileIdPipe {
      protected override get options(): WxCloudFileIdOptions {
        return options;
      }
    }
    return mixin(ConfiguredPipe);
  }

  /** Called by Nest. */
  transform(value: unknown, metadata?: Partial<ArgumentMetadata>): string | string[] | undefined {
    const { storage, prefixes, optional = false } = this.options;
    if (optional && value === undefined) return undefined;
    const many = takesMany(this.options, metadata);
    const check = { instance: findInstance(this.#host, storage), prefixes, many };
    try {
      return readFileIds(value, ({ fileId }) => fileId, check);
    } catch (error) {
      throw toHttpException(error) as Error;
    }
  }
}
