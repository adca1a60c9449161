import { assertDeclaredSize } from './declared-size.js';
import { assertPathPrefix } from './path-prefix.js';
import { assertProgressIdOption } from './progress/index.js';
import type { WxCloudUploadEngineOptions } from './upload-options.js';

/** Checks what can be known before a file comes. @throws {@link OptionsInvalidError} */
export function assertUploadOptions(options: WxCloudUploadEngineOptions): void {
  assertPathPrefix(options.path);
  assertDeclaredSize(options.declaredSize);
  assertProgressIdOption(options.progressId);
}
