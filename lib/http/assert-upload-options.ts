import { assertPathOptions } from './cloud-path-option.js';
import { assertDeclaredSize } from './declared-size.js';
import { assertProgressIdOption } from './progress/index.js';
import type { WxCloudUploadEngineOptions } from './upload-options.js';

/** Checks what can be known before a file comes. @throws {@link OptionsInvalidError} */
export function assertUploadOptions(options: WxCloudUploadEngineOptions): void {
  assertPathOptions(options);
  assertDeclaredSize(options.declaredSize);
  assertProgressIdOption(options.progressId);
}
