import { Injectable, mixin, type Type } from '@nestjs/common';
import type { ParsedFileId } from '../../file-id/index.js';
import type { WxCloudFileIdOptions } from './file-id-options.js';
import { describePipe, FileIdPipe } from './file-id-pipe.js';

/**
 * Lets through what is a file ID of the instance's environment and bucket, as it is, or a list of them; anything else is
 * answered with 400 and the reason, before any call. For body, query and route parameters:
 * `@Body('fileId', ParseFileIdPipe)`. Whether the file exists is not looked at.
 */
@Injectable()
export class ParseFileIdPipe extends FileIdPipe<string> {
  /**
   * Makes a pipe with options, which are checked when the application starts; it is used in the
   * same way.
   */
  static with(options: WxCloudFileIdOptions): Type<ParseFileIdPipe> {
    class ConfiguredPipe extends ParseFileIdPipe {
      protected override get options(): WxCloudFileIdOptions {
        return options;
      }
    }
    return mixin(describePipe(ConfiguredPipe, 'ParseFileIdPipe.with', options));
  }

  /** @internal The file ID as it is. */
  protected convert({ fileId }: ParsedFileId): string {
    return fileId;
  }
}
