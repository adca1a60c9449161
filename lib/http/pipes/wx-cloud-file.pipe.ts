import {
  Inject,
  Injectable,
  mixin,
  type ArgumentMetadata,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { WxCloudFile } from '../../wx-cloud-file.js';
import { findInstance } from '../application-instances.js';
import { toHttpException } from '../http-exception.js';
import {
  assertFileIdOptions,
  readFileIds,
  takesMany,
  type WxCloudFileIdOptions,
} from './file-id-options.js';

/**
 * Turns a file ID of the instance's environment and bucket, or a list of them, into handles; nothing is fetched yet.
 * Anything else is answered with 400 and the reason, before any call: `@Body('fileId', WxCloudFilePipe) file: WxCloudFile`.
 */
@Injectable()
export class WxCloudFilePipe implements PipeTransform<
  unknown,
  WxCloudFile | WxCloudFile[] | undefined
> {
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
  static with(options: WxCloudFileIdOptions): Type<WxCloudFilePipe> {
    assertFileIdOptions(options);
    class ConfiguredPipe extends WxCloudFilePipe {
      protected override get options(): WxCloudFileIdOptions {
        return options;
      }
    }
    return mixin(ConfiguredPipe);
  }

  /** Called by Nest. */
  transform(
    value: unknown,
    metadata?: Partial<ArgumentMetadata>,
  ): WxCloudFile | WxCloudFile[] | undefined {
    const { storage, prefixes, optional = false } = this.options;
    if (optional && value === undefined) return undefined;
    const instance = findInstance(this.#host, storage);
    try {
      return readFileIds(value, parsed => new WxCloudFile(instance.files, parsed), {
        instance,
        prefixes,
        many: takesMany(this.options, metadata),
      });
    } catch (error) {
      throw toHttpException(error) as Error;
    }
  }
}
