import { Injectable, mixin, type Type } from '@nestjs/common';
import type { ParsedFileId } from '../../file-id/index.js';
import { WxCloudFile } from '../../wx-cloud-file.js';
import type { Instance } from '../application-instances.js';
import type { WxCloudFileIdOptions } from './file-id-options.js';
import { describePipe, FileIdPipe } from './file-id-pipe.js';

/**
 * Turns a file ID of the instance's environment and bucket, or a list of them, into handles; nothing is fetched yet.
 * Anything else is answered with 400 and the reason, before any call: `@Body('fileId', WxCloudFilePipe) file: WxCloudFile`.
 */
@Injectable()
export class WxCloudFilePipe extends FileIdPipe<WxCloudFile> {
  /**
   * Makes a pipe with options, which are checked when the application starts; it is used in the
   * same way.
   */
  static with(options: WxCloudFileIdOptions): Type<WxCloudFilePipe> {
    class ConfiguredPipe extends WxCloudFilePipe {
      protected override get options(): WxCloudFileIdOptions {
        return options;
      }
    }
    return mixin(describePipe(ConfiguredPipe, 'WxCloudFilePipe.with', options));
  }

  /** @internal A handle. */
  protected convert(fileId: ParsedFileId, { files }: Instance): WxCloudFile {
    return new WxCloudFile(files, fileId);
  }
}
